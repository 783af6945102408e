import functools
import http.server
import os
import re
import shutil
import threading
from pathlib import Path

import pytest
import requests

import mien
from mien.errors import OutputError, UsageError, WeightsError
from mien.inference import weights


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A local HTTP server of a folder, taken as the place where weight files come from."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("MIEN_MIRROR", f"http://127.0.0.1:{server.server_address[1]}/")
        yield folder
        server.shutdown()
        thread.join()


@pytest.fixture
def yunet_file(shared):
    return shared / "models" / "face_detection_yunet_2023mar.onnx"


class Bar:
    def __init__(self):
        self.total = 0
        self.seen = 0

    def update(self, amount):
        self.seen += amount

    def reset(self):
        self.seen_before_reset = self.seen

    def close(self):
        self.closed = True


def test_shipped_models_are_what_the_catalogue_says():
    for entry in weights.CATALOGUE:
        if entry.url is None:
            path = weights.verified(entry.name)
            assert path.stat().st_size == entry.size
            assert weights.pull(entry.name) == path


def test_pull_downloads_checks_and_shows_progress(own_home, mirror, yunet_file):
    shutil.copy(yunet_file, mirror)
    bar = Bar()
    path = weights.pull("yunet", progress=bar)
    assert path.parent == own_home
    assert weights.verified("yunet") == path
    assert bar.total == yunet_file.stat().st_size
    assert bar.seen_before_reset >= bar.total  # pooch counts in whole chunks


def test_pull_takes_a_file_for_machines_without_a_network(own_home, yunet_file, tmp_path):
    path = weights.pull("yunet", source=yunet_file)
    assert path.read_bytes() == yunet_file.read_bytes()
    with pytest.raises(WeightsError, match=r"nowhere\.onnx: no such file"):
        weights.pull("yunet", source=tmp_path / "nowhere.onnx")


def test_another_file_is_refused_and_changes_nothing(own_home, mirror, tmp_path):
    wrong = mirror / "face_detection_yunet_2023mar.onnx"
    wrong.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        weights.pull("yunet")
    with pytest.raises(WeightsError, match=r"SHA-256 is [0-9a-f]{12}…, should be 8f2383e4dd3c…"):
        weights.pull("yunet", source=wrong)
    assert [path.name for path in own_home.rglob("*")] == []
    with pytest.raises(WeightsError, match="is not there; type: mien models pull yunet"):
        weights.verified("yunet")


def test_a_file_that_changed_later_is_found_out(own_home, yunet_file):
    path = weights.pull("yunet", source=yunet_file)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"SHA-256 is .*; type: mien models pull yunet"):
        weights.verified("yunet")
    assert weights.sha256_of(weights.pull("yunet", source=yunet_file)) == weights.find("yunet").sha256


def test_missing_on_the_server(own_home, mirror):
    with pytest.raises(WeightsError, match=r"cannot be downloaded from http://127.*404.*--from"):
        weights.pull("yunet")


def test_no_network_says_how_to_do_without(own_home, monkeypatch):
    monkeypatch.setenv("MIEN_MIRROR", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(WeightsError, match=r"no connection.*mien models pull yunet --from") as caught:
        weights.pull("yunet")
    assert "\n" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_not_called_a_missing_network(own_home, monkeypatch):
    def get(*args, **options):
        raise requests.exceptions.SSLError("HTTPSConnectionPool(...): certificate verify failed")

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(WeightsError, match=r"\(its certificate is not trusted; REQUESTS_CA_BUNDLE names"):
        weights.pull("yunet")


def test_a_shipped_file_is_taken_from_no_other_place(tmp_path):
    with pytest.raises(UsageError, match=r"mien-nano: ships with mien.*leave out --from"):
        weights.pull("mien-nano", source=tmp_path / "other.onnx")


def test_a_home_that_cannot_be_written(tmp_path, monkeypatch, yunet_file):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(OutputError, match="cannot be written"):
        weights.pull("yunet", source=yunet_file)


def test_unknown_names():
    with pytest.raises(UsageError, match="unknown model 'resnet'"):
        weights.find("resnet")
    with pytest.raises(UsageError, match="unknown model 'yunet': it is one of mien-base"):
        weights.emotion_model("yunet")
    with pytest.raises(WeightsError, match=r"none\.onnx: no such weight file"):
        weights.emotion_model("some/none.onnx")


def test_a_folder_in_the_place_of_its_weight_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, file = Path("runs", "mine"), Path("runs", "mine", "model.onnx")
    run.mkdir(parents=True)
    with pytest.raises(WeightsError, match=r"is a folder, not a weight file; give the path of an \.onnx file"):
        weights.emotion_model(str(run))
    file.touch()
    with pytest.raises(WeightsError, match=re.escape(f"{run}: is a folder, not a weight file; give {file}")):
        weights.emotion_model(str(run))
    Path("mien-base").mkdir()
    assert weights.emotion_model("mien-base") == weights.find("mien-base").path()


def test_what_was_pulled_may_be_read_by_whoever_may_read_a_new_file(own_home, mirror, yunet_file, tmp_path):
    shutil.copy(yunet_file, mirror)
    (tmp_path / "new").write_text("")
    assert weights.pull("yunet").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_what_is_there_is_not_pulled_again(own_home, yunet_file, monkeypatch):
    path = weights.pull("yunet", source=yunet_file)
    monkeypatch.setenv("MIEN_MIRROR", "http://127.0.0.1:9")
    assert weights.pull("yunet") == path


def test_the_users_home_folder_in_mien_home(own_home, mirror, yunet_file, monkeypatch):
    shutil.copy(yunet_file, mirror)
    monkeypatch.setenv("HOME", str(own_home))
    monkeypatch.setenv("USERPROFILE", str(own_home))
    monkeypatch.setenv("MIEN_HOME", "~/pulled")
    assert weights.pull("yunet").parent == own_home / "pulled"
    assert weights.verified("yunet").parent == own_home / "pulled"


def test_a_home_that_may_not_be_looked_into(own_home, yunet_file, monkeypatch):
    # As where the home folder is root's and the user another one, in a container.
    def stat(path, *args, _stat=os.stat, **options):
        if str(path).startswith(str(own_home)):
            raise PermissionError(13, "Permission denied", path)
        return _stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert mien.Analyzer().detector.name == "haar"
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.verified("yunet")
    with pytest.raises(OutputError, match=r"home: cannot be written \(Permission denied\); set MIEN_HOME"):
        weights.pull("yunet", source=yunet_file)

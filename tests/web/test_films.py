import csv
import errno
import io
import json
import threading
import time
from tempfile import TemporaryFile
from urllib.parse import urljoin

import numpy as np
import pytest

import mien
from mien import Analyzer
from mien.web import schemas
from mien.web.jobs import Jobs
from mien.web.settings import Limits
from tests.web.conftest import open_client

FILM = {"Content-Type": "video/mp4"}


def finished(client, job):
    deadline = time.monotonic() + 60
    while job["state"] in ("waiting", "running") and time.monotonic() < deadline:
        time.sleep(0.05)
        job = client.get(f"/v1/videos/{job['id']}").json()
        schemas.JobShape.model_validate(job)
    return job


def send(client, film, name="talk.mp4"):
    answer = client.post("/v1/videos", files={"video": (name, film)})
    assert answer.status_code == 202, answer.text
    assert answer.url.join(answer.headers["Location"]).path == f"/v1/videos/{answer.json()['id']}"
    return answer.json()


@pytest.fixture(scope="module")
def done(client, film):
    return finished(client, send(client, film.read_bytes()))


def test_a_film_gives_what_analyze_video_gives(client, film, done):
    assert done["state"] == "done"
    assert (done["frames"], done["progress"], done["problems"], done["error"]) == (30, 1.0, [], None)
    frames = client.get(f"/v1/videos/{done['id']}/result").json()["frames"]
    expected = [frame.to_dict() for frame in mien.Analyzer(detector="haar").analyze_video(film)]
    assert [frame["time_s"] for frame in frames] == [frame["time_s"] for frame in expected]
    assert all(frame["source"] == "talk.mp4" for frame in frames)
    for frame, other in zip(frames, expected, strict=True):
        assert [face["track_id"] for face in frame["faces"]] == [face["track_id"] for face in other["faces"]]
        assert [face["label"] for face in frame["faces"]] == [face["label"] for face in other["faces"]]
    assert sum(len(frame["faces"]) for frame in frames) >= 25


def test_only_frames_that_are_not_known_yet_are_sent_again(client, done):
    path = f"/v1/videos/{done['id']}/result"
    assert [frame["frame"] for frame in client.get(f"{path}?after=27").json()["frames"]] == [27, 28, 29]
    assert client.get(f"{path}?after=1000").json()["frames"] == []
    assert client.get(f"{path}?after=-1").status_code == 422


def test_results_as_tables(client, done):
    path = f"/v1/videos/{done['id']}/result"
    lines = [json.loads(line) for line in client.get(f"{path}?format=jsonl").text.splitlines()]
    assert [line["frame"] for line in lines] == list(range(30))
    answer = client.get(f"{path}?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {int(row["frame"]) for row in rows} == set(range(30))
    assert {"track_id", "label", "p_happiness", "smoothed_happiness"} <= set(rows[0])
    assert client.get(f"{path}?format=xlsx").status_code == 422


def test_a_film_as_a_body_needs_no_form(client, film):
    answer = client.post("/v1/videos", content=film.read_bytes(), headers=FILM)
    assert answer.status_code == 202
    assert finished(client, answer.json())["frames"] == 30


def test_what_is_no_film_fails_with_a_sentence_and_without_the_servers_paths(client):
    for content in (b"rubbish " * 100, b"", b"#EXTM3U\nhttp://127.0.0.1/x.ts\n"):
        job = finished(client, send(client, content, "holiday.mp4"))
        assert job["state"] == "failed"
        assert job["error"].startswith("holiday.mp4: ")
        assert "/dev/fd" not in job["error"]


def test_a_list_of_other_films_is_no_film(client, film):
    with film.open("rb") as other:  # as the upload of somebody else would be open
        content = f"ffconcat version 1.0\nfile {other.fileno()}\n".encode()
        job = finished(client, send(client, content, "holiday.mp4"))
    assert (job["state"], job["frames"]) == ("failed", 0)
    assert job["error"].startswith("holiday.mp4: is not a film that can be read")


def test_a_film_that_was_cut_off_keeps_what_came_before(client, film):
    av = pytest.importorskip("av")
    whole = io.BytesIO()
    with av.open(str(film)) as source, av.open(whole, "w", format="matroska") as target:
        stream = target.add_stream("mpeg4", rate=10)  # without frames that wait for later ones
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    content = whole.getvalue()
    job = finished(client, send(client, content[: int(0.7 * len(content))], "cut.mkv"))
    assert job["state"] == "done", job
    assert 3 <= job["frames"] < 30
    assert job["problems"]
    assert job["problems"][0].startswith("cut.mkv: ")


def test_a_film_that_is_too_long_is_analysed_up_to_the_limit(film):
    with open_client(limits=Limits(max_film_s=1.0)) as client:
        job = finished(client, send(client, film.read_bytes()))
        assert job["state"] == "done"
        assert job["frames"] == 11
        assert "talk.mp4: goes on after 1 s, which is the limit here" in job["problems"][0]
        frames = client.get(f"/v1/videos/{job['id']}/result").json()["frames"]
        events = [event for frame in frames for event in frame["events"]]
        assert [(event["emotion"], event["offset_s"]) for event in events] == [("happiness", 1.0)]


def test_a_film_with_very_many_frames_is_cut_where_it_says(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "quick.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=120)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(100):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with open_client(limits=Limits(max_film_s=1.0)) as client:
        job = finished(client, send(client, path.read_bytes()))
    assert job["frames"] == 60
    assert job["problems"][0].startswith("talk.mp4: goes on after 0.5 s and 60 frames, which is the limit here")


def test_a_film_that_is_too_large_is_refused(film):
    with open_client(limits=Limits(max_film_bytes=1000)) as client:
        answer = client.post("/v1/videos", files={"video": ("talk.mp4", film.read_bytes())})
        assert answer.status_code == 413


def test_no_more_films_than_places_and_a_waiting_one_can_be_cancelled(film, monkeypatch):
    go_on, judge = threading.Event(), Analyzer.judge

    def slow(self, crops):
        assert go_on.wait(30)
        return judge(self, crops)

    monkeypatch.setattr(Analyzer, "judge", slow)
    content = film.read_bytes()
    with open_client(limits=Limits(max_jobs=2)) as client:
        first, second = send(client, content), send(client, content)
        refused = client.post("/v1/videos", files={"video": ("talk.mp4", content)})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert client.delete(f"/v1/videos/{second['id']}").status_code == 204
        assert client.get(f"/v1/videos/{second['id']}").status_code == 404
        third = send(client, content)
        go_on.set()
        assert finished(client, first)["frames"] == 30
        assert finished(client, third)["frames"] == 30


def test_a_film_that_is_removed_before_its_turn_is_closed_at_once(film, monkeypatch):
    go_on, judge = threading.Event(), Analyzer.judge
    monkeypatch.setattr(Analyzer, "judge", lambda self, crops: (go_on.wait(30), judge(self, crops))[1])
    analyzer = Analyzer(detector="haar")
    jobs = Jobs(Limits(max_jobs=2), observe=lambda state, count: None)
    try:
        in_work = film.open("rb")
        first = jobs.add(in_work, "first.mp4", analyzer)
        deadline = time.monotonic() + 30
        while first.state == "waiting" and time.monotonic() < deadline:
            time.sleep(0.01)
        for _ in range(10):
            waiting = TemporaryFile()  # noqa: SIM115  (closed by the jobs)
            jobs.remove(jobs.add(waiting, "second.mp4", analyzer).id)
            assert waiting.closed
        jobs.remove(first.id)  # its file is read until the work has stopped
        assert not in_work.closed
    finally:
        go_on.set()
        jobs.stop()
    assert in_work.closed


def test_where_a_film_is_sent_stays_beside_it_when_a_proxy_moves_both(client):
    answer = client.post("/v1/videos?detector=haar", content=b"x", headers=FILM)
    moved = urljoin("https://faces.test/mien/v1/videos?detector=haar", answer.headers["Location"])
    assert moved == f"https://faces.test/mien/v1/videos/{answer.json()['id']}"


class Full(io.BytesIO):
    """A file on a disk without room for more than some bytes, which it holds back until it is flushed."""

    def write(self, content):
        if self.tell() + len(content) > 1_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)

    def close(self):
        if not self.closed:
            super().close()
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("size", [10_000, 3_000_000])
def test_a_film_that_has_no_room_on_the_disk_is_refused_and_frees_its_place(tmp_path, monkeypatch, form, size):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *args, **options: Full())
    sent = {"files": {"video": ("talk.mp4", bytes(size))}} if form else {"content": bytes(size), "headers": FILM}
    with open_client(limits=Limits(max_jobs=1)) as client:
        for _ in range(2):
            answer = client.post("/v1/videos", **sent)
            assert answer.status_code == 507
            assert answer.json()["error"] == (
                f"the server cannot put a film into {tmp_path} (No space left on device); make room there, or set "
                "TMPDIR to another folder"
            )


@pytest.mark.parametrize("content", [b"", b"x", bytes(3_000_000)])
def test_a_film_that_cannot_go_to_the_disk_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with open_client() as client:
        for sent in ({"files": {"video": ("talk.mp4", content)}}, {"content": content, "headers": FILM}):
            answer = client.post("/v1/videos", **sent)
            assert answer.status_code == 507
            assert f"into {tmp_path / 'gone'} (No such file or directory); make room" in answer.json()["error"]


def test_results_are_forgotten_though_nobody_asks(film):
    def films(client):
        text = client.get("/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("mien_films{"))

    with open_client(limits=Limits(keep_s=0.5)) as client:
        for _ in range(2):
            finished(client, send(client, b"x"))
        assert films(client) == 2
        deadline = time.monotonic() + 10
        while films(client) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert films(client) == 0
    before = set(threading.enumerate())  # the clocks of other servers among them
    with open_client() as client:
        finished(client, send(client, b"x"))
        clocks = [new for new in set(threading.enumerate()) - before if isinstance(new, threading.Timer)]
    assert len(clocks) == 1
    clocks[0].join(10)
    assert not clocks[0].is_alive()


def test_results_are_forgotten(film):
    with open_client(limits=Limits(keep_s=0.2, max_results=1)) as client:
        jobs = [finished(client, send(client, b"x")) for _ in range(2)]
        for job in jobs:
            time.sleep(0.3)
            answer = client.get(f"/v1/videos/{job['id']}/result")
            assert answer.status_code == 404
            assert "send the film again" in answer.json()["error"]


def test_an_upload_has_no_name_on_the_disk(film, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = []
    judge = Analyzer.judge
    monkeypatch.setattr(
        Analyzer, "judge", lambda self, crops: (seen.append(list(tmp_path.iterdir())), judge(self, crops))[1]
    )
    with open_client() as client:
        assert finished(client, send(client, film.read_bytes()))["state"] == "done"
    assert seen
    assert not any(seen)

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from mien.cli.analyze_work import find_pictures
from mien.errors import UsageError
from mien.inference.analyzer import Analyzer
from mien.labels import FERPLUS8
from mien.model_card import Head
from mien.picture_journal import PictureJournal


@pytest.fixture(autouse=True)
def _no_yunet(own_home):
    """With an empty cache folder the detector is Haar, wherever the tests run."""


@pytest.fixture
def folder(tmp_path, astronaut):
    """Two pictures with a face, one without, one broken, a text."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    shutil.copy(astronaut, photos / "a.jpg")
    shutil.copy(astronaut, photos / "more" / "a.jpg")
    Image.new("RGB", (64, 64)).save(photos / "blank.png")
    (photos / "broken.jpg").write_bytes(astronaut.read_bytes()[:5000])
    (photos / "notes.txt").write_text("not a picture")
    return photos


def test_a_photograph(mien, astronaut, tmp_path):
    code, out, err = mien("analyze", astronaut, "--annotate", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "happiness" in out
    assert "1 face in 1 picture" in out
    with Image.open(tmp_path / "out" / "astronaut.jpg") as drawn, Image.open(astronaut) as original:
        assert drawn.size == original.size
        assert (np.asarray(drawn) != np.asarray(original)).mean() > 0.02


def test_one_bad_file_is_listed_and_the_others_are_complete(mien, folder, tmp_path):
    code, out, err = mien("analyze", folder, "-o", tmp_path / "o.json", "-a", tmp_path / "drawn")
    assert code == 1
    assert "1 problem" in err
    assert "broken.jpg: is truncated or damaged" in err
    content = json.loads((tmp_path / "o.json").read_text())
    assert [os.path.basename(entry["source"]) for entry in content] == ["a.jpg", "blank.png", "a.jpg"]
    assert [len(entry["faces"]) for entry in content] == [1, 0, 1]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a-2.jpg", "a.jpg", "blank.png"]
    assert "no face" in out


def test_copies_of_an_earlier_run_are_no_pictures(mien, folder, tmp_path):
    shutil.copy(folder / "a.jpg", folder / "._a.jpg")
    for _ in range(2):
        assert mien("analyze", folder, "-o", tmp_path / "o.json", "-a", folder / "drawn")[0] == 1
        assert len(json.loads((tmp_path / "o.json").read_text())) == 3


def test_a_picture_that_is_gone_when_it_is_drawn_keeps_its_results(mien, folder, tmp_path, monkeypatch):
    read, seen = Analyzer.read, []

    def gone(self, source):
        if source in seen:
            (folder / "blank.png").unlink(missing_ok=True)
        seen.append(str(source))
        return read(self, source)

    monkeypatch.setattr(Analyzer, "read", gone)
    (folder / "broken.jpg").unlink()
    code, _, err = mien("analyze", folder, "-o", tmp_path / "o.json", "-a", tmp_path / "drawn")
    assert code == 1
    assert "blank.png: no such file" in err
    assert len(json.loads((tmp_path / "o.json").read_text())) == 3


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "parquet", ""])
def test_a_name_that_is_no_utf8_loses_nothing(mien, astronaut, tmp_path, ending):
    name = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    try:
        shutil.copy(astronaut, name)
    except OSError:
        pytest.skip("this file system takes no such names")
    output = ["-o", tmp_path / f"o.{ending}"] if ending else []
    code, out, err = mien("analyze", name, *output)
    assert (code, err) == (0, "")
    assert "caf\\udce9.jpg" in out.replace("\n", "")
    if ending == "json":
        assert json.loads((tmp_path / "o.json").read_text())[0]["source"] == str(name)
    elif ending == "csv":
        assert "caf\\udce9.jpg" in (tmp_path / "o.csv").read_text()


def test_ninety_nine_of_a_hundred(mien, tmp_path):
    for number in range(100):
        Image.fromarray(np.full((48, 48), number, np.uint8)).save(tmp_path / f"{number:03d}.png")
    (tmp_path / "042.png").write_bytes(b"")
    code, out, err = mien("analyze", tmp_path, "--no-detect", "-o", tmp_path / "o.csv")
    assert code == 1
    assert "042.png: is empty" in err
    with (tmp_path / "o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 99
    assert "99 faces in 99 pictures" in out


def test_labels_and_min_confidence(mien, astronaut, tmp_path):
    mien("analyze", astronaut, "--labels", "ferplus8", "-o", tmp_path / "o.jsonl")
    (entry,) = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert "contempt" in entry["faces"][0]["emotions"]
    mien("analyze", astronaut, "--min-confidence", "1", "-o", tmp_path / "o.jsonl")
    assert json.loads((tmp_path / "o.jsonl").read_text())["faces"] == []


def test_blur_hides_the_face(mien, astronaut, tmp_path):
    assert mien("analyze", astronaut, "--blur", "--annotate", tmp_path)[0] == 0
    assert Analyzer(detector="haar").analyze(tmp_path / "astronaut.jpg").faces == ()
    code, _, err = mien("analyze", astronaut, "--blur")
    assert (code, err.count("\n")) == (2, 1)
    assert "--annotate DIR" in err


def test_faces_that_are_left_out_are_blurred_too(mien, astronaut, tmp_path):
    assert mien("analyze", astronaut, "--blur", "--min-confidence", "1", "--annotate", tmp_path)[0] == 0
    assert Analyzer(detector="haar").analyze(tmp_path / "astronaut.jpg").faces == ()


def test_odd_names_are_printed_as_they_are(mien, astronaut, tmp_path):
    odd = tmp_path / "a[bold] b[red] ü.jpg"
    shutil.copy(astronaut, odd)
    code, out, err = mien("analyze", odd)
    assert (code, err) == (0, "")
    assert "a[bold]" in out


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["{folder}/empty"], 2, "no pictures in this folder"),
        (["{folder}/*.tiff"], 2, "no file matches"),
        (["{folder}/a.jpg", "--model", "resnet"], 2, "unknown model 'resnet'"),
        (["{folder}/a.jpg", "--model", "no/such.onnx"], 1, "no such weight file"),
        (["{folder}/a.jpg", "--detector", "mtcnn"], 2, "unknown detector 'mtcnn'"),
        (["{folder}/a.jpg", "--detector", "yunet"], 1, "mien models pull yunet"),
        (["{folder}/a.jpg", "--labels", "fer8"], 2, "unknown head"),
        (["{folder}/a.jpg", "-o", "{folder}/o.xls"], 2, "must end in .json"),
        (["{folder}/a.jpg", "-o", "{folder}/notes.txt/o.json"], 1, "cannot be written"),
        (["{folder}/a.jpg", "-a", "{folder}/notes.txt"], 2, "is a file; --annotate takes a folder"),
        (["{folder}/a.jpg", "-a", "{folder}"], 2, "the pictures themselves lie there"),
        (["{folder}/a.jpg", "--no-detect", "--detector", "haar"], 2, "exclude each other"),
        (["{folder}/a.jpg", "--min-confidence", "2"], 2, "--min-confidence"),
        (["{folder}/a.jpg", "--min-confidence", "nan"], 2, "--min-confidence is nan; give a finite number"),
    ],
)
def test_wrong_usage_is_told_before_any_work(mien, folder, words, code, text):
    (folder / "empty").mkdir()
    found, out, err = mien("analyze", *(word.format(folder=folder) for word in words))
    assert found == code
    assert text in err
    assert out == ""


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("x.jpg", b"plain text", "is not a picture"),
        ("x.jpg", b"", "is empty"),
        ("x.jpg", None, "no such file"),
    ],
)
def test_a_single_bad_picture(mien, tmp_path, name, content, text):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = mien("analyze", tmp_path / name)
    assert code == 1
    assert f"{name}: {text}" in err
    assert "the rest" not in err  # there is none, and no table of it
    assert "probability" not in out


def test_the_limit_on_pixels(mien, astronaut):
    code, _, err = mien("analyze", astronaut, "--max-megapixels", "0.1")
    assert code == 1
    assert "512 x 512 is more than the limit of 0.1 megapixels" in err


def test_a_disk_that_fills_while_drawing_keeps_the_results(mien, folder, tmp_path, monkeypatch):
    def full(self, *args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", full)
    code, _, err = mien("analyze", folder / "a.jpg", "-a", tmp_path / "drawn", "-o", tmp_path / "o.json")
    assert code == 1
    assert "a.jpg: cannot be written (No space left on device)" in err
    assert len(json.loads((tmp_path / "o.json").read_text())) == 1


@pytest.fixture
def many(tmp_path, astronaut_pixels):
    """Three hundred pictures of one face: ten groups."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        Image.fromarray(astronaut_pixels[60 + number % 7 : 220, 160:300]).resize((96, 96)).save(
            folder / f"{number:03d}.png"
        )
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_and_run_again_it_is_complete_and_nothing_is_done_twice(many, tmp_path, how):
    output, copies = tmp_path / "o.json", tmp_path / "copies"
    words = [sys.executable, "-m", "mien", "analyze", many, "--no-detect", "-o", output, "-a", copies]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "o.json.journal"
    while not (journal.exists() and journal.read_bytes().count(b'"picture"') > 70):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    known = journal.read_bytes().count(b'"picture"')
    assert known < 300
    if how == signal.SIGKILL:
        assert not output.exists()
    else:
        written = len(json.loads(output.read_text()))
        assert 0 <= known - written <= 1  # one may be in the journal and not yet counted
        assert f"interrupted; of {300 - written} pictures there are no results\n" in err
        assert f"run the same command again to go on from there (kept in {journal})" in err
        assert "Traceback" not in err
    again = subprocess.run(words, check=True, capture_output=True, text=True)
    assert f"went on after {known} pictures of an interrupted run" in again.stdout
    assert "300 faces in 300 pictures" in again.stdout
    assert not journal.exists()
    assert sorted(path.name for path in copies.glob("[!.]*")) == [f"{number:03d}.png" for number in range(300)]
    once = tmp_path / "once.json"
    subprocess.run([*words[:-3], once], check=True, capture_output=True)
    assert output.read_bytes() == once.read_bytes()


def stop_after(monkeypatch, groups, error=KeyboardInterrupt):
    analyze_many, done = Analyzer.analyze_many, []

    def some(self, sources, **options):
        if len(done) == groups:
            raise error
        done.append(analyze_many(self, sources, **options))
        return done[-1]

    monkeypatch.setattr(Analyzer, "analyze_many", some)
    return lambda: monkeypatch.setattr(Analyzer, "analyze_many", analyze_many)


def test_what_was_left_is_gone_on_with_by_the_same_command_only(mien, many, tmp_path, monkeypatch):
    words = ["analyze", many, "--no-detect", "-o", tmp_path / "o.csv"]
    go_on = stop_after(monkeypatch, 2)
    assert mien(*words)[0] == 1
    go_on()
    code, _, err = mien(*words, "--labels", "ferplus8")
    assert (code, err.count("\n")) == (2, 1)
    assert "another run (other labels)" in err
    code, _, err = mien(*words[:1], many / "299.png", *words[2:])
    assert (code, err.count("\n")) == (2, 1)
    assert "holds results of other pictures, such as" in err
    (many / "000.png").unlink()  # is no reason to refuse
    shutil.copy(many / "002.png", many / "001.png")
    code, out, err = mien(*words)
    assert (code, err) == (0, "")
    assert "went on after 62 pictures" in out
    with (tmp_path / "o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [os.path.basename(row["source"]) for row in rows] == [f"{number:03d}.png" for number in range(1, 300)]
    assert rows[0]["p_anger"] == rows[1]["p_anger"]
    assert not (tmp_path / "o.csv.journal").exists()


def test_what_was_left_is_kept_when_the_pictures_are_away(mien, many, tmp_path, monkeypatch):
    words = ["analyze", many, "--no-detect", "-o", tmp_path / "o.csv"]
    go_on = stop_after(monkeypatch, 2)
    mien(*words)
    go_on()
    many.rename(tmp_path / "away")
    code, _, err = mien(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert "many: is gone, and an interrupted run has results of it; put it back" in err
    (tmp_path / "away").rename(many)
    code, out, _ = mien(*words)
    assert code == 0
    assert "went on after 64 pictures" in out


def test_an_interruption_takes_the_place_of_no_results(mien, many, tmp_path, monkeypatch):
    words = ["analyze", many, "--no-detect", "-o", tmp_path / "o.csv"]
    go_on = stop_after(monkeypatch, 0)
    mien(*words)
    assert not (tmp_path / "o.csv").exists()
    (tmp_path / "o.csv").write_text("complete")
    go_on()
    go_on = stop_after(monkeypatch, 1)
    code, out, err = mien(*words)
    assert code == 1
    assert "of 268 pictures there are no results\nrun the same command again to go on from there (kept in " in err
    assert "results:" not in out
    assert (tmp_path / "o.csv").read_text() == "complete"


def test_copies_of_an_earlier_run_are_not_taken_for_those_of_a_stopped_one(mien, many, tmp_path, monkeypatch):
    words = ["analyze", many, "--no-detect", "-o", tmp_path / "o.csv", "-a", tmp_path / "drawn"]
    (tmp_path / "drawn").mkdir()
    for picture in many.iterdir():
        shutil.copy(picture, tmp_path / "drawn")
    write, written = PictureJournal.add_copy, []

    def stop(self, *words):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(write(self, *words))

    monkeypatch.setattr(PictureJournal, "add_copy", stop)
    assert mien(*words, "--blur")[0] == 1
    monkeypatch.setattr(PictureJournal, "add_copy", write)
    assert mien(*words, "--blur")[0] == 0
    for picture in many.iterdir():
        assert (tmp_path / "drawn" / picture.name).read_bytes() != picture.read_bytes()


def test_copies_that_a_full_disk_prevented_are_made_by_the_next_run(mien, folder, tmp_path, monkeypatch):
    (folder / "broken.jpg").unlink()
    words = ["analyze", folder, "-o", tmp_path / "o.json", "-a", tmp_path / "drawn"]
    save, saved = Image.Image.save, []

    def full(self, *args, **options):
        if saved:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(save(self, *args, **options))

    monkeypatch.setattr(Image.Image, "save", full)
    code, _, err = mien(*words)
    assert code == 1
    assert "cannot be written (No space left on device)" in err
    assert "the rest is complete" not in err
    assert len(json.loads((tmp_path / "o.json").read_text())) == 3
    monkeypatch.setattr(Image.Image, "save", save)
    code, out, err = mien(*words)
    assert (code, err) == (0, "")
    assert "went on after 3 pictures" in out
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a-2.jpg", "a.jpg", "blank.png"]


def test_a_table_that_cannot_be_written_leaves_what_is_known(mien, folder, tmp_path, monkeypatch):
    words = ["analyze", folder / "a.jpg", "-o", tmp_path / "o.csv"]
    with monkeypatch.context() as full:
        full.setattr("mien.save.write_rows", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        code, _, err = mien(*words)
    assert (code, err.count("\n")) == (1, 1)
    assert "make room; or run the same command again: the results so far are in" in err
    assert "went on after 1 picture of an interrupted run" in mien(*words)[1]


def test_find_pictures(folder):
    names = [path.relative_to(folder).as_posix() for path in find_pictures([str(folder)])]
    assert names == ["a.jpg", "blank.png", "broken.jpg", "more/a.jpg"]
    assert len(find_pictures([str(folder / "**" / "a.jpg"), str(folder / "a.jpg")])) == 2
    with pytest.raises(UsageError):
        find_pictures([str(folder / "*.gif")])
    drawn = folder / "drawn"  # a shell that expands * names it too
    drawn.mkdir()
    assert find_pictures([str(folder / "a.jpg"), str(drawn)], but=drawn) == [folder / "a.jpg"]
    with pytest.raises(UsageError, match="no pictures in this folder"):
        find_pictures([str(folder / "a.jpg"), str(drawn)])


def test_a_face_that_is_left_out_is_no_missing_face(mien, folder):
    _, out, _ = mien("analyze", folder / "a.jpg", folder / "blank.png", "--min-confidence", "1")
    assert "0 faces in 2 pictures, 1 more left out by --min-confidence" in out
    lines = {line.split()[0]: line.rstrip() for line in out.splitlines() if line}
    assert lines["a.jpg"].endswith("left out")
    assert lines["blank.png"].endswith("no face")


def test_a_face_with_several_emotions_and_one_with_none(mien, astronaut, monkeypatch, tmp_path):
    def analyze(*thresholds):
        many = Head("multilabel8", "multi", FERPLUS8.labels, thresholds=thresholds)
        monkeypatch.setattr("mien.model_card.ModelCard.head", lambda card, name: many)
        words = mien("analyze", astronaut, "--labels", "multilabel8", "-o", tmp_path / "o.csv")[1]
        with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
            return words, [row["present"] for row in csv.DictReader(file)]

    words, present = analyze(0.001, 0.5, *[1.0] * 6)
    assert "happiness, neutral" in words  # the most probable first, in the table in the order of the labels
    assert present == ["neutral;happiness"]
    words, _ = analyze(0.001, 1.0, *[1.0] * 6)
    (line,) = [line for line in words.splitlines() if line.startswith("astronaut")]
    assert line.split()[2] == "neutral"  # which alone reaches its threshold, though happiness is more probable
    assert (line.count("neutral"), line.count("happiness")) == (1, 1)
    words, present = analyze(*[1.0] * 8)
    assert " none " in words
    assert present == [""]


def test_a_film_and_an_address_are_told_where_to_go(mien, tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"film")
    code, _, err = mien("analyze", tmp_path / "film.mp4", "https://example.org/a.jpg")
    assert code == 1
    assert "for films there is mien video" in err
    assert "a.jpg: mien loads nothing from the web" in err

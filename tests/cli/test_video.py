import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import av
import pytest
from PIL import Image

from mien.cli.video import _seconds
from mien.cli.video_work import find_films
from mien.errors import UsageError
from mien.film.journal import FilmJournal
from mien.inference.weights import find, pull
from tests.films_on_disk import gray_steps, wandering_face, write_film


@pytest.fixture(autouse=True)
def _no_yunet(own_home):
    """With an empty cache folder the detector is Haar, wherever the tests run."""


@pytest.fixture(scope="module")
def face_film(astronaut_pixels, tmp_path_factory):
    frames = wandering_face(astronaut_pixels)
    return write_film(tmp_path_factory.mktemp("films") / "face.mp4", frames, sound="aac")


def rows_of(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_everything_at_once(mien, face_film, tmp_path):
    paths = [tmp_path / name for name in ("o.csv", "e.csv", "a.mp4", "p.png")]
    code, out, err = mien(
        "video", face_film, "-o", paths[0], "--events", paths[1], "--annotate", paths[2], "--plot", paths[3]
    )
    assert (code, err) == (0, "")
    assert "50 frames from 0.00 s to 1.96 s, 10 without a face, 1 person" in out
    rows = rows_of(paths[0])
    assert [int(row["frame"]) for row in rows] == list(range(50))
    assert [row["track_id"] for row in rows] == ["1"] * 20 + [""] * 10 + ["1"] * 20
    assert [row["emotion"] for row in rows_of(paths[1])] == ["happiness"]
    with av.open(str(paths[2])) as container:
        assert container.streams.audio
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx(
            [float(row["time_s"]) for row in rows], abs=0.001
        )
    with Image.open(paths[3]) as picture:
        assert picture.width > 1000
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(path.name for path in paths)


def test_the_talking_face(mien, shared, tmp_path):
    film = shared / "photos" / "talking_face.mp4"
    pull("yunet", source=shared / "models" / find("yunet").file)
    code, out, err = mien("video", film, "-o", tmp_path / "o.csv")
    assert (code, err) == (0, "")
    rows = rows_of(tmp_path / "o.csv")
    with av.open(str(film)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(rows) == len(times) == 115
    assert [float(row["time_s"]) for row in rows] == pytest.approx(times, abs=0.001)
    assert {row["track_id"] for row in rows} == {"1"}
    changes, raw = (sum(a[key] != b[key] for a, b in itertools.pairwise(rows)) for key in ("label", "top"))
    assert changes <= 3 < raw
    assert f"{changes} ({raw})" in out


def command(*words):
    return [Path(sys.executable).with_name("mien"), "video", *map(str, words)]


def test_killed_and_run_again_it_is_complete_and_nothing_is_there_twice(astronaut_pixels, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    film = write_film(tmp_path / "long.mp4", wandering_face(astronaut_pixels, count=200, hidden=range(0)))
    expected, output = tmp_path / "expected.csv", tmp_path / "o.parquet"
    subprocess.run(command(film, "-o", expected), check=True, capture_output=True)
    process = subprocess.Popen(command(film, "-o", output), stdout=subprocess.DEVNULL)
    journal = tmp_path / "o.parquet.journal"
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 60):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not output.exists()
    again = subprocess.run(command(film, "-o", output), check=True, capture_output=True, text=True)
    assert "frames of an interrupted run" in again.stdout
    assert not journal.exists()
    table = parquet.read_table(output).to_pylist()
    rows = [{key: "" if value is None else str(value) for key, value in row.items()} for row in table]
    whole = rows_of(expected)
    assert [row["frame"] for row in rows] == [str(number) for number in range(200)]
    for row, same in zip(rows, whole, strict=True):
        assert (row["time_s"], row["track_id"], row["label"], row["x1"]) == (
            same["time_s"],
            same["track_id"],
            same["label"],
            same["x1"],
        )
        assert float(row["smoothed_happiness"]) == pytest.approx(float(same["smoothed_happiness"]), abs=1e-5)


class Killed(BaseException):
    """The end of a process, as far as the tests can have it."""


def kill(mien, *words, at):
    """Run `mien video` until so many frames are in the journal."""
    write, count = FilmJournal.write, itertools.count(1)

    def written(self, result):
        write(self, result)
        if next(count) == at:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FilmJournal, "write", written)
        with pytest.raises(Killed):
            mien("video", *words)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Two films on a disk, which can be away."""
    monkeypatch.chdir(tmp_path)
    for name in ("usb/a.mp4", "usb/b.mp4"):
        write_film(Path(name), gray_steps(40))
    return Path("usb")


@pytest.mark.parametrize("before", [None, "an earlier table"])
def test_a_film_that_is_away_for_a_while_is_gone_on_with(mien, disk, before):
    words = (disk / "a.mp4", "-o", "o.csv", "-e", "e.csv")
    if before:
        Path("o.csv").write_text(before)
    kill(mien, *words, at=31)
    journal = Path("o.csv.journal").read_bytes()
    disk.rename("away")
    code, out, err = mien("video", *words)
    assert code == 1
    assert err.count("\n") == 1
    assert "usb/a.mp4: no such file; check the path; till then it is left out, and its first 31 frames are kept" in err
    assert "kept in o.csv.journal: run the same command again to go on from there" in err
    assert out == ""
    assert not Path("e.csv").exists()
    assert (Path("o.csv").read_text() if Path("o.csv").exists() else None) == before
    assert Path("o.csv.journal").read_bytes() == journal
    Path("away").rename(disk)
    code, out, err = mien("video", *words)
    assert (code, err) == (0, "")
    assert "went on after 31 frames" in out
    assert [row["frame"] for row in rows_of("o.csv")] == [str(number) for number in range(40)]
    assert Path("e.csv").exists()
    assert not Path("o.csv.journal").exists()


def test_of_many_films_the_one_that_is_away_waits_and_the_others_are_there(mien, disk):
    words = (disk / "a.mp4", disk / "b.mp4", "-o", "o.csv", "-e", "e.jsonl")
    kill(mien, *words, at=31)
    (disk / "a.mp4").rename("away.mp4")
    code, _, err = mien("video", *words)
    assert code == 1
    assert "its first 31 frames are kept in o.csv.journal" in err
    assert [row["source"] for row in rows_of("o.csv")] == ["usb/b.mp4"] * 40
    Path("away.mp4").rename(disk / "a.mp4")
    assert mien("video", *words)[0] == 0
    assert [row["source"] for row in rows_of("o.csv")] == ["usb/a.mp4"] * 40 + ["usb/b.mp4"] * 40
    assert not Path("o.csv.journal").exists()


@pytest.mark.parametrize("at", [31, 60])  # within the film, and after it
def test_of_many_films_the_one_that_has_changed_waits_for_a_word(mien, disk, at):
    words = (disk / "a.mp4", disk / "b.mp4", "-o", "o.csv")
    kill(mien, *words, at=at)
    os.utime(disk / "a.mp4", (1, 1))
    code, _, err = mien("video", *words)
    assert code == 1
    assert f"usb/a.mp4: has changed since its first {min(at, 40)} frames were written to o.csv.journal" in err
    assert "run the same command again to go on from there, or delete that file to start afresh; till then" in err
    assert [row["source"] for row in rows_of("o.csv")] == ["usb/b.mp4"] * 40
    Path("o.csv.journal").unlink()
    assert mien("video", *words)[0] == 0
    assert len(rows_of("o.csv")) == 80


def test_a_film_that_went_away_when_it_was_done_is_in_the_table(mien, disk):
    words = (disk / "a.mp4", disk / "b.mp4", "-o", "o.csv")
    kill(mien, *words, at=60)
    (disk / "a.mp4").unlink()
    code, _, err = mien("video", *words)
    assert code == 1
    assert "a.mp4: no such file; check the path; an interrupted run had come to its end, so its rows are there" in err
    assert len(rows_of("o.csv")) == 80
    assert not Path("o.csv.journal").exists()


@pytest.mark.parametrize("given", [["usb"], ["usb/*.mp4"], ["usb/a.mp4", "usb/b.mp4"]])  # the last by a shell
def test_films_may_come_and_go_between_two_runs(mien, disk, given):
    kill(mien, *given, "-o", "o.csv", at=60)
    (disk / "a.mp4").rename("away.mp4")
    write_film(disk / "c.mp4", gray_steps(5))
    again = ["usb/b.mp4", "usb/c.mp4"] if len(given) > 1 else given
    code, _, err = mien("video", *again, "-o", "o.csv")
    assert code == 1
    assert "a.mp4: no such file; check the path; an interrupted run had come to its end, so its rows are there" in err
    assert {row["source"]: row["frame"] for row in rows_of("o.csv")} == {
        "usb/b.mp4": "39",
        "usb/c.mp4": "4",
        "usb/a.mp4": "39",
    }


def test_a_film_that_is_there_and_was_begun_is_not_forgotten(mien, disk):
    kill(mien, disk / "a.mp4", "-o", "o.csv", at=31)
    before = Path("o.csv.journal").read_bytes()
    code, _, err = mien("video", disk / "b.mp4", "-o", "o.csv")
    assert code == 2
    assert "usb/a.mp4: an interrupted run has its first 31 frames, in o.csv.journal; name it too" in err
    assert Path("o.csv.journal").read_bytes() == before


def test_copies_of_other_options_are_drawn_anew(mien, disk):
    assert mien("video", disk, "-l", "multilabel8", "-a", "o", "-p", "o")[0] == 0
    before = {name: Path("o", name).read_bytes() for name in ("a.mp4", "a.png", "b.mp4", "b.png")}
    kill(mien, disk, "-o", "o.csv", at=60)  # its first film is whole
    code, out, _ = mien("video", disk, "-o", "o.csv", "-a", "o", "-p", "o")
    assert code == 0
    for name in ("a.png", "b.png"):  # timelines of other labels
        assert Path("o", name).read_bytes() != before[name]
    assert {line.partition(":")[0] for line in out.splitlines()} >= {"results", "annotated", "timeline"}


def test_what_an_earlier_run_has_written_is_no_result(mien, disk, monkeypatch):
    Path("o.csv").write_text("of an earlier run")
    asked = itertools.count()
    monkeypatch.setattr("mien.cli.video_work._interrupt", lambda: nullcontext(lambda: next(asked) > 60))
    code, out, err = mien("video", disk, "-o", "o.csv", "-a", "drawn")
    assert code == 1
    assert "interrupted after" in err
    assert "annotated: drawn" in out  # the first film's
    assert "results:" not in out


def test_a_live_film_that_is_over_leaves_what_was_seen_of_it(mien, disk):
    address = "rtsp://127.0.0.1:9/over"
    kill(mien, address, disk / "a.mp4", "-o", "o.csv", at=31)
    lines = Path("o.csv.journal").read_text().replace(json.dumps("usb/a.mp4"), json.dumps(address)).splitlines()
    lines[1] = json.dumps({"film": address, "stamp": {}})
    Path("o.csv.journal").write_text("".join(f"{line}\n" for line in lines))
    code, _, err = mien("video", address, disk / "a.mp4", "-o", "o.csv")
    assert code == 1
    assert "no stream there" in err
    assert len(rows_of("o.csv")) == 31 + 40
    assert not Path("o.csv.journal").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_by_hand_it_says_how_to_go_on(astronaut_pixels, tmp_path, number):
    film = write_film(tmp_path / "long.mp4", wandering_face(astronaut_pixels, count=300, hidden=range(0)))
    process = subprocess.Popen(
        command(film, "-o", tmp_path / "o.csv", "-a", tmp_path / "a.mp4"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journal = tmp_path / "o.csv.journal"
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 50):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "run the same command again to go on" in err
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mp4", "o.csv.journal"]


def test_other_options_do_not_go_on_with_it(mien, face_film, tmp_path):
    (tmp_path / "o.csv.journal").write_text('{"journal": 1, "run": {"model": "other"}}\n')
    code, _, err = mien("video", face_film, "-o", tmp_path / "o.csv")
    assert code == 2
    assert "another run" in err
    assert "delete it to start afresh" in err


def test_a_part_of_a_film_with_its_own_times(mien, face_film, tmp_path):
    code, _, _ = mien(
        "video", face_film, "-o", tmp_path / "o.jsonl", "--start", "0:00.4", "--end", "0.8", "--every", "2"
    )
    assert code == 0
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == [10, 12, 14, 16, 18]
    assert [line["time_s"] for line in lines] == pytest.approx([0.4, 0.48, 0.56, 0.64, 0.72])


def test_a_folder_of_films_with_a_broken_one(mien, tmp_path, astronaut_pixels):
    films = tmp_path / "films"
    write_film(films / "a.mp4", wandering_face(astronaut_pixels, count=5))
    write_film(films / "more" / "a.mkv", gray_steps(5))
    (films / "broken.mov").write_bytes(b"no film")
    (films / "notes.txt").write_text("no film")
    out_dir = tmp_path / "out"
    code, out, err = mien("video", films, "-o", tmp_path / "o.csv", "-a", out_dir, "-p", out_dir)
    assert code == 1
    assert "broken.mov: is not a film that can be read" in err
    rows = rows_of(tmp_path / "o.csv")
    assert [Path(row["source"]).name for row in rows] == ["a.mp4"] * 5 + ["a.mkv"] * 5
    assert sorted(path.name for path in out_dir.iterdir()) == ["a-2.mp4", "a-2.png", "a.mp4", "a.png"]
    assert "no face" in out


def test_a_folder_of_pictures_is_one_film(mien, tmp_path, astronaut_pixels):
    (tmp_path / "frames").mkdir()
    for number, picture in enumerate(wandering_face(astronaut_pixels, count=12)):
        Image.fromarray(picture).save(tmp_path / "frames" / f"{number}.png")
    code, _, _ = mien("video", tmp_path / "frames", "--rate", 10, "-o", tmp_path / "o.csv", "-a", tmp_path / "a.mp4")
    assert code == 0
    rows = rows_of(tmp_path / "o.csv")
    assert [float(row["time_s"]) for row in rows] == pytest.approx([number / 10 for number in range(12)])
    assert {row["track_id"] for row in rows} == {"1"}
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert len(list(container.decode(video=0))) == 12


def test_what_was_lost_is_said_and_the_rest_is_there(mien, face_film, tmp_path):
    path = write_film(tmp_path / "a.mp4", gray_steps(50), options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-150])
    code, _, err = mien("video", path, "-o", tmp_path / "o.csv")
    assert code == 1
    assert "what came before is complete" in err
    assert 40 < len(rows_of(tmp_path / "o.csv")) <= 50


@pytest.mark.parametrize("known", [False, True])
def test_a_copy_without_its_sound_is_said_and_all_else_is_there(mien, tmp_path, known):
    film = write_film(tmp_path / "a.mkv", gray_steps(5), sound="aac")
    film.write_bytes(film.read_bytes().replace(b"A_AAC", b"A_ZZZ"))
    words = (film, "-o", tmp_path / "o.csv", "-a", tmp_path / "b.mp4")
    if known:
        kill(mien, *words, at=3)
    code, out, err = mien("video", *words)
    assert code == 1
    assert err.count("\n") == 1
    assert "a.mkv: its sound is of a codec that this FFmpeg cannot decode; the annotated copy is silent" in err
    assert "annotated:" in out
    assert len(rows_of(tmp_path / "o.csv")) == 5
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.mkv", "b.mp4", "o.csv"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["{film}", "-o", "o.xls"], 2, "must end in .jsonl, .csv, .parquet"),
        (["{film}", "-e", "o.json"], 2, "must end in .jsonl, .csv, .parquet"),
        (["{film}", "-a", "o.avi"], 2, "must be a folder, or a name that ends in .mp4"),
        (["{film}", "-a", "{film}"], 2, "is one of the films"),
        (["{film}", "-o", "a.csv", "-e", "a.csv"], 2, "a.csv: is written already"),
        (["{film}", "--max-megapixels", "inf"], 2, "--max-megapixels"),
        (["{film}", "--max-megapixels", "nan"], 2, "--max-megapixels is nan; give a finite number"),
        (["{film}", "-p", "o.txt"], 2, "must be a folder, or a name that ends in .png"),
        (["{film}", "--start", "soon"], 2, "--start soon: is no time"),
        (["{film}", "--start", "2", "--end", "1"], 2, "start 2 s is not before end 1 s"),
        (["{film}", "--start", "1:00", "-o", "o.csv"], 1, "not one frame that can be decoded in this part"),
        (["{film}", "--every", "0"], 2, "--every"),
        (["{film}", "--model", "resnet"], 2, "unknown model 'resnet'"),
        (["{film}", "--max-megapixels", "0.01"], 1, "more than the limit of 0.01 megapixels"),
        (["{folder}"], 2, "no films in this folder"),
        (["{folder}/*.mp4"], 2, "no file matches"),
        (["{folder}/none.mp4", "-o", "o.csv"], 1, "no such file"),
        (["97"], 1, "camera 97: cannot be opened"),
        (["{film}", "{film}2", "-a", "x.mp4"], 2, "is one file, but there are 2 films"),
    ],
)
def test_errors_are_one_line(mien, face_film, tmp_path, monkeypatch, words, code, text):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    found, _, err = mien("video", *(word.format(film=face_film, folder=tmp_path / "empty") for word in words))
    assert found == code
    assert text in err
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["empty"]


def test_find_films(tmp_path):
    for name in ("a.mp4", "b/c.MKV", "b/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [Path(film).name for film in find_films([str(tmp_path), str(tmp_path / "*.mp4")])] == ["a.mp4", "c.MKV"]
    assert find_films(["rtsp://x/*", "0", "none.mp4"]) == ["rtsp://x/*", "0", "none.mp4"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("1:00:00", 3600), ("0", 0), (None, None)]
)
def test_times(text, seconds):
    assert _seconds(text, "--start") == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:2:3:4", "inf", "nan", "1:-2", "x"])
def test_no_times(text):
    with pytest.raises(UsageError, match="is no time"):
        _seconds(text, "--start")


def test_no_film_is_written_over(mien, tmp_path):
    write_film(tmp_path / "a.mov", gray_steps(3))
    before = write_film(tmp_path / "a.mp4", gray_steps(4)).read_bytes()
    code, _, err = mien("video", tmp_path, "--annotate", tmp_path)
    assert code == 2
    assert "a.mp4: is one of the films" in err
    assert (tmp_path / "a.mp4").read_bytes() == before


def test_copies_of_an_earlier_run_are_no_films(mien, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / "a.mp4", gray_steps(3))
    write_film(tmp_path / "more" / "a.mp4", gray_steps(3))
    (tmp_path / "._a.mp4").write_bytes(b"of another system")
    for _ in range(2):
        assert mien("video", ".", "--annotate", "drawn", "-o", "o.csv")[0] == 0
        assert {row["source"] for row in rows_of("o.csv")} == {"a.mp4", "more/a.mp4"}
    assert sorted(path.name for path in Path("drawn").iterdir()) == ["a-2.mp4", "a.mp4"]
    assert find_films(["**/*.mp4"], but=Path("drawn")) == ["a.mp4", "more/a.mp4"]
    assert find_films(["drawn"], but=Path("drawn")) == ["drawn/a-2.mp4", "drawn/a.mp4"]


def test_a_shell_may_name_the_copies_too(mien, disk):
    words = ("usb/a.mp4", "usb/drawn", "usb/b.mp4")  # usb/*
    (disk / "drawn").mkdir()
    for _ in range(2):
        assert mien("video", *words, "--annotate", "usb/drawn", "-o", "o.csv")[0] == 0
        assert {row["source"] for row in rows_of("o.csv")} == {"usb/a.mp4", "usb/b.mp4"}
    everything = ["usb/a.mp4", "usb/drawn/a.mp4", "usb/drawn/b.mp4"]  # usb/**/*.mp4
    assert find_films(everything, but=Path("usb/drawn")) == ["usb/a.mp4"]
    (disk / "none").mkdir()
    with pytest.raises(UsageError, match="usb/none: no films in this folder"):
        find_films(["usb/none"], but=Path("usb/none"))


def test_a_film_is_one_film_however_it_is_spelt(disk):
    assert find_films(["./usb/a.mp4", "usb/a.mp4", "usb/../usb/a.mp4", "usb"]) == ["./usb/a.mp4", "usb/b.mp4"]


@pytest.mark.parametrize("words", [("-p", "frames/timeline.png"), ("-a", "frames/drawn/copy.mp4"), ("-p", "frames/p")])
def test_nothing_is_written_among_the_frames_of_a_film(mien, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    Path("frames").mkdir()
    Image.new("RGB", (32, 32)).save("frames/0.png")
    code, _, err = mien("video", "frames", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert "lies in frames, whose pictures are the film; give another place" in err
    assert [path.name for path in Path("frames").iterdir()] == ["0.png"]


def test_names_are_said_as_they_are(mien, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_film(Path("a.mp4"), gray_steps(3)).rename("a:cat:[b].mp4")
    _, out, err = mien("video", "a:cat:[b].mp4", "x:b:y.mp4", "-o", "o:cat:[b].csv")
    assert "results: o:cat:[b].csv" in out
    assert "a:cat:[b].mp4" in out
    assert "x:b:y.mp4: no such file" in err
    assert "MM:SS or HH:MM:SS" in " ".join(mien("video", "--help")[1].split())


def test_names_of_copies_are_never_the_same(mien, tmp_path):
    films = [write_film(tmp_path / name, gray_steps(2)) for name in ("x/a.mp4", "y/a-2.mp4", "z/a.mp4")]
    assert mien("video", *films, "--annotate", tmp_path / "drawn")[0] == 0
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a-2.mp4", "a-3.mp4", "a.mp4"]

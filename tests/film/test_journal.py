import json
from pathlib import Path

import pytest

from mien.errors import OutputError, UsageError
from mien.film.journal import FilmJournal
from mien.results import Box, Emotions, Face
from mien.video_results import Event, FrameResult, TrackedFace

RUN = {"model": "m", "every": 1, "films": ["a.mp4"]}
STAMP = {"bytes": 10}


def frame(index, *, faces=1):
    found = TrackedFace(
        Face(Box(1.1, 2.2, 3.3, 4.4), 0.9),
        Emotions(("anger", "neutral"), (0.1, 0.9)),
        track_id=3,
        smoothed=Emotions(("anger", "neutral"), (0.123456789012345, 0.876543210987655)),
        label="neutral",
    )
    events = (Event(3, "anger", 0.1, 0.2, 0.3, 0.8),) if index == 2 else ()
    return FrameResult(index, index / 25, (found,) * faces, 10, 20, "m", "ä.mp4", events)


def write(path, count, *, ended=False):
    with FilmJournal(path, RUN) as journal:
        known = journal.begin("a.mp4", STAMP).frames
        for index in range(known, known + count):
            journal.write(frame(index, faces=index % 2))
        if ended:
            journal.end("a.mp4", problems=["lost something"], made=[Path("a.png")])


def test_frames_come_back_as_they_were(tmp_path):
    write(tmp_path / "j", 5)
    with FilmJournal(tmp_path / "j", RUN) as journal:
        for index, result in enumerate(journal.frames("a.mp4")):
            assert result.to_dict() == frame(index, faces=index % 2).to_dict()
        assert journal.films["a.mp4"].ended is False


@pytest.mark.parametrize(("lost", "left"), [(1, 4), (5, 4), (300, 3)])
def test_a_line_that_was_cut_in_two_is_dropped(tmp_path, lost, left):
    path = tmp_path / "j"
    write(path, 5)
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    write(path, 3)
    with FilmJournal(path, RUN) as journal:
        assert [result.index for result in journal.frames("a.mp4")] == list(range(left + 3))
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_even_the_first_line_may_be_cut(tmp_path):
    (tmp_path / "j").write_text('{"journ')
    write(tmp_path / "j", 2)
    with FilmJournal(tmp_path / "j", RUN) as journal:
        assert journal.films["a.mp4"].frames == 2


def test_known_frames_can_be_read_while_others_are_written(tmp_path):
    write(tmp_path / "j", 2)
    with FilmJournal(tmp_path / "j", RUN) as journal:
        journal.begin("a.mp4", STAMP)
        known = journal.frames("a.mp4")
        assert next(known).index == 0
        journal.write(frame(2))
        assert [result.index for result in known] == [1]
        assert [result.index for result in journal.frames("a.mp4")] == [0, 1, 2]


def test_several_films_and_their_ends(tmp_path):
    write(tmp_path / "j", 2, ended=True)
    with FilmJournal(tmp_path / "j", RUN) as journal:
        journal.begin("b.mp4", STAMP)
        journal.write(frame(0))
    with FilmJournal(tmp_path / "j", RUN) as journal:
        assert journal.films["a.mp4"].ended
        assert journal.films["a.mp4"].problems == ("lost something",)
        assert not journal.films["b.mp4"].ended
        assert journal.films["a.mp4"].made == {"a.png"}
        assert journal.films["b.mp4"].made == frozenset()
        assert [result.index for result in journal.frames_of(["a.mp4", "b.mp4"])] == [0, 1, 0]


def test_another_run_and_another_file_are_refused(tmp_path):
    path = tmp_path / "j"
    write(path, 2)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"another run \(other every\)"):
        FilmJournal(path, RUN | {"every": 2})
    with FilmJournal(path, RUN) as journal, pytest.raises(UsageError, match="has changed since its first 2 frames"):
        journal.begin("a.mp4", {"bytes": 11})
    assert path.read_bytes() == before


def test_what_is_no_journal_is_left_alone(tmp_path):
    path = tmp_path / "j"
    path.write_text("precious text\nof another kind\n")
    with pytest.raises(UsageError, match="is not a journal"):
        FilmJournal(path, RUN)
    assert path.read_text() == "precious text\nof another kind\n"
    with pytest.raises(OutputError, match="cannot be written"):
        FilmJournal(tmp_path / "none" / "j", RUN)


def test_what_is_lost_stands_between_the_frames(tmp_path):
    with FilmJournal(tmp_path / "j", RUN) as journal:
        journal.begin("a.mp4", STAMP)
        journal.write(frame(0))
        journal.lose("a frame")
        journal.write(frame(1))
    with FilmJournal(tmp_path / "j", RUN) as journal:
        assert [result.index for result in journal.frames("a.mp4")] == [0, 1]
        assert journal.begin("a.mp4", STAMP).problems == ("a frame",)
        journal.lose("a frame")
        journal.end("a.mp4", problems=["its end"])
    with FilmJournal(tmp_path / "j", RUN) as journal:
        assert journal.films["a.mp4"].problems == ("a frame", "its end")


def test_a_film_goes_on_though_another_one_came_between(tmp_path):
    # A film that failed, one that was interrupted, and the same command again.
    with FilmJournal(tmp_path / "j", RUN) as journal:
        for film, count in (("a.mp4", 3), ("b.mp4", 2)):
            journal.begin(film, STAMP)
            for index in range(count):
                journal.write(frame(index))
    with FilmJournal(tmp_path / "j", RUN) as journal:
        for film, first, last in (("a.mp4", 3, 5), ("b.mp4", 2, 4)):
            assert journal.begin(film, STAMP).frames == first
            for index in range(first, last):
                journal.write(frame(index))
            journal.lose(f"a frame of {film}")
        journal.end("a.mp4")
        assert [result.index for result in journal.frames_of(["a.mp4", "b.mp4"])] == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    with FilmJournal(tmp_path / "j", RUN) as journal:
        assert [result.index for result in journal.frames_of(["a.mp4", "b.mp4"])] == [0, 1, 2, 3, 4, 0, 1, 2, 3]
        assert {film: (state.ended, state.problems) for film, state in journal.films.items()} == {
            "a.mp4": (True, ("a frame of a.mp4",)),
            "b.mp4": (False, ("a frame of b.mp4",)),
        }


def test_a_full_disk_is_told_in_one_line(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OutputError, match=r"j: cannot be written .*; make room"):
            write(tmp_path / "j", 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with FilmJournal(tmp_path / "j", RUN) as journal:
        known = journal.films["a.mp4"].frames
        assert 0 < known < 100
        assert [result.index for result in journal.frames("a.mp4")] == list(range(known))

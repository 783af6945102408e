import os

import pytest

from mien.errors import UsageError
from mien.picture_journal import PictureJournal, stamp_of
from mien.results import Box, Emotions, Face, FaceResult, ImageResult

RUN = {"model": "m", "blur": False}


def result(source, *, faces=1):
    face = FaceResult(
        Face(Box(1.1, 2.2, 3.3, 4.4), 0.9),
        Emotions(("anger", "neutral"), (0.123456789012345, 0.876543210987655)),
        0.75,
        unsure=False,
    )
    return ImageResult((face,) * faces, 10, 20, "m", str(source))


@pytest.fixture
def pictures(tmp_path):
    """Three files."""
    names = [tmp_path / name for name in ("a.jpg", "b.jpg", os.fsdecode(b"\xe9.jpg"))]
    for name in names:
        try:
            name.write_bytes(b"picture")
        except OSError:
            pytest.skip("this file system takes no such names")
    return [str(name) for name in names]


def write(path, sources, *, copy=None):
    with PictureJournal(path, RUN) as journal:
        for source in sources:
            journal.add(result(source, faces=len(journal.pictures)), stamp_of(source))
            if copy is not None:
                journal.add_copy(source, copy)


@pytest.mark.parametrize("known", [0, 2, 3])
def test_results_come_back_as_they_were_in_the_order_asked_for(tmp_path, pictures, known):
    write(tmp_path / "j", pictures[:known])
    with PictureJournal(tmp_path / "j", RUN) as journal:
        assert journal.missing(pictures) == pictures[known:]
        found = list(journal.results(reversed(pictures)))
        expected = [result(source, faces=faces) for faces, source in enumerate(pictures[:known])][::-1]
        assert [each.to_dict() for each in found] == [each.to_dict() for each in expected]


def test_without_a_file_they_are_kept_in_memory(pictures):
    with PictureJournal(None, RUN) as journal:
        journal.add(result(pictures[0]), stamp_of(pictures[0]))
        assert [each.source for each in journal.results(pictures)] == pictures[:1]
        journal.add(result(pictures[1]), stamp_of(pictures[1]))  # to the end, though the first has been read
        assert [each.source for each in journal.results(pictures)] == pictures[:2]


@pytest.mark.parametrize(("lost", "left"), [(1, 2), (50, 2), (700, 1)])
def test_a_line_that_was_cut_in_two_is_dropped(tmp_path, pictures, lost, left):
    write(tmp_path / "j", pictures)
    content = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(content[:-lost])
    with PictureJournal(tmp_path / "j", RUN) as journal:
        assert journal.missing(pictures) == pictures[left:]
        journal.add(result(pictures[2]), stamp_of(pictures[2]))
    with PictureJournal(tmp_path / "j", RUN) as journal:
        assert [each.source for each in journal.results(pictures)] == [*pictures[:left], pictures[2]]


def test_a_file_that_has_changed_is_not_known(tmp_path, pictures):
    write(tmp_path / "j", pictures, copy="copy.jpg")
    with open(pictures[1], "ab") as file:
        file.write(b"more")
    os.unlink(pictures[2])
    with PictureJournal(tmp_path / "j", RUN) as journal:
        assert journal.missing(pictures) == pictures[1:]
        assert [each.source for each in journal.results(pictures)] == pictures[:1]
        journal.add(result(pictures[1]), stamp_of(pictures[1]))
        assert journal.drawn == {pictures[0], pictures[2]}
        assert set(journal.copies) == set(pictures)  # under which a new copy takes the place of the old one


def test_another_run_and_a_journal_of_films_are_refused(tmp_path, pictures):
    write(tmp_path / "j", pictures)
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(UsageError, match=r"another run \(other blur\)"):
        PictureJournal(tmp_path / "j", RUN | {"blur": True})
    assert (tmp_path / "j").read_bytes() == before
    (tmp_path / "k").write_bytes(before.splitlines(keepends=True)[0] + b'{"film": "a.mp4", "stamp": {}}\n')
    with pytest.raises(UsageError, match="is not a journal of `mien analyze`"):
        PictureJournal(tmp_path / "k", RUN)


def test_two_processes_do_not_write_one_journal(tmp_path, pictures):
    with PictureJournal(tmp_path / "j", RUN), pytest.raises(UsageError, match="in use by another mien"):
        PictureJournal(tmp_path / "j", RUN)
    write(tmp_path / "j", pictures)  # it is free again

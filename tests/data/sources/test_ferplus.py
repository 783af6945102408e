"""fer2013.csv and fer2013new.csv together."""

from pathlib import Path

import pytest

from mien.data.votes import VOTE_COLUMNS
from mien.errors import DataError, UsageError
from mien.labels import FER7, FERPLUS10
from tests.data.sources.layouts_on_disk import csv_rows, vote_rows, write_csv


@pytest.fixture
def folder(tmp_path: Path, faces) -> Path:
    """A folder with both files."""
    write_csv(tmp_path / "fer2013.csv", csv_rows(faces))
    write_csv(tmp_path / "fer2013new.csv", vote_rows(faces))
    return tmp_path


def set_votes(folder: Path, faces, row: int, **counts: int) -> None:
    """Give one row these votes and no other."""
    rows = vote_rows(faces)
    rows[row + 1][2:] = [str(counts.get(name, 0)) for name in VOTE_COLUMNS]
    write_csv(folder / "fer2013new.csv", rows)


def test_votes_and_names_of_ferplus_beside_the_labels_of_fer2013(folder: Path, faces, read) -> None:
    meta, records, problems = read("ferplus", folder)
    assert (meta.label_set, meta.votes, len(problems)) == (FER7, VOTE_COLUMNS, 0)
    assert [record.votes for record in records] == [face.votes for face in faces]
    assert [record.path for record in records] == [face.path for face in faces]
    assert [record.label for record in records] == [face.label for face in faces]


def test_present_is_what_enough_annotators_saw(folder: Path, faces, read) -> None:
    set_votes(folder, faces, 0, anger=4, fear=3, sadness=2, unknown=1)
    assert read("ferplus", folder)[1][0].labels == ("anger", "fear")
    assert read("ferplus", folder, at_least=2)[1][0].labels == ("sadness", "anger", "fear")
    assert read("ferplus", folder, at_least=5)[1][0].labels == ()


@pytest.mark.parametrize(
    ("counts", "majority", "plurality"),
    [
        ({"contempt": 7, "anger": 3}, "contempt", "contempt"),
        ({"anger": 5, "fear": 5}, None, "anger"),
        ({"unknown": 8, "anger": 2}, "unknown", "unknown"),
        ({"not_face": 10}, "not_face", "not_face"),
        ({"sadness": 4, "unknown": 3, "anger": 3}, None, "sadness"),
    ],
)
def test_rules_keep_unknown_and_not_a_face_as_such(folder: Path, faces, read, counts, majority, plurality) -> None:
    set_votes(folder, faces, 0, **counts)
    meta, records, _ = read("ferplus", folder, rule="majority")
    assert (meta.label_set, records[0].label) == (FERPLUS10, majority)
    assert read("ferplus", folder, rule="plurality")[1][0].label == plurality


def test_the_table_says_by_which_rule_it_was_made(folder: Path, read) -> None:
    assert read("ferplus", folder)[0].preparation == ("rule fer2013", "labels of at least 3 votes")
    meta, _, _ = read("ferplus", folder, rule="majority", at_least=5)
    assert meta.preparation == ("rule majority", "labels of at least 5 votes")


def test_no_votes_are_missing_and_not_neutral(folder: Path, faces, read) -> None:
    set_votes(folder, faces, 0)
    record = read("ferplus", folder, rule="plurality")[1][0]
    assert (record.label, record.labels, record.votes) == (None, None, None)


def test_a_picture_that_ferplus_dropped_gets_the_name_of_its_row(folder: Path, faces, read) -> None:
    rows = vote_rows(faces)
    rows[3][1] = ""
    write_csv(folder / "fer2013new.csv", rows)
    assert read("ferplus", folder)[1][2].path == "row0000002.png"


def test_the_votes_may_lie_elsewhere(folder: Path, faces, read) -> None:
    (folder / "fer2013new.csv").rename(folder / "votes.csv")
    assert len(read("ferplus", folder / "fer2013.csv", other=folder / "votes.csv")[1]) == len(faces)
    with pytest.raises(DataError, match=r"layout ferplus needs fer2013new\.csv"):
        read("ferplus", folder)


def test_files_that_do_not_belong_together_stop(folder: Path, faces, read) -> None:
    write_csv(folder / "fer2013new.csv", vote_rows(faces[:-1]))
    with pytest.raises(DataError, match=r"has 47 rows and .* has 48; they belong together row by row"):
        read("ferplus", folder)
    write_csv(folder / "fer2013new.csv", vote_rows(faces[::-1]))
    with pytest.raises(DataError, match=r"row 2: Usage is 'PrivateTest', in .* it is 'Training'"):
        read("ferplus", folder)


@pytest.mark.parametrize("value", ["", "x", "1.5", "-1"])
def test_votes_that_are_no_numbers_are_left_out(folder: Path, faces, read, value) -> None:
    rows = vote_rows(faces)
    rows[4][2] = value
    write_csv(folder / "fer2013new.csv", rows)
    _, records, problems = read("ferplus", folder)
    assert len(records) == len(faces) - 1
    assert problems.counts == {"votes are not ten whole numbers": 1}
    assert "fer2013new.csv, row 5" in problems.found[0].place


@pytest.mark.parametrize(("length", "missing"), [(0, "Usage"), (1, "Image name"), (7, "disgust")])
def test_a_row_of_votes_that_ends_early_is_left_out(folder: Path, faces, read, length: int, missing: str) -> None:
    rows = vote_rows(faces)
    rows[4] = rows[4][:length]
    write_csv(folder / "fer2013new.csv", rows)
    _, records, problems = read("ferplus", folder)
    assert len(records) == len(faces) - 1
    assert str(problems.found[0]).endswith(f"row 5: ends before its last column ({missing} is missing)")


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013new.csv"])
def test_a_quote_that_is_not_closed_stops(folder: Path, read, name: str) -> None:
    lines = (folder / name).read_text().splitlines()
    (folder / name).write_text("\n".join([*lines[:-3], f'"{lines[-3]}', *lines[-2:]]) + "\n")
    with pytest.raises(DataError, match=rf"{name}: has fewer rows than lines, a quote in it is not closed"):
        read("ferplus", folder)


def test_an_unknown_rule(folder: Path, read) -> None:
    with pytest.raises(UsageError, match=r"unknown rule for FER\+ labels 'majoriti': .* Did you mean 'majority'"):
        read("ferplus", folder, rule="majoriti")

"""Class folders in the spellings that people use."""

from pathlib import Path

import pytest

from mien.data.export_folders import export_folders
from mien.data.table import open_table
from mien.data.writing import write_table
from mien.errors import DataError, UsageError
from mien.labels import FER7, FERPLUS8
from tests.data.sources.layouts_on_disk import put


def test_splits_above_classes(tmp_path: Path, pngs, read) -> None:
    names = ["train/angry/1.png", "train/happy/2.png", "validation/sad/3.png", "test/neutral/4.png"]
    meta, records, problems = read("folders", put(tmp_path / "data", names, pngs))
    assert (meta.label_set, len(problems)) == (FER7, 0)
    assert {(record.path, record.label, record.split) for record in records} == {
        ("train/angry/1.png", "anger", "train"),
        ("train/happy/2.png", "happiness", "train"),
        ("validation/sad/3.png", "sadness", "validation"),
        ("test/neutral/4.png", "neutral", "test"),
    }
    assert {record.source for record in records} == {"data"}
    by_path = {record.path: record.image for record in records}
    assert all(by_path[name] == png for name, png in zip(names, pngs, strict=False)), "bytes must stay as they are"


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("angry", "anger"),
        ("Anger", "anger"),
        ("happy", "happiness"),
        ("happiness", "happiness"),
        ("happyness", "happiness"),
        ("HAPPY", "happiness"),
        ("sad", "sadness"),
        ("neutrality", "neutral"),
        ("disgusted", "disgust"),
        ("fearful", "fear"),
        ("surprised", "surprise"),
        ("0_angry", "anger"),
        ("03 - happy", "happiness"),
        ("contempt", "contempt"),
        ("not_face", "not_face"),
        ("unlabelled", None),
    ],
)
def test_spellings_of_classes(tmp_path: Path, pngs, read, folder, label) -> None:
    _, records, problems = read("folders", put(tmp_path, [f"{folder}/1.png"], pngs))
    assert [(record.label, record.split) for record in records] == [(label, "all")]
    assert not problems.found


@pytest.mark.parametrize(
    ("folder", "split"),
    [("Train", "train"), ("val", "validation"), ("testing", "test"), ("PrivateTest", "PrivateTest")],
)
def test_spellings_of_splits(tmp_path: Path, pngs, read, folder, split) -> None:
    _, records, _ = read("folders", put(tmp_path, [f"{folder}/happy/1.png"], pngs))
    assert [record.split for record in records] == [split]


def test_contempt_asks_for_eight_labels(tmp_path: Path, pngs, read) -> None:
    meta, _, _ = read("folders", put(tmp_path, ["contempt/1.png", "happy/2.png"], pngs))
    assert meta.label_set == FERPLUS8


def test_an_unknown_class_folder_is_named_with_the_number_of_its_files(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["happy/1.png", "hungry/2.png", "hungry/3.png"], pngs)
    _, records, problems = read("folders", tmp_path)
    assert len(records) == 1
    assert str(problems.found[0]) == f"{tmp_path / 'hungry'}: is no class that mien knows (2 files)"
    with pytest.raises(DataError, match="hungry: is no class that mien knows"):
        read("folders", tmp_path, strict=True)


def test_pictures_that_lie_deeper_or_loose_are_named_and_counted(tmp_path: Path, pngs, read) -> None:
    happy = [f"happy/{number}.png" for number in range(3)]
    deeper = [f"happy/subject1/{number}.png" for number in range(4)] + ["happy/subject1/day2/4.JPG"]
    put(tmp_path, [*happy, *deeper, "sad/0.png", "sad/1.png", "loose.png", "train/fear/1.png", "train/loose.png"], pngs)
    put(tmp_path, ["readme.txt", ".hidden.png", "happy/.thumbs/0.png", "happy/subject1/notes.txt"], pngs)
    _, records, problems = read("folders", tmp_path)
    assert len(records) == 6
    assert problems.counts == {"lies deeper than this layout reads": 5, "lies beside the folders that are read": 2}
    places = {Path(problem.place).relative_to(tmp_path).as_posix() for problem in problems.found}
    assert places == {*deeper, "loose.png", "train/loose.png"}
    with pytest.raises(DataError, match=r"loose\.png: lies beside the folders that are read; leave it out by running"):
        read("folders", tmp_path, strict=True)


def test_a_folder_in_a_circle_is_passed_over(tmp_path: Path, pngs, read) -> None:
    (put(tmp_path, ["happy/1.png"], pngs) / "happy" / "circle").symlink_to(tmp_path)
    _, records, problems = read("folders", tmp_path, strict=True)
    assert (len(records), len(problems)) == (1, 0)


def test_a_broken_picture_among_many_is_left_out(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, [f"happy/{number}.png" for number in range(20)], pngs)
    (tmp_path / "happy" / "7.png").write_bytes(pngs[7][:300])
    (tmp_path / "happy" / "8.png").write_bytes(b"")
    (tmp_path / "happy" / "9.jpg").write_text("not a picture")
    (tmp_path / "happy" / "notes.txt").write_text("not a picture either")
    (tmp_path / "happy" / ".DS_Store").write_text("nobody wants to know")
    _, records, problems = read("folders", tmp_path)
    assert len(records) == 18
    assert problems.counts == {"is not a picture that can be read": 3, "is not a picture by its name": 1}


def test_no_class_folder_at_all(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["cats/1.png", "dogs/1.png"], pngs)
    with pytest.raises(DataError, match="holds no class folder such as angry or happiness, but cats, dogs"):
        read("folders", tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read("folders", tmp_path / "none")
    with pytest.raises(DataError, match="is a file; layout folders needs the folder"):
        read("folders", tmp_path / "cats" / "1.png")


def test_a_folder_that_may_not_be_read(tmp_path: Path, pngs, read, monkeypatch) -> None:
    def closed(self: Path):
        raise PermissionError(13, "Permission denied")

    put(tmp_path, ["happy/1.png"], pngs)
    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\); check the permissions of the folder"):
        read("folders", tmp_path)


def test_faces_and_emotions_do_not_go_together(tmp_path: Path, pngs, read) -> None:
    with pytest.raises(UsageError, match="no label set holds face, happiness together"):
        read("folders", put(tmp_path, ["faces/1.png", "happy/2.png"], pngs))


def test_classes_of_ones_own(tmp_path: Path, pngs, read) -> None:
    put(tmp_path / "data", ["train/Bored/1.png", "train/happy/2.png", "test/Bored/3.png"], pngs)
    meta, records, problems = read("folders", tmp_path / "data", own_classes=True)
    assert (meta.label_set.name, meta.label_set.labels, len(problems)) == ("own", ("Bored", "happiness"), 0)
    assert [(record.label, record.split) for record in records] == [
        ("Bored", "test"),
        ("Bored", "train"),
        ("happiness", "train"),
    ]
    _, records, problems = read("folders", tmp_path / "data")
    assert [record.label for record in records] == ["happiness"]
    assert set(problems.counts) == {"is no class that mien knows"}


def test_exported_classes_of_ones_own_come_back(tmp_path: Path, pngs, read) -> None:
    meta, records, _ = read("folders", put(tmp_path / "data", ["Bored/1.png", "happy/2.png"], pngs), own_classes=True)
    write_table(tmp_path / "table.parquet", meta, records)
    export_folders(open_table(tmp_path / "table.parquet"), tmp_path / "folders")
    again, rows, problems = read("folders", tmp_path / "folders")
    assert (again.label_set, len(problems)) == (meta.label_set, 0)
    assert sorted(row.label for row in rows) == ["Bored", "happiness"]


def test_what_the_folders_of_splits_hold_is_named(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["train/1/1.png", "test/bored/2.png", "notes/3.png"], pngs)
    with pytest.raises(DataError, match=r"but notes, test/bored, train/1; .* with --own-classes"):
        read("folders", tmp_path)

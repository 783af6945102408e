"""Table -> folders -> table loses nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.data.export_folders import export_folders
from mien.data.fer2013_columns import META
from mien.data.preparation import Preparation, prepare
from mien.data.problems import Problems
from mien.data.record import Record, Scaling
from mien.data.sources import SourceOptions, layout
from mien.data.table import Table
from mien.errors import DataError, OutputError
from mien.inference.image import read_picture
from mien.labels import FERPLUS10


@pytest.fixture
def rich(faces, make_table) -> Table:
    """A table with everything that folders cannot hold."""
    rows: list[Record] = list(faces)
    rows[0] = replace(rows[0], labels=("anger", "not_face"), subject="S001", source="elsewhere")
    rows[1] = replace(rows[1], label=None, votes=None)
    rows[2] = replace(rows[2], split="all", path="some/where/täglich & happy.png")
    rows[3] = replace(rows[3], path=rows[4].path)
    return make_table(rows, meta=replace(META, present_set=FERPLUS10, scaling=Scaling("Training", (0.0,), (9.0,))))


def read_back(folder: Path, output: Path) -> tuple[Table, Problems]:
    """Prepare a table of exported folders."""
    problems = Problems()
    source = layout("folders").open(folder, SourceOptions(), problems)
    return prepare(source, output, Preparation(), problems=problems), problems


def test_the_round_trip_is_lossless(rich: Table, tmp_path: Path) -> None:
    assert export_folders(rich, tmp_path / "folders") == 48
    back, problems = read_back(tmp_path / "folders", tmp_path / "back.parquet")
    assert list(back.records()) == list(rich.records())
    assert back.meta == rich.meta
    assert not problems.found


def test_the_folders_are_what_other_tools_expect(rich: Table, faces, tmp_path: Path) -> None:
    export_folders(rich, tmp_path / "folders")
    label = faces[5].label
    file = tmp_path / "folders" / "Training" / label / f"000005_{Path(faces[5].path).stem}.webp"
    assert np.array_equal(read_picture(file), read_picture(faces[5].image))
    assert (tmp_path / "folders" / "Training" / "unlabelled").is_dir()


def test_moving_a_picture_corrects_its_label(rich: Table, tmp_path: Path) -> None:
    export_folders(rich, tmp_path / "folders")
    file = next((tmp_path / "folders" / "PublicTest").rglob("*.webp"))
    target = tmp_path / "folders" / "PublicTest" / ("fear" if file.parent.name != "fear" else "anger")
    target.mkdir(exist_ok=True)
    file.rename(target / file.name)
    back, _ = read_back(tmp_path / "folders", tmp_path / "back.parquet")
    number = int(file.name.split("_")[0])
    assert list(back.records())[number] == replace(list(rich.records())[number], label=target.name)
    assert back.meta.preparation == ("1 relabelled in the folders",)
    assert back.meta.scaling == rich.meta.scaling, "the pictures of the split are the same"


def test_a_scaling_of_other_pictures_is_removed(rich: Table, tmp_path: Path) -> None:
    export_folders(rich, tmp_path / "folders")
    files = [file for file in sorted((tmp_path / "folders").rglob("*.webp")) if file.parent.parent.name == "Training"]
    target = tmp_path / "folders" / "PublicTest" / files[0].parent.name
    target.mkdir(exist_ok=True)
    files[0].rename(target / files[0].name)
    back, _ = read_back(tmp_path / "folders", tmp_path / "moved.parquet")
    assert (back.count, back.meta.scaling) == (48, None)
    assert back.meta.preparation == ("1 moved to another split in the folders",)
    (target / files[0].name).rename(files[0])
    files[1].unlink()
    back, _ = read_back(tmp_path / "folders", tmp_path / "deleted.parquet")
    assert (back.count, back.meta.scaling) == (47, None)
    assert back.meta.preparation == ("1 deleted in the folders",)


def test_what_was_deleted_or_added_is_named(rich: Table, tmp_path: Path) -> None:
    export_folders(rich, tmp_path / "folders")
    files = sorted((tmp_path / "folders" / "PublicTest").rglob("*.webp"))
    files[1].rename(files[1].with_name("mine.webp"))
    files[0].unlink()
    back, problems = read_back(tmp_path / "folders", tmp_path / "back.parquet")
    assert back.count == 46
    assert problems.counts == {"its picture is gone": 2, "has no row of its own in mien-rows.parquet": 1}


def test_a_full_disk_leaves_nothing(rich: Table, tmp_path: Path, monkeypatch) -> None:
    before = sorted(tmp_path.iterdir())
    written: list[int] = []

    def write(self: Path, content: bytes) -> int:
        written.append(len(content))
        if len(written) > 5:
            raise OSError(28, "No space left on device")
        with self.open("wb") as file:
            return file.write(content)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(OutputError, match=r"No space left on device\); choose another"):
        export_folders(rich, tmp_path / "folders")
    assert len(written) == 6
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_with_something_in_it_is_left_alone(rich: Table, tmp_path: Path) -> None:
    (tmp_path / "folders").mkdir()
    (tmp_path / "folders" / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="exists and is not an empty folder"):
        export_folders(rich, tmp_path / "folders")
    with pytest.raises(OutputError, match="exists and is not an empty folder"):
        export_folders(rich, tmp_path / "folders" / "mine.txt")
    assert [path.name for path in (tmp_path / "folders").iterdir()] == ["mine.txt"]


def test_the_folder_that_one_stands_in_will_do(rich: Table, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    export_folders(rich, Path())
    assert (Path() / "Training").is_dir(), "the folder must be the same, not another of its name"
    assert list(read_back(tmp_path / "here", tmp_path / "back.parquet")[0].records()) == list(rich.records())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.parquet", "faces.parquet", "here"]


def test_splits_keep_their_names_whatever_they_are(faces, make_table, tmp_path: Path) -> None:
    names = ("valid", "extra", "dev", "neutral", "Test")
    table = make_table([replace(face, split=split) for face, split in zip(faces, names, strict=False)])
    export_folders(table, tmp_path / "folders")
    back, problems = read_back(tmp_path / "folders", tmp_path / "back.parquet")
    assert list(back.records()) == list(table.records())
    assert not problems.found


@pytest.mark.parametrize("split", ["a/b", "../a", "..", ".hidden", "", "anger"])
def test_a_split_that_cannot_be_a_folder_is_refused(faces, make_table, tmp_path: Path, split: str) -> None:
    table = make_table([replace(faces[0], split=split), replace(faces[1], split="all", label="anger")])
    with pytest.raises(
        DataError, match=f"'{split}' cannot be the name of the folder of its split or class; draw other"
    ):
        export_folders(table, tmp_path / "folders")
    assert [path.name for path in tmp_path.iterdir()] == ["faces.parquet"]

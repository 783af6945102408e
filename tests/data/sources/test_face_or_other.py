"""Faces, and pictures of other things."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien.data.preparation import Preparation, prepare
from mien.data.problems import Problems
from mien.data.sources import SourceOptions, layout
from mien.data.table import open_table
from mien.data.writing import write_table
from mien.errors import DataError
from mien.labels import FACE2
from tests.data.sources.layouts_on_disk import put


def test_two_folders_in_one(tmp_path: Path, pngs, read) -> None:
    names = ["Faces/1.png", "Faces/deep/2.png", "other/cat/1.png"]
    meta, records, problems = read("face-or-other", put(tmp_path, names, pngs))
    assert (meta.label_set, len(problems)) == (FACE2, 0)
    assert {record.path: record.label for record in records} == {
        "Faces/1.png": "face",
        "Faces/deep/2.png": "face",
        "other/cat/1.png": "other",
    }


def test_a_table_of_faces_and_the_natural_images(shared: Path, make_table, read) -> None:
    others = shared / "data" / "natural_images.parquet"
    _, records, problems = read("face-or-other", make_table().path, other=others)
    labels = [record.label for record in records]
    assert labels.count("face") == 48
    assert labels.count("other") + len(problems) == 6899
    assert set(problems.counts) == {"is a person among the other things"}
    assert {record.split for record in records} == {"Training", "PublicTest", "PrivateTest", "all"}


def test_two_canonical_tables(tmp_path: Path, faces, make_table, read) -> None:
    table = make_table()
    things = write_table(tmp_path / "things.parquet", table.meta, faces[:5])
    _, records, _ = read("face-or-other", table.path, other=tmp_path / "things.parquet")
    assert [record.label for record in records] == ["face"] * 48 + ["other"] * things
    assert open_table(tmp_path / "things.parquet").count == 5


def test_persons_are_no_other_things(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["faces/1.png", "other/person/1.png", "other/cat/1.png"], pngs)
    _, records, problems = read("face-or-other", tmp_path)
    assert [record.label for record in records] == ["face", "other"]
    assert problems.counts == {"is a person among the other things": 1}


def test_broken_pictures_are_left_out(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["faces/1.png", "faces/2.png", "other/1.png"], [pngs[0], b"broken", pngs[1]])
    _, records, problems = read("face-or-other", tmp_path)
    assert (len(records), len(problems)) == (2, 1)


def test_one_of_the_two_is_missing(tmp_path: Path, pngs, shared: Path, read) -> None:
    put(tmp_path, ["faces/1.png", "cats/1.png"], pngs)
    with pytest.raises(DataError, match="holds no folders 'faces' and 'other', but cats, faces"):
        read("face-or-other", tmp_path)
    with pytest.raises(DataError, match="no such folder or Parquet table; give one that holds the other pictures"):
        read("face-or-other", tmp_path / "faces", other=tmp_path / "none")
    with pytest.raises(DataError, match="give a folder or a Parquet table that holds the other pictures"):
        read("face-or-other", tmp_path / "faces", other=tmp_path / "cats" / "1.png")


def test_rows_without_a_path_are_named_for_their_row(faces, make_table, read) -> None:
    nameless = [replace(face, path=None) for face in faces[:2]]
    table, things = make_table(nameless), make_table(nameless, name="things.parquet")
    _, records, _ = read("face-or-other", table.path, other=things.path)
    assert [record.path for record in records] == [
        "row0000000.png",
        "row0000001.png",
        "things/row0000000.png",
        "things/row0000001.png",
    ]


def test_what_lies_beside_the_two_folders_is_named(tmp_path: Path, pngs, read) -> None:
    _, records, problems = read(
        "face-or-other", put(tmp_path, ["face/1.png", "other/2.png", "3.png", "cats/4.png"], pngs)
    )
    assert len(records) == 2
    assert [Path(problem.place).name for problem in problems.found] == ["3.png", "cats"]


def test_pictures_of_another_type_are_named(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["faces/1.png"], pngs)
    for pictures in ([pngs[1]], [{"bytes": pngs[1]}]):
        pq.write_table(pa.table({"image": pictures}), tmp_path / "x.parquet")
        with pytest.raises(DataError, match=r"x\.parquet: column 'image' is of type .*, needed is a struct of bytes"):
            read("face-or-other", tmp_path / "faces", other=tmp_path / "x.parquet")


def test_a_row_without_a_picture_is_left_out(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["faces/1.png"], pngs)
    pictures = [{"bytes": pngs[1], "path": None}, None, {"bytes": None, "path": "2.png"}]
    pq.write_table(pa.table({"image": pictures}), tmp_path / "x.parquet")
    _, records, problems = read("face-or-other", tmp_path / "faces", other=tmp_path / "x.parquet")
    assert [record.path for record in records] == ["faces/1.png", "row0000000.png"]
    assert [problem.place.partition(", ")[2] for problem in problems.found] == ["row0000001.png", "2.png"]


def test_a_damaged_table_is_blamed_and_not_the_output(tmp_path: Path, pngs, make_table) -> None:
    put(tmp_path, ["faces/1.png"], pngs)
    content = bytearray(make_table().path.read_bytes())
    content[200:4000] = bytes(3800)
    (tmp_path / "damaged.parquet").write_bytes(content)
    problems = Problems()
    source = layout("face-or-other").open(
        tmp_path / "faces", SourceOptions(other=tmp_path / "damaged.parquet"), problems
    )
    with pytest.raises(DataError, match=r"damaged\.parquet: is damaged \(.*; copy it again"):
        prepare(source, tmp_path / "made.parquet", Preparation(), problems=problems)
    assert not (tmp_path / "made.parquet").exists()

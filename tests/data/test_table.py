"""The canonical table: what is written is read, by mien and by Hugging Face datasets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien.data import writing
from mien.data.checks import check_table
from mien.data.fer2013_columns import META
from mien.data.record import Record, TableMeta
from mien.data.table import open_table
from mien.data.votes import VOTE_COLUMNS
from mien.data.writing import write_table
from mien.errors import DataError
from mien.inference.image import read_picture
from mien.labels import FER7, FERPLUS10


def test_records_survive_the_table(faces, make_table) -> None:
    rich = replace(faces[0], labels=("anger", "neutral"), subject="S005", votes=None)
    table = make_table([rich, replace(faces[1], label=None), *faces[2:]])
    assert list(table.records()) == [rich, replace(faces[1], label=None), *faces[2:]]
    assert table.count == 48
    assert table.split_counts() == {"Training": 24, "PublicTest": 12, "PrivateTest": 12}


def test_reading_is_by_row_group_and_split(faces, make_table, monkeypatch) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 10)
    table = make_table()
    assert [len(group) for group in table.groups()] == [10, 10, 10, 10, 8]
    assert list(table.records(splits=["PublicTest"])) == [face for face in faces if face.split == "PublicTest"]
    assert list(table.records(splits=["nowhere"])) == []


def test_ten_zeros_are_votes_of_nobody(faces, make_table) -> None:
    table = make_table([replace(faces[0], votes=(0.0,) * 10), faces[1]])
    assert [record.votes is None for record in table.records()] == [True, False]


def test_row_groups_end_at_a_number_of_bytes(faces, make_table, monkeypatch) -> None:
    monkeypatch.setattr(writing, "GROUP_BYTES", 5000)
    table = make_table()
    sizes = [sum(len(record.image) for record in group) for group in table.groups()]
    assert len(sizes) > 5
    assert max(sizes) < 5000 + max(len(face.image) for face in faces)


def test_datasets_loads_the_table_and_shows_the_picture(faces, make_table, tmp_path) -> None:
    datasets = pytest.importorskip("datasets")
    table = make_table([replace(faces[0], labels=("anger",)), *faces[1:]])
    loaded = datasets.load_dataset(
        "parquet", data_files=str(table.path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == 48
    assert isinstance(loaded.features["image"], datasets.Image)
    assert np.array_equal(np.asarray(loaded[3]["image"].convert("RGB")), read_picture(faces[3].image))
    assert loaded[3]["label"] == faces[3].label
    assert loaded[0]["labels"] == ["anger"]
    assert loaded[3]["votes_anger"] == faces[3].votes[VOTE_COLUMNS.index("anger")]


def test_fer2013_with_its_own_columns_is_a_table_too(shared: Path) -> None:
    table = open_table(shared / "data" / "fer2013.parquet")
    assert table.meta == META
    assert table.split_counts() == {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589}
    labels = [label for label, _, _ in table.labels_and_splits()]
    assert [labels.count(label) for label in FER7.labels] == [4953, 547, 5121, 8989, 6077, 4002, 6198]


def test_a_label_outside_the_label_set_is_named(faces, tmp_path) -> None:
    with pytest.raises(DataError, match="has the label 'contempt', which is none of fer7's anger"):
        write_table(tmp_path / "x.parquet", META, [replace(faces[0], label="contempt")])
    with pytest.raises(DataError, match="has the label 'face'"):
        write_table(tmp_path / "x.parquet", META, [replace(faces[0], labels=("face",))])
    assert not list(tmp_path.iterdir())
    wide = replace(META, present_set=FERPLUS10)
    assert write_table(tmp_path / "x.parquet", wide, [replace(faces[0], labels=("not_face",))]) == 1


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; make a table with `mien data prepare`"):
        open_table(tmp_path / "none.parquet")


def test_no_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"emotion,pixels,Usage\n")
    with pytest.raises(DataError, match="is not a Parquet file"):
        open_table(tmp_path / "x.parquet")


def test_a_parquet_file_of_something_else(shared: Path) -> None:
    with pytest.raises(DataError, match=r"is no table of mien's \(its columns are image, category\)"):
        open_table(shared / "data" / "natural_images.parquet")


def test_a_missing_column_is_named(tmp_path: Path, make_table) -> None:
    table = pq.read_table(make_table().path)
    pq.write_table(table.drop_columns(["subject"]), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="column 'subject' is missing"):
        open_table(tmp_path / "x.parquet")
    pq.write_table(pa.table({"emotion": [0], "usage": ["Training"]}), tmp_path / "y.parquet")
    with pytest.raises(DataError, match="column 'image' is missing"):
        open_table(tmp_path / "y.parquet")


def test_a_truncated_row_group_is_an_error_of_mien(tmp_path: Path, make_table) -> None:
    content = bytearray(make_table().path.read_bytes())
    content[200:4000] = bytes(3800)
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.parquet: is damaged"):
        list(open_table(tmp_path / "x.parquet").records())


def test_without_votes_there_are_no_vote_columns(faces, make_table) -> None:
    meta = TableMeta(label_set=FER7, license="", layout="folders")
    records = [Record(face.image, face.path, face.label, face.split, face.source) for face in faces]
    table = make_table(records, meta=meta)
    assert table.file.schema_arrow.names == ["image", "label", "labels", "split", "subject", "source"]
    assert list(table.records()) == records


def changed(table, output: Path, **columns) -> Path:
    """Write a table again with other columns in the place of some, its metadata as it is."""
    content = pq.read_table(table.path)
    for name, column in columns.items():
        content = content.set_column(content.schema.get_field_index(name), name, column)
    pq.write_table(content, output)
    return output


def test_pictures_of_another_type_are_named_when_the_table_is_opened(faces, make_table, tmp_path: Path) -> None:
    table = make_table()
    for pictures in ([face.image for face in faces], [{"bytes": face.image} for face in faces], ["a.png"] * 48):
        path = changed(table, tmp_path / "x.parquet", image=pa.array(pictures))
        with pytest.raises(DataError, match=r"x\.parquet: column 'image' is of type .*, needed is a struct of bytes"):
            open_table(path)


def test_large_types_will_do(faces, make_table, tmp_path: Path) -> None:
    table = make_table()
    kind = pa.struct([("path", pa.large_string()), ("bytes", pa.large_binary())])
    pictures = pa.array([{"bytes": face.image, "path": face.path} for face in faces], kind)
    splits = pa.array([face.split for face in faces], pa.large_string())
    path = changed(table, tmp_path / "x.parquet", image=pictures, split=splits)
    assert list(open_table(path).records()) == list(table.records())


def test_a_row_without_a_picture_has_an_empty_one(faces, make_table, tmp_path: Path) -> None:
    pictures = [{"bytes": face.image, "path": face.path} for face in faces]
    pictures[1], pictures[2] = None, {"bytes": None, "path": "2.png"}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    path = changed(make_table(), tmp_path / "x.parquet", image=pa.array(pictures, kind))
    records = list(open_table(path).records())
    assert [(record.image, record.path) for record in records[1:3]] == [(b"", "row0000001.png"), (b"", "2.png")]
    with pytest.raises(DataError, match=r"x\.parquet: picture row0000001\.png: 0 bytes: is empty"):
        check_table(open_table(path))


def test_a_row_without_a_split_is_named(faces, make_table, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 10)
    splits = [None if number == 31 else face.split for number, face in enumerate(faces)]
    table = open_table(changed(make_table(), tmp_path / "x.parquet", split=pa.array(splits)))
    for read in (table.split_counts, lambda: list(table.records())):
        with pytest.raises(DataError, match="column 'split' is empty in row 31, counted from 0; name a split there"):
            read()

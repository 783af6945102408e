"""FER-2013 as one Parquet file, as a layout."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien.data.samples import read_samples
from mien.data.table import open_table
from mien.data.votes import VOTE_COLUMNS
from mien.errors import DataError
from mien.labels import FER7
from mien.model_card import FER2013_CROP


def write(path: Path, faces, **changes) -> Path:
    """Write some faces with FER-2013's own columns."""
    columns = {
        "image": [{"bytes": face.image, "path": face.path} for face in faces],
        "emotion": [FER7.index(face.label) for face in faces],
        "usage": [face.split for face in faces],
    }
    columns |= {f"votes_{name}": [face.votes[index] for face in faces] for index, name in enumerate(VOTE_COLUMNS)}
    pq.write_table(pa.table(columns | changes), path)
    return path


def test_the_rows_come_as_they_are(tmp_path: Path, faces, read) -> None:
    meta, records, problems = read("fer2013-parquet", write(tmp_path / "x.parquet", faces))
    assert (meta.label_set, meta.votes, len(problems)) == (FER7, VOTE_COLUMNS, 0)
    assert records == list(faces)


def test_a_broken_picture_is_left_out(tmp_path: Path, faces, read) -> None:
    pictures = [{"bytes": face.image, "path": face.path} for face in faces[:4]]
    pictures[2]["bytes"] = pictures[2]["bytes"][:100]
    _, records, problems = read("fer2013-parquet", write(tmp_path / "x.parquet", faces[:4], image=pictures))
    assert len(records) == 3
    assert faces[2].path in problems.found[0].place


def test_a_picture_without_a_name_gets_that_of_its_row(tmp_path: Path, faces, read) -> None:
    pictures = [{"bytes": face.image, "path": None if number == 30 else face.path} for number, face in enumerate(faces)]
    path = write(tmp_path / "x.parquet", faces, image=pictures)
    assert read("fer2013-parquet", path)[1][30].path == "row0000030.png"
    samples = read_samples(path, spec=FER2013_CROP, splits=[faces[30].split])
    assert "row0000030.png" in samples.ids


def test_codes_of_another_dataset_stop(tmp_path: Path, faces) -> None:
    path = write(tmp_path / "x.parquet", faces[:2], emotion=[0, 7])
    with pytest.raises(DataError, match=r"column 'emotion' has the code 7, allowed are 0\.\.6"):
        read_samples(path, spec=FER2013_CROP)


def test_a_row_without_a_picture_is_left_out(tmp_path: Path, faces, read) -> None:
    pictures = [{"bytes": face.image, "path": face.path} for face in faces[:4]]
    pictures[1] = None
    _, records, problems = read("fer2013-parquet", write(tmp_path / "x.parquet", faces[:4], image=pictures))
    assert records == [faces[0], *faces[2:4]]
    assert "row0000001.png" in problems.found[0].place


@pytest.mark.parametrize(
    ("column", "values", "needed"),
    [
        ("emotion", ["0", "1"], "whole numbers"),
        ("emotion", [0.0, None], "whole numbers"),
        ("usage", [0, 1], "text"),
        ("image", [b"x", b"y"], "a struct of bytes"),
    ],
)
def test_a_column_of_another_type_is_named(tmp_path: Path, faces, column, values, needed) -> None:
    path = write(tmp_path / "x.parquet", faces[:2], **{column: values})
    with pytest.raises(DataError, match=rf"x\.parquet: column '{column}' is of type .*, needed is {needed}"):
        open_table(path)


def test_a_row_without_a_usage_is_named(tmp_path: Path, faces) -> None:
    table = open_table(write(tmp_path / "x.parquet", faces[:3], usage=["Training", "Training", None]))
    with pytest.raises(DataError, match="column 'usage' is empty in row 2, counted from 0; name a split there"):
        table.split_counts()
    with pytest.raises(DataError, match="column 'usage' is empty in row 2"):
        list(table.records())


def test_a_usage_of_categories_will_do(tmp_path: Path, faces, read) -> None:
    usage = pa.array([face.split for face in faces]).dictionary_encode()
    assert read("fer2013-parquet", write(tmp_path / "x.parquet", faces, usage=usage))[1] == list(faces)


def test_a_canonical_table_needs_no_preparation(make_table, read) -> None:
    with pytest.raises(DataError, match="is a canonical table already"):
        read("fer2013-parquet", make_table().path)

"""A file is whole or not there."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mien.data.fer2013_columns import META
from mien.data.writing import write_table
from mien.errors import OutputError
from mien.files import written_whole


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path, faces) -> None:
    path = tmp_path / "x.parquet"
    assert write_table(path, META, faces) == 48
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already; choose another name, or replace it with --overwrite"):
        write_table(path, META, faces[:1])
    assert path.read_bytes() == before
    assert write_table(path, META, faces[:1], overwrite=True) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.parquet"]


def test_an_error_on_the_way_leaves_nothing(tmp_path: Path, faces) -> None:
    def broken():
        yield faces[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table(tmp_path / "x.parquet", META, broken())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path, faces) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"x\.parquet: cannot be written \(.*\); choose another place"):
        write_table(tmp_path / "file" / "x.parquet", META, faces)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk(tmp_path: Path, faces, monkeypatch) -> None:
    real = pq.ParquetWriter
    monkeypatch.setattr(pq, "ParquetWriter", lambda _, *args, **options: real("/dev/full", *args, **options))
    with pytest.raises(OutputError, match=r"x\.parquet: cannot be written \(.*[Nn]o space left"):
        write_table(tmp_path / "x.parquet", META, faces * 2000)
    assert not list(tmp_path.iterdir())


def test_written_whole_names_what_the_user_asked_for(tmp_path: Path) -> None:
    expected = pytest.raises(OutputError, match=r"^asked\.html: cannot be written \(Read-only")
    with expected, written_whole(tmp_path / "x", shown=Path("asked.html")):
        raise OSError(30, os.strerror(30))
    assert not list(tmp_path.iterdir())

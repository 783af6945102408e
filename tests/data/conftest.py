"""Small tables of real pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mien.data.fer2013_columns import META
from mien.data.record import Record, TableMeta
from mien.data.table import Table, open_table
from mien.data.writing import write_table

MakeTable = Callable[..., Table]


@pytest.fixture
def make_table(tmp_path: Path, faces: tuple[Record, ...]) -> MakeTable:
    """A function that writes records (by default the faces) to a table and opens it."""

    def make(records: list[Record] | None = None, *, meta: TableMeta = META, name: str = "faces.parquet") -> Table:
        path = tmp_path / name
        write_table(path, replace(meta), faces if records is None else records)
        return open_table(path)

    return make

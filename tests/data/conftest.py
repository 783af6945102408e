"""Real pictures, and small tables of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.data.encoding import encode_png
from mien.data.fer2013_columns import META
from mien.data.record import Record, TableMeta
from mien.data.table import Table, open_table
from mien.data.writing import write_table
from mien.inference.image import read_picture

MakeTable = Callable[..., Table]


@pytest.fixture(scope="session")
def faces(shared: Path) -> tuple[Record, ...]:
    """48 different faces of FER-2013 with votes: 24 of Training, 12 of PublicTest, 12 of PrivateTest."""
    wanted = {"Training": 24, "PublicTest": 12, "PrivateTest": 12}
    chosen: list[Record] = []
    table = open_table(shared / "data" / "fer2013.parquet")
    seen: set[bytes] = set()
    for group in (0, 7, 8):
        for record in table._group(group, None):
            left = wanted[record.split] - sum(other.split == record.split for other in chosen)
            if left > 0 and record.votes is not None and record.image not in seen:
                seen.add(record.image)
                chosen.append(record)
    assert len(chosen) == 48
    return tuple(chosen)


@pytest.fixture(scope="session")
def pngs(faces: tuple[Record, ...]) -> tuple[bytes, ...]:
    """The same faces as gray PNG files."""
    return tuple(encode_png(np.ascontiguousarray(read_picture(face.image)[..., 0])) for face in faces)


@pytest.fixture
def make_table(tmp_path: Path, faces: tuple[Record, ...]) -> MakeTable:
    """A function that writes records (by default the faces) to a table and opens it."""

    def make(records: list[Record] | None = None, *, meta: TableMeta = META, name: str = "faces.parquet") -> Table:
        path = tmp_path / name
        write_table(path, replace(meta), faces if records is None else records)
        return open_table(path)

    return make

"""What a column holds is told by its type."""

import pyarrow as pa
import pytest

from mien.data.column_types import PICTURE, TEXT, WHOLE_NUMBERS, check_columns
from mien.errors import DataError


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (PICTURE, pa.array([{"bytes": b"x", "path": "x.png"}])),
        (PICTURE, pa.array([{"bytes": b"x", "path": None}])),
        (PICTURE, pa.array([{"path": "x", "more": 1, "bytes": b"x"}])),
        (TEXT, pa.array(["x", None])),
        (TEXT, pa.array(["x"], pa.large_string())),
        (TEXT, pa.array(["x"]).dictionary_encode()),
        (WHOLE_NUMBERS, pa.array([1, None], pa.uint8())),
        (None, pa.array([1.5])),
    ],
)
def test_what_fits(kind: str | None, values: pa.Array) -> None:
    check_columns(pa.table({"x": values}).schema, {"x": kind}, file="f")


@pytest.mark.parametrize(
    ("kind", "values", "found"),
    [
        (PICTURE, [b"x"], "binary"),
        (PICTURE, [{"bytes": b"x"}], "struct<bytes: binary>"),
        (PICTURE, [{"bytes": None, "path": "x"}], "struct<bytes: null, path: string>"),
        (PICTURE, [[1, 2]], "list<.*int64>"),
        (TEXT, [1], "int64"),
        (TEXT, [None], "null"),
        (WHOLE_NUMBERS, ["1"], "string"),
        (WHOLE_NUMBERS, [1.0], "double"),
    ],
)
def test_what_does_not(kind: str, values: list[object], found: str) -> None:
    with pytest.raises(DataError, match=rf"^f: column 'x' is of type {found}, needed is {kind[:10]}.*; write the file"):
        check_columns(pa.table({"x": values}).schema, {"x": kind}, file="f")


def test_what_is_missing() -> None:
    with pytest.raises(DataError, match="f: column 'y' is missing; needed are x, y, there are x, z"):
        check_columns(pa.table({"x": [1], "z": [1]}).schema, {"x": None, "y": TEXT}, file="f")

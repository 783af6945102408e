"""FER-2013's own columns seen as a canonical table."""

import pyarrow as pa
import pytest

from mien.data.fer2013_columns import renamed
from mien.errors import DataError


def test_codes_become_names() -> None:
    table = renamed(pa.table({"emotion": [0, 6], "usage": ["Training", "PublicTest"]}), "x")
    assert table["label"].to_pylist() == ["anger", "neutral"]
    assert table["split"].to_pylist() == ["Training", "PublicTest"]
    assert table["subject"].to_pylist() == [None, None]


@pytest.mark.parametrize("code", [-1, 7, None])
def test_other_codes_stop(code: int | None) -> None:
    with pytest.raises(DataError, match=rf"x: column 'emotion' has the code {code}, allowed are 0\.\.6"):
        renamed(pa.table({"emotion": [0, code], "usage": ["Training"] * 2}), "x")

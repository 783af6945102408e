"""FER-2013 with FER+ votes as one Parquet file with columns of its own, seen as a canonical table.

Columns: ``image`` (struct of encoded bytes and path), ``emotion`` (0..6 in the order of `mien.labels.FER7`), ``usage``
(Training, PublicTest, PrivateTest), ``votes_<name>`` for the ten columns of FER+, null where FER+ has no votes.
Source: Goodfellow et al. 2013, "Challenges in Representation Learning" (arXiv:1307.0414).
"""

from typing import Any

from mien.data.column_types import PICTURE, TEXT, WHOLE_NUMBERS
from mien.data.parquet import pyarrow
from mien.data.record import TableMeta
from mien.data.votes import VOTE_COLUMNS
from mien.errors import DataError
from mien.labels import FER7

COLUMNS = {
    "image": PICTURE,
    "emotion": WHOLE_NUMBERS,
    "usage": TEXT,
    **dict.fromkeys((f"votes_{name}" for name in VOTE_COLUMNS), None),
}
"""The columns of the file, and what some must hold."""

LICENSE = "not stated by the authors of FER-2013 (Kaggle challenge of ICML 2013); FER+ votes: MIT"

META = TableMeta(label_set=FER7, license=LICENSE, layout="fer2013-parquet", votes=VOTE_COLUMNS)


def renamed(table: Any, file: str) -> Any:
    """Return some columns of the file as columns of the canonical table.

    Args:
        table: Arrow table with ``emotion`` and ``usage``, and possibly more of the columns.
        file: where it comes from, for the error.

    Raises:
        DataError: a label is missing or out of range.
    """
    arrow = pyarrow()
    codes = table["emotion"].to_pylist()
    if wrong := [code for code in codes if code is None or not 0 <= code < len(FER7)]:
        raise DataError(
            f"{file}: column 'emotion' has the code {wrong[0]}, allowed are 0..{len(FER7) - 1}; is this another "
            "dataset?"
        )
    rows = table.num_rows
    columns = {
        "label": arrow.array([FER7.labels[code] for code in codes], arrow.string()),
        "labels": arrow.nulls(rows, arrow.list_(arrow.string())),
        "split": table["usage"].cast(arrow.string()),
        "subject": arrow.nulls(rows, arrow.string()),
        "source": arrow.array(["fer2013"] * rows, arrow.string()),
    }
    for name in table.column_names:
        if name == "image" or name.startswith("votes_"):
            columns[name] = table[name]
    return arrow.table(columns)

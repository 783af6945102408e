"""Rows -> JSON lines, CSV or Parquet, by the ending of the name; one after the other, never held together."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from mien.errors import UsageError, import_extra
from mien.files import ODD, in_utf8

ENDINGS = (".jsonl", ".csv", ".parquet")
GROUP_ROWS = 2048
"""A row group of Parquet has this many rows: what is held in memory."""

_TYPES = (
    dict.fromkeys(("source", "model", "label", "top", "present", "emotion"), "string")
    | dict.fromkeys(("frame", "shot", "face", "width", "height", "track_id"), "int32")
    | dict.fromkeys(("unsure", "label_unsure"), "bool")
)
"""Of Parquet's columns; all others are float64."""

Row = Mapping[str, Any]


def check_ending(path: Path, endings: Sequence[str] = ENDINGS) -> None:
    """Find out before the work begins whether the ending of a name says what to write, and whether that can be.

    Raises:
        UsageError: it is none of the endings.
        MissingExtraError: Parquet without pyarrow.
    """
    ending = path.suffix.lower()
    if ending not in endings:
        raise UsageError(f"{path}: cannot tell the format from its name; it must end in {', '.join(endings)}")
    if ending == ".parquet":
        _pyarrow()


def write_rows(rows: Iterable[Row], path: Path, columns: Sequence[str]) -> None:
    """Write rows to a file.

    Args:
        rows: plain types; of JSON lines objects of any kind, of the others the same cells each.
        path: ends in one of `ENDINGS`.
        columns: of a table, in order.

    Raises:
        MissingExtraError: Parquet without pyarrow.
        OSError: the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending == ".parquet":
        _write_parquet(iter(rows), path, columns)
    elif ending == ".csv":
        with path.open("w", newline="", encoding="utf-8", errors=ODD) as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    else:
        with path.open("w", encoding="utf-8", errors=ODD) as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(rows: Iterable[Row], path: Path, columns: Sequence[str]) -> None:
    arrow, parquet = _pyarrow()
    schema = arrow.schema([(name, _TYPES.get(name, "float64")) for name in columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := [_in_utf8(row) for row in islice(rows, GROUP_ROWS)]:
            writer.write_table(arrow.Table.from_pylist(group, schema=schema))


def _in_utf8(row: Row) -> Row:
    # Parquet takes nothing else, and a file's name may be of other bytes.
    source = row["source"]
    return {**row, "source": source and in_utf8(source)}


def _pyarrow() -> tuple[Any, Any]:
    purpose = "Parquet output"
    return (
        import_extra("pyarrow", extra="parquet", purpose=purpose),
        import_extra("pyarrow.parquet", extra="parquet", purpose=purpose),
    )

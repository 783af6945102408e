"""Results of a film -> a table, row by row: Parquet, CSV or JSON lines, by the ending of its name."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from mien.errors import UsageError, import_extra
from mien.files import ODD, check_writable, writable_rows, written_whole
from mien.video_results import FrameResult, table_columns

GROUP_ROWS = 2048
"""A row group of Parquet has this many rows: what is held in memory."""

_TEXTS = ("source", "model", "label", "top", "present", "emotion")
_VERDICTS = ("unsure", "label_unsure")
_WHOLE = ("frame", "width", "height", "track_id")
_EVENT_COLUMNS = ("source", "track_id", "emotion", "onset_s", "apex_s", "offset_s", "duration_s", "apex_probability")

Row = dict[str, Any]


def save_frames(results: Iterable[FrameResult], path: Path, *, labels: Sequence[str]) -> None:
    """Write the frames of films to a file, whole or not at all.

    Args:
        results: read once, never held together.
        path: ends in .jsonl (an object a frame), .csv or .parquet (a row a face, and a row with empty face columns for
            a frame without a face; see `FrameResult.to_rows`).
        labels: of the model's head, so that a table has its columns even where no face was found.

    Raises:
        UsageError: another ending.
        MissingExtraError: Parquet without pyarrow.
        OutputError: the file cannot be written.
    """
    if path.suffix.lower() == ".jsonl":
        rows: Iterator[Row] = (result.to_dict() for result in results)
    else:
        rows = (row for result in results for row in result.to_rows())
    _save(rows, path, table_columns(labels))


def save_events(results: Iterable[FrameResult], path: Path) -> None:
    """Write the events of films to a file, one a row, whole or not at all.

    Args:
        results: all frames of the films.
        path: ends in .jsonl, .csv or .parquet.

    Raises:
        UsageError: another ending.
        MissingExtraError: Parquet without pyarrow.
        OutputError: the file cannot be written.
    """
    rows = ({"source": result.source} | event.to_dict() for result in results for event in result.events)
    _save(rows, path, _EVENT_COLUMNS)


def check_table(path: Path) -> None:
    """Find out before the work begins whether a table can be written there.

    Raises:
        UsageError: the ending is none that can be written.
        MissingExtraError: Parquet without pyarrow.
        OutputError: the place cannot be written.
    """
    if _writer(path) is _write_parquet:
        _pyarrow()
    check_writable(path)


def _save(rows: Iterator[Row], path: Path, columns: Sequence[str]) -> None:
    write = _writer(path)
    with written_whole(path) as temporary:
        write(rows, temporary, columns)


def _writer(path: Path) -> Callable[[Iterator[Row], Path, Sequence[str]], None]:
    writers = {".parquet": _write_parquet, ".csv": _write_csv, ".jsonl": _write_jsonl}
    if path.suffix.lower() not in writers:
        raise UsageError(f"{path}: cannot tell the format from its name; it must end in {', '.join(writers)}")
    return writers[path.suffix.lower()]


def _write_jsonl(rows: Iterator[Row], path: Path, columns: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", errors=ODD) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_csv(rows: Iterator[Row], path: Path, columns: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors=ODD) as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(rows: Iterator[Row], path: Path, columns: Sequence[str]) -> None:
    arrow, parquet = _pyarrow()
    types = dict.fromkeys(_TEXTS, "string") | dict.fromkeys(_WHOLE, "int32") | dict.fromkeys(_VERDICTS, "bool")
    schema = arrow.schema([(name, types.get(name, "float64")) for name in columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(rows, GROUP_ROWS)):
            writer.write_table(arrow.Table.from_pylist(writable_rows(group), schema=schema))


def _pyarrow() -> tuple[Any, Any]:
    purpose = "Parquet output"
    return (
        import_extra("pyarrow", extra="parquet", purpose=purpose),
        import_extra("pyarrow.parquet", extra="parquet", purpose=purpose),
    )

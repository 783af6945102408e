"""Results of a film -> a table, row by row: Parquet, CSV or JSON lines, by the ending of its name."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mien.files import check_writable, written_whole
from mien.row_files import check_ending, write_rows
from mien.video_results import FrameResult, table_columns

_EVENT_COLUMNS = ("source", "track_id", "emotion", "onset_s", "apex_s", "offset_s", "duration_s", "apex_probability")


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
        rows: Iterator[dict[str, Any]] = (result.to_dict() for result in results)
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
    check_ending(path)
    check_writable(path)


def _save(rows: Iterator[dict[str, Any]], path: Path, columns: Sequence[str]) -> None:
    check_ending(path)
    with written_whole(path) as temporary:
        write_rows(rows, temporary, columns)

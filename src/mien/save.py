"""Results -> a file: JSON, JSON lines, CSV or Parquet, by the ending of its name."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mien.errors import UsageError, import_extra
from mien.files import ODD, check_writable, writable_rows, written_whole
from mien.results import ImageResult


def save_results(
    results: Sequence[ImageResult], path: str | os.PathLike[str], *, labels: Sequence[str] | None = None
) -> None:
    """Write results to a file, whole or not at all.

    Args:
        results: one per picture.
        path: ends in .json (a list of objects), .jsonl (an object a line), .csv or .parquet (one row a face, and one
            row with empty face columns for a picture without a face).
        labels: of the model's head, so that a table has its columns even where no face was found; None takes those of
            the first face.

    Raises:
        UsageError: another ending, or a table whose labels lack some that the results have.
        MissingExtraError: Parquet without pyarrow.
        OutputError: the file cannot be written.
    """
    write = _writer(Path(path))
    if labels is None:
        labels = next((face.emotions.labels for result in results for face in result), ())
    with written_whole(Path(path)) as temporary:
        write(results, temporary, labels)


def check_output(path: Path) -> None:
    """Find out before the work begins whether `save_results` will be able to write there.

    Raises:
        UsageError: the ending is none that it knows.
        MissingExtraError: Parquet without pyarrow.
        OutputError: the place cannot be written.
    """
    if _writer(path) is _write_parquet:
        _pyarrow()
    check_writable(path)


def _writer(path: Path) -> Callable[[Sequence[ImageResult], Path, Sequence[str]], None]:
    writers = {".json": _write_json, ".jsonl": _write_jsonl, ".csv": _write_csv, ".parquet": _write_parquet}
    if path.suffix.lower() not in writers:
        raise UsageError(f"{path}: cannot tell the format from its name; it must end in {', '.join(writers)}")
    return writers[path.suffix.lower()]


def _write_json(results: Sequence[ImageResult], path: Path, labels: Sequence[str]) -> None:
    content = [result.to_dict() for result in results]
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors=ODD)


def _write_jsonl(results: Sequence[ImageResult], path: Path, labels: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", errors=ODD) as file:
        for result in results:
            file.write(json.dumps(result.to_dict(), ensure_ascii=False) + "\n")


def _write_csv(results: Sequence[ImageResult], path: Path, labels: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors=ODD) as file:
        writer = csv.DictWriter(file, _columns(labels))
        writer.writeheader()
        writer.writerows(_rows(results, labels))


def _write_parquet(results: Sequence[ImageResult], path: Path, labels: Sequence[str]) -> None:
    arrow, parquet = _pyarrow()
    types = {
        "source": "string",
        "model": "string",
        "top": "string",
        "present": "string",
        "width": "int32",
        "height": "int32",
        "face": "int32",
        "unsure": "bool",
    }
    columns = _columns(labels)
    schema = arrow.schema([(name, types.get(name, "float64")) for name in columns])
    rows = writable_rows(_rows(results, labels))
    parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), path)


def _rows(results: Sequence[ImageResult], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    for result in results:
        other = {label for face in result for label in face.emotions if label not in labels}
        if other:
            raise UsageError(
                f"labels= lacks {', '.join(sorted(other))} of the results; give the labels of the head that answered"
            )
        yield from result.to_rows()


def _columns(labels: Sequence[str]) -> list[str]:
    no_face = ImageResult((), 0, 0, "").to_rows()[0]
    return [*no_face, *(f"p_{label}" for label in labels)]


def _pyarrow() -> tuple[Any, Any]:
    purpose = "Parquet output"
    return (
        import_extra("pyarrow", extra="parquet", purpose=purpose),
        import_extra("pyarrow.parquet", extra="parquet", purpose=purpose),
    )

"""Results -> a file: JSON, JSON lines, CSV or Parquet, by the ending of its name."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mien.errors import UsageError
from mien.files import ODD, check_writable, written_whole
from mien.results import ImageResult
from mien.row_files import ENDINGS, check_ending, write_rows

_ENDINGS = (".json", *ENDINGS)


def save_results(
    results: Iterable[ImageResult], path: str | os.PathLike[str], *, labels: Sequence[str] | None = None
) -> None:
    """Write results to a file, whole or not at all.

    Args:
        results: one per picture; with `labels` they are read once and never held together.
        path: ends in .json (a list of objects), .jsonl (an object a line), .csv or .parquet (one row a face, and one
            row with empty face columns for a picture without a face).
        labels: of the model's head, so that a table has its columns even where no face was found; None takes those of
            the first face.

    Raises:
        UsageError: one result in place of several, another ending, or a table whose labels lack some that the results
            have.
        MissingExtraError: Parquet without pyarrow.
        OutputError: the file cannot be written.
    """
    if isinstance(results, ImageResult):
        raise UsageError("save_results takes the results of several pictures; give this one as [result]")
    path = Path(path)
    check_ending(path, _ENDINGS)
    if labels is None:
        results = list(results)
        labels = next((face.emotions.labels for result in results for face in result), ())
    ending = path.suffix.lower()
    with written_whole(path) as temporary:
        if ending == ".json":
            _write_json(results, temporary)
        elif ending == ".jsonl":
            write_rows((result.to_dict() for result in results), temporary, ())
        else:
            write_rows(_rows(results, labels), temporary, _columns(labels))


def check_output(path: Path) -> None:
    """Find out before the work begins whether `save_results` will be able to write there.

    Raises:
        UsageError: the ending is none that it knows.
        MissingExtraError: Parquet without pyarrow.
        OutputError: the place cannot be written.
    """
    check_ending(path, _ENDINGS)
    check_writable(path)


def _write_json(results: Iterable[ImageResult], path: Path) -> None:
    # As json.dumps writes a list with an indent of one, but one object after the other.
    with path.open("w", encoding="utf-8", errors=ODD) as file:
        before = "[\n "
        for result in results:
            text = json.dumps(result.to_dict(), indent=1, ensure_ascii=False)
            file.write(before + text.replace("\n", "\n "))
            before = ",\n "
        file.write("[]\n" if before.startswith("[") else "\n]\n")


def _rows(results: Iterable[ImageResult], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
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

"""Layout ``fer2013-csv``: the file fer2013.csv, with the columns emotion, pixels and Usage.

``emotion`` is 0..6 in the order of `mien.labels.FER7`, ``pixels`` are 2,304 gray values from 0 to 255 between blanks,
row by row of a 48x48 picture, ``Usage`` is Training, PublicTest or PrivateTest. Source: Goodfellow et al. 2013,
"Challenges in Representation Learning" (arXiv:1307.0414), and the file of the Kaggle challenge; its copy
icml_face_data.csv has the same columns in another order, with blanks in the header.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.data.encoding import encode_png
from mien.data.fer2013_columns import LICENSE
from mien.data.problems import Problems
from mien.data.record import Record, TableMeta, row_name
from mien.data.sources.source import Source, SourceOptions
from mien.data.split_names import FER2013_SPLITS
from mien.errors import DataError
from mien.labels import FER7

SIDE = 48
COLUMNS = ("emotion", "pixels", "Usage")


def open_fer2013_csv(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open fer2013.csv, or the folder that holds it.

    Args:
        path: the file, or a folder with a ``fer2013.csv``.
        options: nothing of it is used.
        problems: collects the rows that are left out.

    Raises:
        DataError: no such file, or it is not FER-2013's.
    """
    del options
    file = find_file(path, "fer2013.csv", "fer2013-csv")
    check_header(file, COLUMNS)
    meta = TableMeta(label_set=FER7, license=LICENSE, layout="fer2013-csv")
    return Source(meta, count_lines(file) - 1, (record for _, record in numbered_rows(file, problems) if record))


def find_file(path: Path, name: str, layout: str) -> Path:
    """Return a file that was given itself, or by the folder that holds it.

    Raises:
        DataError: there is none.
    """
    file = path / name if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"{file}: no such file; layout {layout} needs {name}, or the folder that holds it")
    return file


def open_csv(file: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file by the names of its header, blanks around the names removed.

    Raises:
        DataError: it is no CSV file that can be read.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.reader(lines)
            header = [name.strip() for name in next(rows, [])]
            yield dict.fromkeys(header, "")
            for row in rows:
                yield dict(zip(header, row, strict=False))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV ({error}); check that it is the right file") from error


def check_header(file: Path, needed: tuple[str, ...]) -> None:
    """Check that a CSV file has the columns of its layout.

    Raises:
        DataError: it has not: it is another dataset's.
    """
    header = list(next(open_csv(file)))
    missing = [name for name in needed if name not in header]
    if missing == ["Usage"]:
        raise DataError(
            f"{file}: column 'Usage' is missing, as in Kaggle's train.csv, which has no splits; take fer2013.csv or "
            "icml_face_data.csv of the same download"
        )
    if missing:
        raise DataError(
            f"{file}: column {missing[0]!r} is missing; needed are {', '.join(needed)}, there are "
            f"{', '.join(name[:20] for name in header[:20])}: is this the CSV file of another dataset?"
        )


def count_lines(file: Path) -> int:
    """Return the number of lines of a text file, a last line without an end included."""
    lines, last = 0, b"\n"
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")


def numbered_rows(file: Path, problems: Problems) -> Iterator[tuple[int, Record | None]]:
    """Yield the number of each row, from 0, and its record, None where the row cannot be used."""
    rows = open_csv(file)
    next(rows)
    for number, row in enumerate(rows):
        yield number, _record(row, number, f"{file}, row {number + 2}", problems)


def _record(row: dict[str, str], number: int, place: str, problems: Problems) -> Record | None:
    emotion, split = row.get("emotion", "").strip(), row.get("Usage", "").strip()
    if not (emotion.isdecimal() and int(emotion) < len(FER7)):
        problems.add(place, f"emotion is not a code from 0 to {len(FER7) - 1}", repr(emotion))
        return None
    if split not in FER2013_SPLITS:
        problems.add(place, f"Usage is none of {', '.join(FER2013_SPLITS)}", repr(split))
        return None
    values = row.get("pixels", "").split()
    if len(values) != SIDE * SIDE:
        problems.add(place, f"pixels are not {SIDE * SIDE} numbers", f"{len(values)} of them")
        return None
    try:
        pixels = bytes(map(int, values))
    except ValueError as error:
        problems.add(place, "a pixel is not a number from 0 to 255", str(error))
        return None
    picture = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE)
    return Record(
        image=encode_png(picture),
        path=row_name(number),
        label=FER7.labels[int(emotion)],
        split=split,
        source="fer2013",
    )

"""The canonical table: one Parquet file that mien and Hugging Face `datasets` open alike.

    image           struct of bytes (the encoded picture) and path; `datasets` shows it as a picture
    label           name of the one label, null where there is none
    labels          names of every label that applies, null where nobody asked
    votes_<name>    float, counts or shares of annotators, null where nobody voted; only where the dataset has votes
    split           Training, train, PrivateTest, ..., or "all" where there is none
    subject         who is on the picture, null where that is not known
    source          the dataset it comes from

Labels are names and not codes: the order of codes differs between datasets, a name does not. The order that belongs
to a table, its label set and its licence stand in the file's metadata (`TableMeta`). A table is read and written row
group by row group, so it may be larger than memory.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.data import fer2013_columns
from mien.data.column_types import PICTURE, TEXT, check_columns
from mien.data.parquet import damaged, open_parquet
from mien.data.record import Record, TableMeta, row_name
from mien.errors import DataError

META_KEY = b"mien"
VOTE_PREFIX = "votes_"
COLUMNS = {"image": PICTURE, "label": None, "labels": None, "split": TEXT, "subject": None, "source": None}
"""The columns of every table, and what some must hold; the votes stand between ``labels`` and ``split``."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table opened for reading.

    Attributes:
        path: of the file.
        meta: what it says about itself.
        count: number of rows.
        file: pyarrow's ParquetFile.
        is_fer2013: whether the columns are FER-2013's own and not the canonical ones.
    """

    path: Path
    meta: TableMeta
    count: int
    file: Any
    is_fer2013: bool

    def groups(self, *, splits: Collection[str] | None = None) -> Iterator[list[Record]]:
        """Yield the rows of one row group after the other.

        Args:
            splits: only the rows of these splits; None for all.

        Raises:
            DataError: a row group is damaged, or a row has no split or a label that the table's label set lacks.
        """
        for number in range(self.file.num_row_groups):
            yield self._group(number, splits)

    def records(self, *, splits: Collection[str] | None = None) -> Iterator[Record]:
        """Yield the rows one by one; only one row group is in memory.

        Raises:
            DataError: see `groups`.
        """
        for group in self.groups(splits=splits):
            yield from group

    def labels_and_splits(self) -> list[tuple[str | None, str, str | None]]:
        """Return (label, split, subject) of every row without reading a picture.

        Raises:
            DataError: the table is damaged, or a row has no split.
        """
        columns = ["emotion", "usage"] if self.is_fer2013 else ["label", "split", "subject"]
        with damaged(self.path):
            content = self.file.read(columns=columns)
        table = self._named(content)
        return list(zip(*(table[name].to_pylist() for name in ("label", "split", "subject")), strict=True))

    def split_counts(self) -> dict[str, int]:
        """Return the number of rows of each split, in order of appearance."""
        counts: dict[str, int] = {}
        for _, split, _ in self.labels_and_splits():
            counts[split] = counts.get(split, 0) + 1
        return counts

    def _group(self, number: int, splits: Collection[str] | None) -> list[Record]:
        metadata = self.file.metadata
        first = sum(metadata.row_group(earlier).num_rows for earlier in range(number))
        rows: Sequence[int] = range(first, first + metadata.row_group(number).num_rows)
        with damaged(self.path):
            content = self.file.read_row_group(number)
        table = self._named(content, first=first)
        if splits is not None:
            keep = [index for index, split in enumerate(table["split"].to_pylist()) if split in splits]
            if not keep:
                return []
            table = table.take(keep)
            rows = [rows[index] for index in keep]
        columns = {name: table[name].to_pylist() for name in table.column_names}
        votes = [columns[VOTE_PREFIX + name] for name in self.meta.votes]
        records = []
        for index, row in enumerate(rows):
            counts = tuple(column[index] for column in votes)
            labels = columns["labels"][index]
            image = columns["image"][index] or {}
            record = Record(
                # A row without a picture has an empty one, which whoever decodes it finds out.
                image=image.get("bytes") or b"",
                path=image.get("path") or row_name(row),
                label=columns["label"][index],
                labels=None if labels is None else tuple(labels),
                votes=counts if any(counts) else None,
                split=columns["split"][index],
                subject=columns["subject"][index],
                source=columns["source"][index],
            )
            check_labels(record, self.meta, file=str(self.path))
            records.append(record)
        return records

    def _named(self, table: Any, *, first: int = 0) -> Any:
        # By the names of the canonical columns, every row with a split. `first` is the number of the first row.
        if self.is_fer2013:
            table = fer2013_columns.renamed(table, str(self.path))
        if table["split"].null_count:
            column = "usage" if self.is_fer2013 else "split"
            row = first + table["split"].to_pylist().index(None)
            raise DataError(
                f"{self.path}: column {column!r} is empty in row {row}, counted from 0; "
                "name a split there, such as Training, or leave the row out"
            )
        return table


def open_table(path: Path) -> Table:
    """Open a canonical table, or FER-2013 with its own columns (see `mien.data.fer2013_columns`).

    Raises:
        DataError: no such file, not Parquet, a column is missing or of another type, or its metadata is not mien's.
        MissingExtraError: pyarrow is not installed.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; make a table with `mien data prepare`")
    file = open_parquet(path, "make a table of it with `mien data prepare`")
    names = file.schema_arrow.names
    metadata = file.schema_arrow.metadata or {}
    if META_KEY in metadata:
        meta = TableMeta.from_json(metadata[META_KEY], file=str(path))
        check_columns(file.schema_arrow, COLUMNS | {VOTE_PREFIX + vote: None for vote in meta.votes}, file=str(path))
        return Table(path, meta, file.metadata.num_rows, file, is_fer2013=False)
    if "emotion" in names or "usage" in names:
        check_columns(file.schema_arrow, fer2013_columns.COLUMNS, file=str(path))
        return Table(path, fer2013_columns.META, file.metadata.num_rows, file, is_fer2013=True)
    raise DataError(
        f"{path}: is no table of mien's (its columns are {', '.join(names)}); make one with "
        "`mien data prepare FOLDER --layout LAYOUT --output X.parquet`"
    )


def check_labels(record: Record, meta: TableMeta, *, file: str) -> None:
    """Check that a row has no label outside the table's label sets.

    Raises:
        DataError: it has one; the text names the row.
    """
    if record.label is not None and record.label not in meta.label_set.labels:
        wrong, allowed = record.label, meta.label_set
    elif others := [label for label in record.labels or () if label not in meta.multi_set.labels]:
        wrong, allowed = others[0], meta.multi_set
    else:
        return
    raise DataError(
        f"{file}: picture {record.path} has the label {wrong!r}, which is none of {allowed.name}'s "
        f"{', '.join(allowed.labels)}; prepare the table again"
    )

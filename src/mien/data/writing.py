"""Writing a table so that it is either whole or not there."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from mien.data.parquet import pyarrow
from mien.data.record import Record, TableMeta
from mien.data.table import META_KEY, VOTE_PREFIX, check_labels
from mien.files import written_whole

GROUP_ROWS = 2048
GROUP_BYTES = 32 << 20
"""A row group ends at this many rows or bytes of pictures, so that one always fits into memory."""


class TableWriter:
    """Writes records to a canonical table, a row group at a time.

    Use it as a context manager; when the block ends with an error, no file is left.
    """

    def __init__(self, path: Path, meta: TableMeta, *, overwrite: bool = False, shown: Path | None = None) -> None:
        """Prepare to write.

        Args:
            path: the Parquet file to make.
            meta: what the table says about itself.
            overwrite: whether a file of that name may be replaced.
            shown: the name for errors, where `path` is a temporary file.
        """
        self.path = path
        self.meta = meta
        self.count = 0
        self._file = written_whole(path, overwrite=overwrite, shown=shown)
        self._buffer: list[Record] = []
        self._bytes = 0
        self._writer: Any = None

    def __enter__(self) -> "TableWriter":
        """Open the file.

        Raises:
            OutputError: it exists, or cannot be written.
        """
        parquet = pyarrow("pyarrow.parquet")
        partial = self._file.__enter__()
        try:
            self._writer = parquet.ParquetWriter(
                partial, schema(self.meta), compression="zstd", write_page_checksum=True
            )
        except BaseException as error:
            self._file.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left and give the file its name, or remove it after an error.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            if error is None:
                self._flush()
            self._writer.close()
        except OSError as failure:
            kind, error, trace = type(failure), failure, failure.__traceback__
        self._file.__exit__(kind, error, trace)

    def write(self, record: Record) -> None:
        """Add a row.

        Raises:
            DataError: it has a label that the table's label set lacks.
            OutputError: the disk is full or cannot be written.
        """
        check_labels(record, self.meta, file=str(self.path))
        self._buffer.append(record)
        self._bytes += len(record.image)
        self.count += 1
        if len(self._buffer) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._buffer:
            arrow = pyarrow()
            columns = columns_of(self._buffer, self.meta)
            self._writer.write_table(arrow.table(columns, schema=self._writer.schema))
        self._buffer, self._bytes = [], 0


def write_table(
    path: Path,
    meta: TableMeta,
    records: Iterable[Record],
    *,
    overwrite: bool = False,
    shown: Path | None = None,
) -> int:
    """Write a whole table and return its number of rows.

    Args:
        path: the Parquet file to make.
        meta: what the table says about itself.
        records: its rows.
        overwrite: whether a file of that name may be replaced.
        shown: the name for errors, where `path` is a temporary file.

    Raises:
        DataError: a row has a label that the table's label set lacks.
        OutputError: the file exists or cannot be written.
    """
    with TableWriter(path, meta, overwrite=overwrite, shown=shown) as writer:
        for record in records:
            writer.write(record)
    return writer.count


def schema(meta: TableMeta) -> Any:
    """Return the Arrow schema of a table, with the metadata that `datasets` and mien read."""
    arrow = pyarrow()
    fields = {
        "image": arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())]),
        "label": arrow.string(),
        "labels": arrow.list_(arrow.string()),
        **{VOTE_PREFIX + name: arrow.float32() for name in meta.votes},
        "split": arrow.string(),
        "subject": arrow.string(),
        "source": arrow.string(),
    }
    text = {"dtype": "string", "_type": "Value"}
    features: dict[str, object] = dict.fromkeys(fields, text)
    # A list with one element is how every version of `datasets` spells a list; only newer ones know the word List.
    features |= {"image": {"_type": "Image"}, "labels": [text]}
    features |= {VOTE_PREFIX + name: {"dtype": "float32", "_type": "Value"} for name in meta.votes}
    metadata = {META_KEY: meta.to_json(), b"huggingface": json.dumps({"info": {"features": features}})}
    return arrow.schema(list(fields.items()), metadata=metadata)


def columns_of(records: list[Record], meta: TableMeta) -> dict[str, list[Any]]:
    """Return the columns of some rows as plain lists, by the names of the canonical table."""
    votes = {
        VOTE_PREFIX + name: [None if record.votes is None else record.votes[index] for record in records]
        for index, name in enumerate(meta.votes)
    }
    return {
        "image": [{"bytes": record.image, "path": record.path} for record in records],
        "label": [record.label for record in records],
        "labels": [record.labels for record in records],
        **votes,
        "split": [record.split for record in records],
        "subject": [record.subject for record in records],
        "source": [record.source for record in records],
    }

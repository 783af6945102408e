"""Layout ``table``: a canonical table, to prepare it further: gray, another size, a class less, duplicates out."""

from collections.abc import Iterator
from pathlib import Path

from mien.data.problems import Problems
from mien.data.record import Record
from mien.data.sources.source import Source, SourceOptions, is_picture
from mien.data.table import Table, open_table


def open_canonical(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open a canonical table.

    Args:
        path: the Parquet file.
        options: nothing of it is used.
        problems: collects broken pictures.

    Raises:
        DataError: not such a file, or a column is missing.
    """
    del options
    table = open_table(path)
    return Source(table.meta, table.count, usable_records(table, problems))


def usable_records(table: Table, problems: Problems) -> Iterator[Record]:
    """Yield the rows of a table whose picture can be decoded; the others are noted."""
    for record in table.records():
        if is_picture(record.image, f"{table.path}, picture {record.path}", problems):
            yield record

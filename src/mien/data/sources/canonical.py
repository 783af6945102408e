"""Layout ``table``: a canonical table, to prepare it further: gray, another size, a class less, duplicates out."""

from collections.abc import Iterator
from pathlib import Path

from mien.data.problems import Problems
from mien.data.record import Record, named_apart
from mien.data.sources.source import Source, SourceOptions, is_picture
from mien.data.table import Table, open_table


def open_canonical(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open a canonical table.

    Args:
        path: the Parquet file; names that it has twice, as tables of earlier versions may, are told apart.
        options: nothing of it is used.
        problems: collects broken pictures.

    Raises:
        DataError: not such a file, or a column is missing.
    """
    del options
    table = open_table(path)
    return Source(table.meta, table.count, usable_records(table, problems))


def usable_records(table: Table, problems: Problems) -> Iterator[Record]:
    """Yield the rows of a table whose picture can be decoded, each under a name of its own; the others are noted."""
    return named_apart(
        record
        for record in table.records()
        if is_picture(record.image, f"{table.path}, picture {record.path}", problems)
    )

"""Layout ``fer2013-parquet``: FER-2013 with FER+ votes as one Parquet file.

The columns are those of `mien.data.fer2013_columns`.
"""

from pathlib import Path

from mien.data.problems import Problems
from mien.data.sources.canonical import usable_records
from mien.data.sources.source import Source, SourceOptions
from mien.data.table import open_table
from mien.errors import DataError


def open_fer2013_parquet(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open the Parquet file.

    Args:
        path: the file.
        options: nothing of it is used.
        problems: collects broken pictures.

    Raises:
        DataError: not such a file, or a column is missing.
    """
    del options
    table = open_table(path)
    if not table.is_fer2013:
        raise DataError(f"{path}: is a canonical table already; prepare it further with --layout table")
    return Source(table.meta, table.count, usable_records(table, problems))

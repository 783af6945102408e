"""Layout ``fer2013-parquet``: FER-2013 with FER+ votes as one Parquet file, and its direct way into memory.

The columns are those of `mien.data.fer2013_columns`.
"""

from collections.abc import Sequence
from pathlib import Path

from mien.data.fer2013_columns import SPLITS
from mien.data.problems import Problems
from mien.data.samples import Samples, read_samples
from mien.data.sources.canonical import usable_records
from mien.data.sources.source import Source, SourceOptions
from mien.data.table import open_table
from mien.errors import DataError
from mien.model_card import CropSpec


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


def read_fer2013(path: Path, *, spec: CropSpec, splits: Sequence[str] = SPLITS) -> Samples:
    """Read FER-2013 from its Parquet file or from a canonical table of it.

    Args:
        path: the Parquet file.
        spec: size and colour of the crops to make.
        splits: which splits to read; reading one is faster than reading all.

    Raises:
        DataError: not such a file, a column is missing, a label is out of range, or a picture is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    return read_samples(path, spec=spec, splits=splits)

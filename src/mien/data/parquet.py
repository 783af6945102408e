"""Parquet files by pyarrow: opened with their checksums, and what goes wrong is told in a line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mien.errors import DataError, import_extra


def pyarrow(module: str = "pyarrow") -> Any:
    """Return pyarrow, or a module of it.

    Raises:
        MissingExtraError: it is not installed.
    """
    return import_extra(module, extra="parquet", purpose="a Parquet table")


def open_parquet(path: Path, remedy: str) -> Any:
    """Open a file as pyarrow's ParquetFile.

    Args:
        path: the file.
        remedy: what to do where it is another kind of file, for the error.

    Raises:
        DataError: it is another kind of file.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = pyarrow("pyarrow.parquet")
    try:
        # Without the checksums a flipped byte within a picture or a label would go unseen.
        return parquet.ParquetFile(path, page_checksum_verification=True)
    except Exception as error:  # pyarrow's errors have no common base
        raise DataError(f"{path}: is not a Parquet file ({error}); {remedy}") from error


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Within it, what pyarrow fails to read is damaged.

    Raises:
        DataError: pyarrow failed.
    """
    try:
        yield
    except Exception as error:  # pyarrow's errors have no common base
        raise DataError(
            f"{path}: is damaged ({error}); copy it again, or prepare it again with `mien data prepare`"
        ) from error

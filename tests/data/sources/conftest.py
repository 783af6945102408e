"""Opening a layout and reading all of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mien.data.problems import Problems
from mien.data.record import Record, TableMeta
from mien.data.sources import layout
from mien.data.sources.source import SourceOptions

Read = Callable[..., tuple[TableMeta, list[Record], Problems]]


@pytest.fixture
def read() -> Read:
    """A function that reads a dataset in a layout: what it says about itself, its rows, what was left out."""

    def read_all(name: str, path: Path, *, strict: bool = False, **options) -> tuple[TableMeta, list[Record], Problems]:
        problems = Problems(strict=strict)
        source = layout(name).open(path, SourceOptions(**options), problems)
        return source.meta, list(source.records), problems

    return read_all

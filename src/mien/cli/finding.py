"""The files that somebody means by a folder or a pattern."""

import glob
from collections.abc import Collection, Iterable
from pathlib import Path

from mien.errors import UsageError


def files_in(folder: Path, suffixes: Collection[str], *, but: Path | None = None) -> list[Path]:
    """Return the files of some kinds in a folder and its subfolders, sorted; hidden ones are not meant.

    Args:
        folder: where.
        suffixes: endings, in lower case, with the dot.
        but: what lies here is of an earlier run, and only meant where there is nothing else.
    """
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return _meant((path for path in found if not path.name.startswith(".")), but)


def files_matching(pattern: str, *, but: Path | None = None) -> list[Path]:
    """Return the files that match a pattern, sorted.

    Args:
        pattern: with ``*``, ``?`` and ``**``.
        but: as in `files_in`.

    Raises:
        UsageError: there is none.
    """
    found = _meant((path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file()), but)
    if not found:
        raise UsageError(f"{pattern}: no file matches; check the pattern")
    return found


def _meant(found: Iterable[Path], but: Path | None) -> list[Path]:
    files = sorted(found)
    if but is None:
        return files
    place = but.resolve()
    return [path for path in files if not path.resolve().is_relative_to(place)] or files

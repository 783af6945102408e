"""The files that somebody means by names, folders and patterns."""

import glob
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from mien.errors import UsageError


def files_of(
    given: Sequence[str],
    *,
    in_folder: Callable[[Path], list[Path]],
    but: Path | None = None,
    as_it_is: Callable[[str], bool] = lambda name: False,
) -> list[str]:
    """Return what names, folders and patterns stand for, in their order, each file once, as it was first spelt.

    Args:
        given: names of files and folders, and patterns with ``*``, ``?`` and ``**``.
        in_folder: returns the files that a folder stands for, or raises UsageError.
        but: where copies go. What an earlier run has left there is only meant where there is nothing else, also where a
            shell that expands patterns names it.
        as_it_is: whether a name stands for itself alone, whatever it looks like.

    Raises:
        UsageError: no file matches a pattern, or what `in_folder` raises.
    """
    place = None if but is None else but.resolve()
    files: dict[str, str] = {}
    copies: dict[str, str] = {}
    nothing: UsageError | None = None
    for name in given:
        path = Path(name)
        try:
            if path.is_dir():
                found = [str(file) for file in in_folder(path)]
            elif glob.has_magic(name) and not path.exists() and not as_it_is(name):
                found = [str(file) for file in _matching(name)]
            else:
                found = [name]
        except UsageError as error:
            if not _within(path, place):
                raise
            nothing = error
            continue
        for file in found:
            (copies if _within(Path(file), place) else files).setdefault(_key(file), file)
    if nothing is not None and not (files or copies):
        raise nothing
    return list((files or copies).values())


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of some kinds in a folder and its subfolders, sorted; hidden ones are not meant.

    Args:
        folder: where.
        suffixes: endings, in lower case, with the dot.
    """
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def _matching(pattern: str) -> list[Path]:
    found = sorted(path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file())
    if not found:
        raise UsageError(f"{pattern}: no file matches; check the pattern")
    return found


def _within(path: Path, place: Path | None) -> bool:
    return place is not None and path.resolve().is_relative_to(place)


def _key(name: str) -> str:
    # The same for all spellings of a file. The disk is asked only where a link may stand before "..": there may be
    # millions.
    return os.path.realpath(name) if ".." in Path(name).parts else os.path.abspath(name)

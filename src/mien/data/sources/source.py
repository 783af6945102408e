"""What every layout is read into, and what the layouts share."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from mien.data.problems import Problems
from mien.data.record import Record, TableMeta
from mien.errors import DataError, PictureError
from mien.inference.image import PICTURE_SUFFIXES, read_picture

NO_PICTURE = "is not a picture that can be read"


@dataclass(frozen=True)
class SourceOptions:
    """What some layouts need to know besides where the data lies; named as on the command line.

    Attributes:
        other: the second file or folder of a layout that has two: FER+'s votes, the other things of a gate.
        rule: what decides FER+'s label: ``"fer2013"``, ``"majority"`` or ``"plurality"``.
        at_least: how many of ten annotators make an emotion present.
        threshold: share above which an emotion of RAF-ML is present; None for the rule of its authors.
        hub_split: split of a hub dataset, or None for all of them.
        own_classes: whether folders whose names mien does not know are classes, too, called as they are.
    """

    other: Path | None = None
    rule: str = "fer2013"
    at_least: int = 3
    threshold: float | None = None
    hub_split: str | None = None
    own_classes: bool = False

    def given(self) -> list[str]:
        """Return the names of those that are not as by default."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]


@dataclass(frozen=True)
class Source:
    """A dataset that was found and is ready to be read.

    Attributes:
        meta: what its table will say about itself.
        total: number of rows to expect, None where only reading tells.
        records: the rows; what cannot be used goes to the `Problems` that the layout was opened with.
    """

    meta: TableMeta
    total: int | None
    records: Iterator[Record]


def need_folder(path: Path, layout: str) -> None:
    """Check that a source is a folder.

    Raises:
        DataError: it is not.
    """
    if not path.exists():
        raise DataError(f"{path}: no such folder; give the folder that holds the {layout} data")
    if not path.is_dir():
        raise DataError(f"{path}: is a file; layout {layout} needs the folder that holds the data")


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name, hidden files and folders left out.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); check the permissions of the folder") from error


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name, hidden ones left out."""
    return [entry for entry in entries(folder) if entry.is_dir()]


def is_picture_file(entry: Path) -> bool:
    """Return whether something in a folder is a file that is a picture by its name."""
    return entry.suffix.casefold() in PICTURE_SUFFIXES and entry.is_file()


def deeper_pictures(folder: Path) -> list[Path]:
    """Return the pictures anywhere below the folders in a folder, sorted by name, hidden ones left out."""
    found = []
    for entry in subfolders(folder):
        if entry.is_symlink():  # it may lead in a circle
            continue
        found += [*filter(is_picture_file, entries(entry)), *deeper_pictures(entry)]
    return found


def picture_files(
    folder: Path, problems: Problems, *, deeper: Literal["left out", "taken", "passed over"] = "left out"
) -> list[Path]:
    """Return the pictures in a folder, sorted by name; other files are problems, hidden ones are passed over.

    Args:
        folder: where to look.
        problems: collects the other files.
        deeper: what becomes of pictures in the folders below: when ``"left out"``, each is a problem; ``"passed over"``
            is for who looks into those folders, too.
    """
    pictures = []
    for entry in entries(folder):
        if entry.is_dir():
            continue
        if entry.suffix.casefold() in PICTURE_SUFFIXES:
            pictures.append(entry)
        else:
            problems.add(str(entry), "is not a picture by its name")
    if deeper == "taken":
        pictures += deeper_pictures(folder)
    if deeper == "left out":
        for picture in deeper_pictures(folder):
            problems.add(str(picture), "lies deeper than this layout reads")
    return pictures


def note_loose(folder: Path, problems: Problems) -> None:
    """Note the pictures in a folder that should hold only folders of them; other files are no loss."""
    for entry in filter(is_picture_file, entries(folder)):
        problems.add(str(entry), "lies beside the folders that are read")


def usable_picture(file: Path, problems: Problems) -> bytes | None:
    """Return the bytes of a picture, or None where it is broken, which is noted."""
    try:
        content = file.read_bytes()
    except OSError as error:
        problems.add(str(file), NO_PICTURE, str(error))
        return None
    return content if is_picture(content, str(file), problems) else None


def is_picture(content: bytes, place: str, problems: Problems) -> bool:
    """Return whether bytes can be decoded as a picture; if not, that is noted."""
    try:
        read_picture(content)
    except PictureError as error:
        problems.add(place, NO_PICTURE, str(error))
        return False
    return True

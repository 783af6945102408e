"""Layout ``folders``: a folder for each class, with or without folders for the splits above.

    DATA/train/happy/1.png    DATA/test/sad/2.png        splits, then classes
    DATA/happiness/1.png      DATA/Sadness/2.png         classes only; the split is "all"

Class names are taken in every spelling of `mien.labels.LABEL_SPELLINGS`, and with `SourceOptions.own_classes` other
names as they are; a folder ``unlabelled`` holds pictures without
a label. When `mien data export` made the folders, what they cannot hold of a table (order, votes, subjects, names)
lies beside them in ``mien-rows.parquet`` and is read again, so that table -> folders -> table loses nothing. The folder
in which a picture stands decides its label and split: who moves a picture corrects it.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mien.data.problems import Problems
from mien.data.record import UNSPLIT, Record, TableMeta, named_apart
from mien.data.sources.source import (
    Source,
    SourceOptions,
    need_folder,
    note_loose,
    picture_files,
    subfolders,
    usable_picture,
)
from mien.data.split_names import spelled_split
from mien.data.table import Table, open_table
from mien.errors import DataError
from mien.files import in_utf8
from mien.labels import LabelSet, smallest_label_set, spelled_label

LICENSE = "unknown; say it with --license"

UNLABELLED = "unlabelled"
"""The folder of pictures without a label."""

SIDECAR = "mien-rows.parquet"
"""The rows of an exported table without their pictures; the number that a file's name begins with is its row."""


@dataclass(frozen=True)
class ClassFolder:
    """A folder of pictures of one class.

    Attributes:
        path: of the folder.
        label: what its pictures show, None for unlabelled ones.
        split: the split that it belongs to.
    """

    path: Path
    label: str | None
    split: str


def open_folders(path: Path, options: SourceOptions, problems: Problems, *, deep: bool = False) -> Source:
    """Open class folders.

    Args:
        path: the folder that holds them, or the folders of the splits.
        options: `own_classes`, to take folders with other names for classes too.
        problems: collects unknown folders, broken pictures, and pictures that lie beside or below the class folders.
        deep: whether pictures in folders below the class folders are taken, too.

    Raises:
        DataError: no such folder, or no class folder in it.
    """
    need_folder(path, "folders")
    rows = open_table(path / SIDECAR) if (path / SIDECAR).is_file() else None
    known = () if rows is None else rows.meta.label_set.labels

    def label_of(name: str) -> str | None:
        return name if name in known else spelled_label(name) or (in_utf8(name) if options.own_classes else None)

    splits = () if rows is None else rows.split_counts()
    files = [
        (folder, picture)
        for folder in class_folders(path, problems, splits=splits, label_of=label_of)
        for picture in picture_files(folder.path, problems, deeper="taken" if deep else "left out")
    ]
    if rows is not None:
        on_disk = _pictures_by_row(rows, files, problems)
        return Source(_meta_now(rows, on_disk), rows.count, _exported(rows, on_disk, problems))
    found = {folder.label for folder, _ in files if folder.label}
    labels = LabelSet("own", tuple(sorted(found))) if options.own_classes else smallest_label_set(found)
    meta = TableMeta(label_set=labels, license=LICENSE, layout="folders")
    return Source(meta, len(files), named_apart(_records(path, files, problems)))


def class_folders(
    path: Path,
    problems: Problems,
    *,
    splits: Collection[str] = (),
    label_of: Callable[[str], str | None] = spelled_label,
) -> list[ClassFolder]:
    """Return the class folders below a folder; folders with other names, and loose pictures, are problems.

    Args:
        path: the folder that holds them, or the folders of the splits.
        problems: collects what is neither.
        splits: names of splits besides those that everybody uses.
        label_of: gives the class that a folder's name stands for, None where it stands for none.

    Raises:
        DataError: there is none.
    """
    found = []
    for entry in subfolders(path):
        split = entry.name if entry.name in splits else spelled_split(entry.name)
        if split is None:
            found += _class_folder(entry, UNSPLIT, problems, label_of)
            continue
        note_loose(entry, problems)
        for inner in subfolders(entry):
            found += _class_folder(inner, split, problems, label_of)
    if not found:
        raise DataError(
            f"{path}: holds no class folder such as angry or happiness, but {_folder_names(path)}; give the folder "
            "that holds the class folders, take others as classes with --own-classes, or choose another --layout"
        )
    note_loose(path, problems)
    return found


def count_pictures(folder: Path) -> int:
    """Return the number of files anywhere below a folder."""
    return sum(entry.is_file() for entry in folder.rglob("*"))


def _folder_names(path: Path) -> str:
    names = []
    for entry in subfolders(path):
        inner = subfolders(entry) if spelled_split(entry.name) else []
        names += [f"{entry.name}/{folder.name}" for folder in inner] or [entry.name]
    return ", ".join(names[:10]) or "no folders"


def _class_folder(
    folder: Path, split: str, problems: Problems, label_of: Callable[[str], str | None]
) -> list[ClassFolder]:
    if folder.name.casefold() == UNLABELLED:
        return [ClassFolder(folder, None, split)]
    label = label_of(folder.name)
    if label is None:
        problems.add(str(folder), "is no class that mien knows", f"{count_pictures(folder)} files")
        return []
    return [ClassFolder(folder, label, split)]


def _records(root: Path, files: list[tuple[ClassFolder, Path]], problems: Problems) -> Iterator[Record]:
    for folder, picture in files:
        content = usable_picture(picture, problems)
        if content is not None:
            yield Record(
                image=content,
                path=picture.relative_to(root).as_posix(),
                label=folder.label,
                split=folder.split,
                source=root.resolve().name,
            )


def _pictures_by_row(
    rows: Table, files: list[tuple[ClassFolder, Path]], problems: Problems
) -> dict[int, tuple[ClassFolder, Path]]:
    on_disk: dict[int, tuple[ClassFolder, Path]] = {}
    for folder, picture in files:
        name = re.match(r"(\d+)_", picture.name)
        if name is None or int(name[1]) >= rows.count or int(name[1]) in on_disk:
            problems.add(str(picture), f"has no row of its own in {SIDECAR}", f"delete {SIDECAR} to read all pictures")
        else:
            on_disk[int(name[1])] = folder, picture
    return on_disk


def _meta_now(rows: Table, on_disk: dict[int, tuple[ClassFolder, Path]]) -> TableMeta:
    # What was done in the folders was done to the rows; a scaling that was fitted on others is no longer true.
    gone = rows.count - len(on_disk)
    then = rows.labels_and_splits()
    relabelled = sum(folder.label != then[number][0] for number, (folder, _) in on_disk.items())
    moved = sum(folder.split != then[number][1] for number, (folder, _) in on_disk.items())
    done = [
        f"{count} {what} in the folders"
        for count, what in ((gone, "deleted"), (relabelled, "relabelled"), (moved, "moved to another split"))
        if count
    ]
    scaling = None if gone or moved else rows.meta.scaling
    return replace(rows.meta, preparation=(*rows.meta.preparation, *done), scaling=scaling)


def _exported(rows: Table, on_disk: dict[int, tuple[ClassFolder, Path]], problems: Problems) -> Iterator[Record]:
    for number, row in enumerate(rows.records()):
        if number not in on_disk:
            problems.add(f"{rows.path}, row {number}", "its picture is gone", row.path)
            continue
        folder, picture = on_disk[number]
        content = usable_picture(picture, problems)
        if content is not None:
            yield replace(row, image=content, label=folder.label, split=folder.split)

"""Layout ``prefixed``: flat files named by class code, ``an_0.jpg``, ``ha_12.png``; with or without folders for splits.

The codes are those of `mien.labels.LABEL_PREFIXES`: an, co, di, fe, ha, ne, sa, su. `plan_names` makes such names.
"""

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.data.problems import Problems
from mien.data.progress import Track, silent
from mien.data.record import UNSPLIT, Record, TableMeta, named_apart
from mien.data.sources.folders import LICENSE, class_folders
from mien.data.sources.source import (
    Source,
    SourceOptions,
    need_folder,
    picture_files,
    subfolders,
    usable_picture,
)
from mien.data.split_names import spelled_split
from mien.errors import DataError, OutputError
from mien.files import written_whole
from mien.labels import LABEL_PREFIXES, smallest_label_set

LABEL_OF_PREFIX = {prefix: label for label, prefix in LABEL_PREFIXES.items()}


@dataclass(frozen=True)
class Renaming:
    """A picture and the name that it shall get.

    Attributes:
        source: where it lies.
        target: where it shall lie.
    """

    source: Path
    target: Path


def open_prefixed(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open a folder of pictures whose names begin with a class code.

    Args:
        path: the folder, or the folder that holds the folders of the splits.
        options: nothing of it is used.
        problems: collects files with another name, broken pictures, and pictures in folders below those of the splits.

    Raises:
        DataError: no such folder, or no file that is named like this.
    """
    del options
    need_folder(path, "prefixed")
    files: list[tuple[Path, str, str]] = []
    for folder, split in ((path, UNSPLIT), *((folder, spelled_split(folder.name)) for folder in subfolders(path))):
        if split is None:
            problems.add(str(folder), "is no split that mien knows")
            continue
        # The folders in the outermost one are splits, and looked at here one by one.
        for picture in picture_files(folder, problems, deeper="passed over" if folder == path else "left out"):
            label = LABEL_OF_PREFIX.get(picture.name.partition("_")[0].casefold()) if "_" in picture.name else None
            if label is None:
                problems.add(str(picture), "begins with none of the codes " + ", ".join(sorted(LABEL_OF_PREFIX)))
            else:
                files.append((picture, label, split))
    if not files:
        raise DataError(
            f"{path}: holds no picture named by class code such as an_0.jpg; codes are "
            f"{', '.join(f'{code} {label}' for code, label in sorted(LABEL_OF_PREFIX.items()))}; "
            "choose another --layout, or make such names with `mien data rename`"
        )
    meta = TableMeta(label_set=smallest_label_set(label for _, label, _ in files), license=LICENSE, layout="prefixed")
    return Source(meta, len(files), named_apart(_records(path, files, problems)))


def plan_names(path: Path, output: Path, problems: Problems) -> list[Renaming]:
    """Plan names by class code for the pictures of class folders; folders of splits stay.

    Args:
        path: the class folders, as layout ``folders`` takes them.
        output: the folder that shall hold the renamed copies.
        problems: collects folders and files that get no name, wherever they lie.

    Raises:
        DataError: there is no class folder.
        OutputError: a name exists already.
    """
    need_folder(path, "folders")
    numbers: Counter[tuple[str, str]] = Counter()
    plan = []
    for folder in class_folders(path, problems):
        prefix = LABEL_PREFIXES.get(folder.label or "")
        if prefix is None:
            problems.add(str(folder.path), "has no class code", folder.label or "no label")
            continue
        place = output if folder.split == UNSPLIT else output / folder.split
        for picture in picture_files(folder.path, problems):
            number = numbers[folder.split, prefix]
            numbers[folder.split, prefix] += 1
            plan.append(Renaming(picture, place / f"{prefix}_{number}{picture.suffix.casefold()}"))
    for renaming in plan:
        if renaming.target.exists():
            raise OutputError(
                f"{renaming.target}: exists already and nothing is overwritten; choose an empty folder for --output"
            )
    return plan


def copy_renamed(plan: list[Renaming], *, track: Track = silent) -> None:
    """Copy the pictures to their new names; the pictures themselves stay where they are.

    Raises:
        OutputError: a name exists by now, or cannot be written; what was copied whole before stays.
    """
    for renaming in track(plan, what="copying pictures", total=len(plan)):
        with written_whole(renaming.target) as temporary:
            with renaming.source.open("rb") as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
            if os.path.lexists(renaming.target):  # somebody may have made it since the plan was
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _records(root: Path, files: list[tuple[Path, str, str]], problems: Problems) -> Iterator[Record]:
    for picture, label, split in files:
        content = usable_picture(picture, problems)
        if content is not None:
            yield Record(
                image=content,
                path=picture.relative_to(root).as_posix(),
                label=label,
                split=split,
                source=root.resolve().name,
            )

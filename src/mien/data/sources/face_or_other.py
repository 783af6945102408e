"""Layout ``face-or-other``: what a gate learns from, faces and pictures of other things.

    DATA/faces/*.jpg    DATA/other/*.jpg              one folder with two
    FACES --other THINGS                              each a folder with pictures anywhere below, or a Parquet table

A Parquet table needs only a column ``image`` (struct of bytes and path). Where the table of other things names classes
(``category`` or ``label``), pictures of persons are no other things: they are left out and counted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.data.column_types import PICTURE, check_columns
from mien.data.parquet import damaged, open_parquet
from mien.data.problems import Problems
from mien.data.record import UNSPLIT, Record, TableMeta, named_apart, row_name
from mien.data.sources.source import (
    Source,
    SourceOptions,
    is_picture,
    is_picture_file,
    need_folder,
    note_loose,
    subfolders,
    usable_picture,
)
from mien.errors import DataError
from mien.labels import FACE2, spelled_label

PERSONS = frozenset({"person", "persons", "people", "human", "humans", "face", "faces"})


def open_face_or_other(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open faces and other things.

    Args:
        path: a folder with the folders ``faces`` and ``other``, or the faces alone.
        options: `other` holds the other things where `path` is the faces alone.
        problems: collects broken pictures, persons among the other things, and what lies beside the two folders.

    Raises:
        DataError: one of the two is missing, or a table has no column of pictures or is damaged.
    """
    if options.other is None:
        need_folder(path, "face-or-other")
        parts = {spelled_label(folder.name): folder for folder in subfolders(path)}
        faces, others = parts.get("face"), parts.get("other")
        if faces is None or others is None:
            raise DataError(
                f"{path}: holds no folders 'faces' and 'other', but "
                f"{', '.join(folder.name for folder in subfolders(path)[:10]) or 'none'}; "
                "rename them, or give the faces as SOURCE and the rest with --other"
            )
        note_loose(path, problems)
        for folder in subfolders(path):
            if folder not in (faces, others):
                problems.add(str(folder), "is read neither as the faces nor as the other things")
    else:
        faces, others = path, options.other
    meta = TableMeta(label_set=FACE2, license="that of the two sources; say it with --license", layout="face-or-other")
    return Source(meta, None, named_apart(_both(faces, others, problems)))


def _both(faces: Path, others: Path, problems: Problems) -> Iterator[Record]:
    yield from _part(faces, "face", problems)
    yield from _part(others, "other", problems)


def _part(path: Path, label: str, problems: Problems) -> Iterator[Record]:
    if path.is_dir():
        yield from _folder(path, label, problems)
    elif path.is_file():
        yield from _parquet(path, label, problems)
    else:
        raise DataError(f"{path}: no such folder or Parquet table; give one that holds the {label} pictures")


def _folder(path: Path, label: str, problems: Problems) -> Iterator[Record]:
    for file in sorted(path.rglob("*")):
        if not is_picture_file(file):
            continue
        if label == "other" and PERSONS & {part.casefold() for part in file.relative_to(path).parts[:-1]}:
            problems.add(str(file), "is a person among the other things")
            continue
        content = usable_picture(file, problems)
        if content is not None:
            name = file.relative_to(path.parent).as_posix()
            yield Record(image=content, path=name, label=label, split=UNSPLIT, source=path.name)


def _parquet(path: Path, label: str, problems: Problems) -> Iterator[Record]:
    file = open_parquet(path, f"give a folder or a Parquet table that holds the {label} pictures")
    check_columns(file.schema_arrow, {"image": PICTURE}, file=str(path))
    names = file.schema_arrow.names
    wanted = [name for name in ("image", "category", "label", "split", "usage") if name in names]
    for number, row in enumerate(_rows(file, wanted, path)):
        record = _row(row, number, path, label, problems)
        if record is not None:
            yield record


def _rows(file: Any, columns: list[str], path: Path) -> Iterator[dict[str, Any]]:
    with damaged(path):
        for batch in file.iter_batches(batch_size=1024, columns=columns):
            yield from batch.to_pylist()


def _row(row: dict[str, Any], number: int, path: Path, label: str, problems: Problems) -> Record | None:
    image = row["image"] or {}
    # A row without a picture has an empty one, which is none that can be read.
    content, name = image.get("bytes") or b"", image.get("path") or row_name(number)
    kind = str(row.get("category") or row.get("label") or "")
    if label == "other" and kind.casefold() in PERSONS:
        problems.add(f"{path}, {name}", "is a person among the other things")
        return None
    if not is_picture(content, f"{path}, {name}", problems):
        return None
    split = str(row.get("split") or row.get("usage") or UNSPLIT)
    return Record(image=content, path=name, label=label, split=split, source=path.stem)

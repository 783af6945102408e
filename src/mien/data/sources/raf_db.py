"""Layout ``raf-db``: RAF-DB's single-label subset, 15,339 aligned pictures of seven classes.

    basic/EmoLabel/list_patition_label.txt    a line a picture: train_00001.jpg 5
    basic/Image/aligned/train_00001_aligned.jpg

or, as copies of it go round, a folder for each code within those of the splits:

    DATASET/train/5/train_00001_aligned.jpg

The file is spelled "patition" by its authors. Codes are 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger,
7 neutral; the picture's name says train or test. Source: Li, Deng & Du 2017, "Reliable Crowdsourcing and Deep
Locality-Preserving Learning for Expression Recognition in the Wild" (CVPR), and the readme that comes with the data
(whdeng.cn/RAF/model1.html).
"""

from collections.abc import Iterator
from pathlib import Path

from mien.data.problems import Problems
from mien.data.record import Record, TableMeta, named_apart
from mien.data.sources.source import (
    Source,
    SourceOptions,
    deeper_pictures,
    entries,
    is_picture_file,
    need_folder,
    note_loose,
    picture_files,
    subfolders,
    usable_picture,
)
from mien.data.split_names import spelled_split
from mien.errors import DataError
from mien.labels import RAF7

LICENSE = "non-commercial research only, on application to its authors (whdeng.cn/RAF/model1.html)"

LABEL_FILES = ("list_patition_label.txt", "list_partition_label.txt")

NAMED_TWICE = "names a picture that an earlier line has"


def open_raf_db(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open RAF-DB.

    Args:
        path: the folder ``basic``, the folder around it, or any that holds the label file and the aligned pictures, or
            the folders of the splits with one for each code.
        options: nothing of it is used.
        problems: collects lines that cannot be used, pictures that are missing or broken, and of copies with a folder
            for each code what lies beside those.

    Raises:
        DataError: no such folder, or the label file or the folder of pictures is not in it; or folders of other codes.
    """
    del options
    need_folder(path, "raf-db")
    meta = TableMeta(label_set=RAF7, license=LICENSE, layout="raf-db")
    coded = [] if _has_label_file(path) else _coded_pictures(path, problems)
    if coded:
        return Source(meta, len(coded), named_apart(_records_by_folder(path, coded, problems)))
    labels = find_below(path, LABEL_FILES, layout="raf-db")
    pictures = aligned_folder(path, layout="raf-db")
    lines = label_lines(labels)
    return Source(meta, len(lines), _records(lines, labels, pictures, problems))


def _has_label_file(root: Path) -> bool:
    return any(True for name in LABEL_FILES for _ in root.rglob(name))


def _coded_pictures(root: Path, problems: Problems) -> list[tuple[str, int, Path]]:
    # (split, code, picture) of train/5/..., in the folder itself or in one within it; what lies beside is a problem.
    found: list[tuple[str, int, Path]] = []
    holders = [folder for folder in (root, *subfolders(root)) if _holds_codes(folder)]
    for holder in dict.fromkeys((root, *holders)) if holders else ():
        note_loose(holder, problems)
        for folder in subfolders(holder):
            if folder in holders:
                continue
            split = spelled_split(folder.name)
            if split is None:
                _note_pictures(folder, "is no split that mien knows", problems)
                continue
            note_loose(folder, problems)
            for inner in subfolders(folder):
                if not inner.name.isdecimal():
                    _note_pictures(inner, f"is no code from 1 to {len(RAF7)}", problems)
                    continue
                if not 1 <= int(inner.name) <= len(RAF7):
                    raise DataError(
                        f"{inner}: RAF-DB's codes are 1 to {len(RAF7)}, so this is another dataset; call its folders "
                        "by their classes and take --layout folders"
                    )
                found += [(split, int(inner.name), picture) for picture in picture_files(inner, problems)]
    return found


def _holds_codes(holder: Path) -> bool:
    splits = [folder for folder in subfolders(holder) if spelled_split(folder.name)]
    return any(inner.name.isdecimal() for folder in splits for inner in subfolders(folder))


def _note_pictures(folder: Path, kind: str, problems: Problems) -> None:
    count = sum(map(is_picture_file, entries(folder))) + len(deeper_pictures(folder))
    if count:
        problems.add(str(folder), kind, f"{count} picture{'' if count == 1 else 's'}")


def _records_by_folder(root: Path, coded: list[tuple[str, int, Path]], problems: Problems) -> Iterator[Record]:
    for split, code, picture in coded:
        content = usable_picture(picture, problems)
        if content is not None:
            name = picture.relative_to(root).as_posix()
            yield Record(image=content, path=name, label=RAF7.labels[code - 1], split=split, source="raf-db")


def find_below(root: Path, names: tuple[str, ...], *, layout: str) -> Path:
    """Return the first file of one of these names in a folder or anywhere below.

    Raises:
        DataError: there is none.
    """
    for name in names:
        for file in sorted(root.rglob(name)):
            return file
    raise DataError(f"{root}: {names[0]} is not in it; layout {layout} needs the folder with the labels and pictures")


def aligned_folder(root: Path, *, layout: str) -> Path:
    """Return the folder ``aligned`` that holds the pictures; some archives unpack to ``aligned/aligned``.

    Raises:
        DataError: there is none.
    """
    folders = sorted(root.rglob("aligned"), key=lambda folder: -len(folder.parts))
    for folder in folders:
        if any(folder.glob("*_aligned.jpg")):
            return folder
    raise DataError(
        f"{root}: has no folder 'aligned' with pictures; layout {layout} reads aligned pictures, unpack them"
    )


class AlignedPictures:
    """The pictures that a label file names: ``aligned/x_aligned.jpg`` for ``x.jpg``, each once.

    Args:
        folder: of `aligned_folder`.
        problems: collects those that are named again, missing or broken.
    """

    def __init__(self, folder: Path, problems: Problems) -> None:
        self._folder = folder
        self._problems = problems
        self._taken: set[str] = set()

    def content(self, name: str, place: str) -> bytes | None:
        """Return the bytes of a picture; None where they cannot be used, which is noted.

        Args:
            name: as the label file has it.
            place: the line that names it.
        """
        stem = Path(name).stem
        if stem in self._taken:
            self._problems.add(place, NAMED_TWICE, name)
            return None
        self._taken.add(stem)
        return usable_picture(self._folder / f"{stem}_aligned.jpg", self._problems)


def label_lines(file: Path) -> list[tuple[int, list[str]]]:
    """Return (number of the line, its words) of a label file, empty lines left out.

    Raises:
        DataError: it cannot be read as text.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as text ({error}); check that it is the right file") from error
    return [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]


def _records(lines: list[tuple[int, list[str]]], file: Path, pictures: Path, problems: Problems) -> Iterator[Record]:
    aligned = AlignedPictures(pictures, problems)
    for number, words in lines:
        place = f"{file}, line {number}"
        if len(words) != 2:
            problems.add(place, "is not a file name and a code", " ".join(words)[:60])
            continue
        name, code = words
        if not (code.isdecimal() and 1 <= int(code) <= len(RAF7)):
            problems.add(place, f"is not a code from 1 to {len(RAF7)}", code)
            continue
        split = spelled_split(name.partition("_")[0])
        if split is None:
            problems.add(place, "name begins with neither train_ nor test_", name)
            continue
        content = aligned.content(name, place)
        if content is not None:
            yield Record(image=content, path=name, label=RAF7.labels[int(code) - 1], split=split, source="raf-db")

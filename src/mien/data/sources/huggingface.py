"""Layout ``huggingface``: a dataset of Hugging Face, in a local directory or by its name on the hub.

A local directory is what ``Dataset.save_to_disk`` wrote, or anything that ``load_dataset`` opens: Parquet files, an
image folder. The dataset needs a column of type Image, and a column of class names (ClassLabel or text) named label,
labels, emotion, expression or category.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mien.data.column_types import TEXT_TYPES
from mien.data.problems import Problems
from mien.data.record import UNSPLIT, Record, TableMeta, named_apart
from mien.data.sources.source import NO_PICTURE, Source, SourceOptions, is_picture
from mien.errors import DataError, import_extra
from mien.labels import smallest_label_set, spelled_label

LABEL_COLUMNS = ("label", "labels", "emotion", "expression", "category")


def open_huggingface(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open a dataset of Hugging Face.

    Args:
        path: a local directory, or a name on the hub such as ``owner/name``.
        options: `hub_split`, where only one is wanted.
        problems: collects broken pictures and classes that mien does not know.

    Raises:
        MissingExtraError: `datasets` is not installed.
        DataError: nothing can be loaded from there, or it holds no pictures with class names.
    """
    splits = _load(path, options.hub_split)
    features = next(iter(splits.values())).features
    image, label = _image_column(features, path), _label_column(features, path)
    names = _class_names(features[label])
    found = names or sorted(
        {str(value) for part in splits.values() for value in part.unique(label) if value is not None}
    )
    known = [spelled for spelled in map(spelled_label, found) if spelled]
    if not known:
        raise DataError(
            f"{path}: the classes in column {label!r} are {', '.join(found[:10])}, none of which is an emotion that "
            "mien knows; is this another kind of dataset?"
        )
    licenses = {str(part.info.license) for part in splits.values() if part.info.license}
    meta = TableMeta(
        label_set=smallest_label_set(known),
        license=", ".join(sorted(licenses)) or "unknown; say it with --license",
        layout="huggingface",
    )
    total = sum(len(part) for part in splits.values())
    return Source(meta, total, named_apart(_records(splits, (image, label), names, str(path), problems)))


def _load(path: Path, split: str | None) -> dict[str, Any]:
    if not path.exists() and not re.fullmatch(r"[\w.-]+/[\w.-]+", str(path)):
        raise DataError(f"{path}: no such directory, and no name on the hub, which is like owner/name")
    if path.is_file():
        raise DataError(f"{path}: is a file; give the folder that holds it")
    datasets = import_extra("datasets", extra="data", purpose="layout huggingface")
    try:
        if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
            loaded = datasets.load_from_disk(str(path))
        else:
            loaded = datasets.load_dataset(str(path))
    except Exception as error:  # datasets, the hub client and the network raise almost anything
        cause = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: cannot be loaded as a dataset ({type(error).__name__}: {cause}); give a local directory, or a "
            "name on the hub while the network reaches it"
        ) from error
    parts = dict(loaded) if isinstance(loaded, Mapping) else {str(loaded.split or UNSPLIT): loaded}
    if split is not None and split not in parts:
        raise DataError(f"{path}: has no split {split!r}; there are {', '.join(parts)}")
    return parts if split is None else {split: parts[split]}


def _image_column(features: Mapping[str, Any], path: Path) -> str:
    for name, feature in features.items():
        if type(feature).__name__ == "Image":
            return name
    raise DataError(f"{path}: has no column of type Image; its columns are {', '.join(features)}")


def _label_column(features: Mapping[str, Any], path: Path) -> str:
    for name in LABEL_COLUMNS:
        if name in features and (_class_names(features[name]) or getattr(features[name], "dtype", "") in TEXT_TYPES):
            return name
    raise DataError(
        f"{path}: has no column of class names (ClassLabel or text) called {', '.join(LABEL_COLUMNS)}; its columns are "
        f"{', '.join(f'{name} ({feature})' for name, feature in features.items())[:300]}. Codes without names cannot "
        "be read, their order differs between datasets"
    )


def _class_names(feature: Any) -> list[str] | None:
    names = getattr(feature, "names", None)
    return None if names is None else [str(name) for name in names]


def _records(
    splits: Mapping[str, Any], columns: tuple[str, str], names: list[str] | None, source: str, problems: Problems
) -> Iterator[Record]:
    datasets = import_extra("datasets", extra="data", purpose="layout huggingface")
    image, label = columns
    for split, part in splits.items():
        encoded = part.select_columns([image, label]).cast_column(image, datasets.Image(decode=False))
        for number, row in enumerate(encoded):
            place = f"{source}, split {split}, row {number}"
            value = row[label]
            word = names[value] if names and isinstance(value, int) and 0 <= value < len(names) else str(value)
            spelled = spelled_label(word)
            if spelled is None:
                problems.add(place, "has a class that mien does not know", word)
                continue
            content = _content(row[image], place, problems)
            if content is not None:
                # Only the last part of a path says the same wherever the dataset lies.
                name = Path(row[image].get("path") or f"{split}-{number:06d}").name
                yield Record(image=content, path=name, label=spelled, split=split, source=Path(source).name)


def _content(image: Mapping[str, Any], place: str, problems: Problems) -> bytes | None:
    try:
        content: bytes = image["bytes"] if image["bytes"] is not None else Path(image["path"]).read_bytes()
    except (OSError, TypeError) as error:
        problems.add(place, NO_PICTURE, str(error))
        return None
    return content if is_picture(content, place, problems) else None

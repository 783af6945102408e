"""FER-2013 with FER+ votes as one Parquet file.

Columns: ``image`` (struct of encoded bytes and path), ``emotion`` (0..6 in the order of `mien.labels.FER7`), ``usage``
(Training, PublicTest, PrivateTest), ``votes_<name>`` for the ten columns of FER+, null where FER+ has no votes.
Source: Goodfellow et al. 2013, "Challenges in Representation Learning" (arXiv:1307.0414).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.data.votes import VOTE_COLUMNS
from mien.errors import DataError, PictureError, import_extra
from mien.inference.crops import crop_whole
from mien.inference.image import read_picture
from mien.labels import FER7
from mien.model_card import CropSpec

SPLITS = ("Training", "PublicTest", "PrivateTest")


def read_fer2013(path: Path, *, spec: CropSpec, splits: Sequence[str] = SPLITS) -> Samples:
    """Read FER-2013, by row groups.

    Args:
        path: the Parquet file.
        spec: size and colour of the crops to make.
        splits: which splits to read; reading one is faster than reading all.

    Raises:
        DataError: not such a file, a column is missing, a label is out of range, or a picture is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = import_extra("pyarrow.parquet", extra="parquet", purpose="reading a Parquet table")
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the Parquet file of FER-2013 with --data")
    try:
        file = parquet.ParquetFile(path)
    except Exception as error:  # pyarrow's errors have no common base
        raise DataError(f"{path}: is not a Parquet file ({error})") from error
    needed = ["image", "emotion", "usage", *(f"votes_{name}" for name in VOTE_COLUMNS)]
    if missing := [name for name in needed if name not in file.schema_arrow.names]:
        raise DataError(f"{path}: column {missing[0]!r} is missing; there are {', '.join(file.schema_arrow.names)}")
    parts = [
        _read_group(file.read_row_group(number, columns=needed), path=path, spec=spec, splits=splits)
        for number in range(file.num_row_groups)
    ]
    return Samples(
        ids=np.concatenate([part.ids for part in parts]),
        crops=np.concatenate([part.crops for part in parts]),
        fer7=np.concatenate([part.fer7 for part in parts]),
        votes=np.concatenate([part.votes for part in parts]),
        split=np.concatenate([part.split for part in parts]),
    )


def _read_group(table: Any, *, path: Path, spec: CropSpec, splits: Sequence[str]) -> Samples:
    usage = np.array(table["usage"].to_pylist(), dtype=np.str_)
    kept = np.flatnonzero(np.isin(usage, splits))
    table = table.take(kept)
    pictures = table["image"].to_pylist()
    crops = np.empty((len(kept), spec.channels, spec.size, spec.size), np.uint8)
    for crop, picture in zip(crops, pictures, strict=True):
        try:
            crop[:] = crop_whole(read_picture(picture["bytes"]), spec)[0]
        except PictureError as error:
            raise DataError(f"{path}: picture {picture['path']}: {error}") from error
    fer7 = _column(table, "emotion").astype(np.int64)
    if len(fer7) and not (fer7.min() >= 0 and fer7.max() < len(FER7)):
        raise DataError(f"{path}: column 'emotion' has codes outside 0..{len(FER7) - 1}; is this another dataset?")
    return Samples(
        ids=np.array([picture["path"] for picture in pictures], dtype=np.str_),
        crops=crops,
        fer7=fer7,
        votes=np.stack([_column(table, f"votes_{name}") for name in VOTE_COLUMNS], axis=1),
        split=usage[kept],
    )


def _column(table: Any, name: str) -> NDArray[np.float32]:
    return np.array(table[name].to_pylist(), dtype=np.float32)

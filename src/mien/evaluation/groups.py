"""What else is known of each picture: the columns by which an audit compares."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.data.duplicates import near_repeated_in
from mien.data.record import row_name
from mien.data.samples import Samples
from mien.data.table import Table, open_table
from mien.errors import DataError, unknown_name
from mien.evaluation.predictions import row_by_id

REPEATED = "repeated in training"
"""The group that says whether training has an exact, near or mirrored duplicate: ``yes`` or ``no``."""

PARTS = ("low", "middle", "high")
FEW_VALUES = 12
"""A column of numbers with more different values is cut into three equal parts."""

BLOCK = 1024
"""Pictures whose quality is measured together."""

Groups = dict[str, NDArray[np.str_]]


def quality_groups(samples: Samples) -> Groups:
    """Sort pictures by their quality into three equal parts each: brightness, contrast and sharpness.

    Brightness is the mean, contrast the standard deviation of the gray levels, sharpness the variance of the Laplacian
    over the contrast squared, so that a contrasty picture is not taken for a sharp one.

    Args:
        samples: crops of any size.

    Returns:
        For each name (n,) ``low``, ``middle`` or ``high``.
    """
    parts = []
    for start in range(0, len(samples), BLOCK):  # as floats all of a large table would not fit into memory
        gray = samples.crops[start : start + BLOCK].mean(axis=1)
        laplacians = np.array([cv2.Laplacian(crop, cv2.CV_64F).var() for crop in gray])
        parts.append((gray.mean(axis=(1, 2)), gray.std(axis=(1, 2)), laplacians))
    brightness, contrast, laplacians = (np.concatenate(values) for values in zip(*parts, strict=True))
    return {
        "brightness": in_three(brightness),
        "contrast": in_three(contrast),
        "sharpness": in_three(laplacians / np.maximum(contrast, 1) ** 2),
    }


def repeated_group(samples: Samples, training: Samples) -> Groups:
    """Say of each picture whether training has an exact, near or mirrored duplicate of it."""
    return {REPEATED: np.where(near_repeated_in(samples, training), "yes", "no")}


def column_groups(path: Path, ids: NDArray[np.str_], columns: Sequence[str] = (), *, split: str) -> Groups:
    """Read columns of a table for some of its pictures.

    Args:
        path: the Parquet file; columns beyond those of the canonical table are allowed.
        ids: (n,) names of the pictures.
        columns: which ones; ``subject`` and ``source`` are read anyway where they say anything.
        split: of the pictures; in another split the same names may stand for other pictures.

    Returns:
        For each column (n,) text, empty where a row has none; ``low``, ``middle`` or ``high`` for numbers of many
        values.

    Raises:
        UsageError: the table has no such column.
        DataError: no such table, it lacks one of the pictures, or names within the split repeat.
    """
    table = open_table(path)
    there = checked_columns(table, columns)
    wanted = [*columns, *(name for name in ("subject", "source") if name in there and name not in columns)]
    if not wanted:
        return {}
    content = table.file.read(columns=["image.path", *wanted])
    inside = [row for row, (_, own, _) in enumerate(table.labels_and_splits()) if own == split]
    images = content["image"].to_pylist()
    place = row_by_id(np.array([images[row]["path"] or row_name(row) for row in inside], np.str_), source=str(path))
    if missing := [name for name in ids.tolist() if name not in place]:
        raise DataError(f"{path}: has no picture {missing[0]} in split {split!r}; give the table that was predicted")
    rows = [inside[place[name]] for name in ids.tolist()]
    found = {}
    for name in wanted:
        values = content[name].to_pylist()
        chosen = [values[row] for row in rows]
        if name in columns or len(set(chosen)) > 1:
            found[name] = _as_text(chosen)
    return found


def checked_columns(table: Table, columns: Sequence[str]) -> list[str]:
    """Return the names of all columns that say something of a picture, with those that are asked for among them.

    Args:
        table: whose columns they are; nothing of it is read.
        columns: those that are asked for.

    Raises:
        UsageError: the table lacks one.
    """
    there = [name for name in table.file.schema_arrow.names if name != "image"]
    for name in columns:
        if name not in there:
            raise unknown_name("column", name, there, f"These are the columns of {table.path}.")
    return there


def in_three(values: NDArray[np.float64]) -> NDArray[np.str_]:
    """Cut values (n,) into three equal parts by their rank; equal values stay together."""
    edges = np.quantile(values, [1 / 3, 2 / 3])
    return np.array(PARTS)[np.searchsorted(edges, values, side="left")]


def _as_text(values: list[object]) -> NDArray[np.str_]:
    known = np.array([value is not None and not (isinstance(value, float) and math.isnan(value)) for value in values])
    there = [value for value, is_known in zip(values, known, strict=True) if is_known]
    numbers = [value for value in there if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(set(numbers)) > FEW_VALUES and len(numbers) == len(there):
        parts = in_three(np.array(numbers, np.float64))
    else:
        parts = np.array([str(value) for value in there], np.str_)
    text = np.full(len(values), "", dtype=parts.dtype)
    text[known] = parts
    return text

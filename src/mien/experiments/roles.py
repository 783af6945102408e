"""The pictures of a recipe, by what they are for."""

from pathlib import Path

import numpy as np

from mien.data.samples import Samples, read_samples
from mien.data.table import open_table
from mien.errors import DataError
from mien.training.recipe import Recipe

ROLES = ("training", "validation", "test")


def read_roles(recipe: Recipe, path: Path) -> dict[str, Samples]:
    """Read the pictures that a recipe trains on, chooses by and is tested on.

    Args:
        recipe: names the splits, the crop, and how many pictures to take.
        path: a canonical table, or FER-2013's Parquet file.

    Returns:
        Samples by ``"training"``, ``"validation"`` and, where the table has that split, ``"test"``.

    Raises:
        DataError: a split is missing, or the table is not what it should be.
    """
    there = open_table(path).split_counts()
    names = {role: getattr(recipe.data, role) for role in ROLES}
    for role in ("training", "validation"):
        if names[role] not in there:
            raise DataError(
                f"{path}: has no split {names[role]!r} for {role}; there are {', '.join(there)}: "
                f"--set data.{role}=NAME, or part it anew with `mien data split`"
            )
    wanted = {role: name for role, name in names.items() if name in there}
    samples = read_samples(path, spec=recipe.crop.spec(), splits=tuple(wanted.values()))
    return {role: _limited(samples.of_split(name), recipe) for role, name in wanted.items()}


def _limited(samples: Samples, recipe: Recipe) -> Samples:
    limit = recipe.data.limit
    if not 0 < limit < len(samples):
        return samples
    chosen = np.random.default_rng(recipe.seed).choice(len(samples), limit, replace=False)
    return samples.take(np.sort(chosen))

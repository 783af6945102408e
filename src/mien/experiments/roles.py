"""The pictures of a recipe, by what they are for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.console import Console
from mien.data.samples import Samples, digest_of_names, read_samples
from mien.data.table import open_table
from mien.errors import DataError
from mien.evaluation.truths import truth_of
from mien.model_card import Head
from mien.training.recipe import Data, Recipe
from mien.training.targets import targets_of

ROLES = ("training", "validation", "test")


def read_roles(recipe: Recipe, path: Path, *, roles: Sequence[str] = ROLES) -> dict[str, Samples]:
    """Read the pictures that a recipe trains on, chooses by and is tested on.

    Args:
        recipe: names the splits, the crop, and how many pictures to take.
        path: a canonical table, or FER-2013's Parquet file.
        roles: which of them.

    Returns:
        Samples by ``"training"``, ``"validation"`` and, where the table has FER-2013's PrivateTest or the split that
        the recipe names instead, ``"test"``.

    Raises:
        DataError: a split is missing, or the table is not what it should be.
    """
    wanted = _splits(recipe, path, roles)
    with Console(stderr=True).status("reading the pictures"):
        samples = read_samples(path, spec=recipe.crop.spec(), splits=tuple(wanted.values()))
    return {role: _limited(samples.of_split(name), recipe) for role, name in wanted.items()}


def digests_of_roles(recipe: Recipe, path: Path) -> dict[str, str]:
    """Return the digests of the names of the pictures that `read_roles` would read, without decoding one.

    Raises:
        DataError: see `read_roles`.
    """
    wanted = _splits(recipe, path, ROLES)
    names: dict[str, list[str]] = {name: [] for name in wanted.values()}
    for record in open_table(path).records(splits=names):
        names[record.split].append(record.path)
    drawn = {name: [those[place] for place in _drawn(len(those), recipe)] for name, those in names.items()}
    return {role: digest_of_names(drawn[name]) for role, name in wanted.items()}


def check_answers(recipe: Recipe, roles: Mapping[str, Samples]) -> None:
    """Make sure, before hours of training, that every head can learn, be fitted and be scored.

    Args:
        recipe: names the heads.
        roles: of `read_roles`.

    Raises:
        DataError: the pictures of a role have no answers for one of the heads.
    """
    for role in () if recipe.member_runs() else ("training", "validation"):
        targets_of(roles[role], recipe)
    for name, head in recipe.heads.items():
        for role in ("validation", "test"):
            try:
                if role in roles:
                    truth_of(Head(name, head.task, head.names(name)), roles[role])
            except DataError as error:
                remedy = "choose another split with --set data.test=NAME, or none with --set data.test=''"
                if role == "validation":
                    remedy = "choose another split with --set data.validation=NAME, or leave the head out"
                raise DataError(f"split {getattr(recipe.data, role)!r} for {role}: {error}; {remedy}") from error


def _splits(recipe: Recipe, path: Path, roles: Sequence[str]) -> dict[str, str]:
    there = open_table(path).split_counts()
    names = {role: getattr(recipe.data, role) for role in roles}
    # What a recipe tests on where it does not say is missed in many tables, another name only by mistake.
    needless = ("", Data().test)
    for role, name in names.items():
        if name not in there and not (role == "test" and name in needless):
            none = ", or none with data.test=''" if role == "test" else ""
            raise DataError(
                f"{path}: has no split {name!r} for {role}; there are {', '.join(there)}: name one of them with "
                f"data.{role} in the recipe{none}, or part the table anew with `mien data split`"
            )
    return {role: name for role, name in names.items() if name in there}


def _limited(samples: Samples, recipe: Recipe) -> Samples:
    drawn = _drawn(len(samples), recipe)
    return samples if len(drawn) == len(samples) else samples.take(drawn)


def _drawn(count: int, recipe: Recipe) -> NDArray[np.int64]:
    limit = recipe.data.limit
    if not 0 < limit < count:
        return np.arange(count)
    return np.sort(np.random.default_rng(recipe.seed).choice(count, limit, replace=False))

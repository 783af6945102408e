"""What a recipe's heads should answer to each picture of a table, as tensors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.data.samples import Samples
from mien.data.votes import MISSING, VOTE_COLUMNS, multilabel, vote_distribution
from mien.errors import DataError
from mien.labels import FERPLUS8
from mien.training.head_recipe import HeadRecipe
from mien.training.recipe import Recipe


@dataclass(frozen=True)
class Target:
    """The right answers of one head.

    Attributes:
        values: (n, labels) float32. One label: a distribution over the labels. Several, or a gate: 1 where the label
            applies. Zeros where nobody knows.
        known: (n,) float32, 1 where there is an answer, else 0.
    """

    values: Tensor
    known: Tensor

    def take(self, index: Tensor) -> "Target":
        """Return the answers at these positions."""
        return Target(self.values[index], self.known[index])

    def to(self, device: torch.device) -> "Target":
        """Return the answers on a device."""
        return Target(self.values.to(device), self.known.to(device))

    @classmethod
    def joined(cls, parts: "Sequence[Target]") -> "Target":
        """Return the answers of several batches as one."""
        return cls(torch.cat([part.values for part in parts]), torch.cat([part.known for part in parts]))


@dataclass(frozen=True)
class Targets:
    """The right answers of all heads, by name; Lightning moves them to the device with the batch."""

    by_head: Mapping[str, Target]

    def __getitem__(self, head: str) -> Target:
        return self.by_head[head]

    def take(self, index: Tensor) -> "Targets":
        """Return the answers at these positions."""
        return Targets({name: target.take(index) for name, target in self.by_head.items()})

    def to(self, device: torch.device) -> "Targets":
        """Return the answers on a device."""
        return Targets({name: target.to(device) for name, target in self.by_head.items()})


def targets_of(samples: Samples, recipe: Recipe) -> Targets:
    """Return the right answers of a recipe's heads.

    Raises:
        DataError: the table has not what a head learns from.
    """
    return Targets({name: _target(samples, name, head) for name, head in recipe.heads.items()})


def groups_of(samples: Samples, recipe: Recipe) -> tuple[tuple[Tensor, float], ...]:
    """Return the pictures of which a recipe sees a share in every epoch: positions (m,) int64 of each group, its share.

    Raises:
        DataError: the table has no such label, or no picture of it; or every picture is of such a label.
    """
    given = samples.meta.label_set
    groups = []
    for label, share in recipe.data.shares.items():
        chosen = np.flatnonzero(samples.codes == given.index(label)) if label in given.labels else np.empty(0, np.int64)
        if not len(chosen):
            raise DataError(
                f"data.shares: no picture to learn from is labelled {label!r} (labels: {', '.join(given.labels)}); "
                "name labels of the table, or leave data.shares out"
            )
        groups.append((torch.from_numpy(chosen), share))
    if sum(len(group) for group, _ in groups) == len(samples):
        raise DataError(
            f"data.shares: every picture to learn from has one of the labels {', '.join(recipe.data.shares)}; leave "
            "one of them out: all pictures of other labels are an epoch, and the shares are drawn to go with them"
        )
    return tuple(groups)


def check_shares(groups: Sequence[tuple[Tensor, float]], recipe: Recipe, *, count: int) -> None:
    """Make sure that there are pictures enough for the shares of an epoch, in which none is seen twice.

    Args:
        groups: of `groups_of`.
        recipe: names their labels.
        count: of all pictures to learn from.

    Raises:
        DataError: a label has fewer pictures than its share is.
    """
    others = count - sum(len(group) for group, _ in groups)
    shares = sum(share for _, share in groups)
    for label, (group, share) in zip(recipe.data.shares, groups, strict=True):
        wanted = round(share * others / (1 - shares))
        if wanted > len(group):
            largest = len(group) * (1 - shares + share) / (others + len(group))
            raise DataError(
                f"data.shares: {label} = {share:g} is {wanted} pictures an epoch, and there are {len(group)}; the "
                f"largest share that they can be is {math.floor(largest * 1e4) / 1e4:g}"
            )


def check_classes(targets: Targets, recipe: Recipe, *, split: str) -> None:
    """Make sure that every label of every head has a picture to learn it from.

    Raises:
        DataError: a class without samples, or a gate with one side only.
    """
    for name, labels in recipe.labels().items():
        target = targets[name]
        counts = target.values.sum(0).tolist()
        empty = [label for label, count in zip(labels, counts, strict=True) if count == 0]
        if recipe.heads[name].task == "gate" and not empty and counts[0] == float(target.known.sum()):
            empty = ["other"]
        if empty:
            raise DataError(
                f"head {name}: no picture of {split!r} shows {', '.join(empty)}; "
                f"add some, or leave the label out of the recipe (heads.{name}.labels)"
            )


def _target(samples: Samples, name: str, head: HeadRecipe) -> Target:
    labels = head.names(name)
    if head.task == "gate":
        values, known = _face(samples, name)
    elif head.target == "label":
        values, known = _label(samples, name, labels)
    elif head.target == "present":
        values, known = _present(samples, name, labels)
    elif head.task == "multi":
        known = ~np.isnan(samples.votes[:, 0])
        values = _vote_columns(multilabel(samples.votes).astype(np.float32), name, labels)
    else:
        shares = vote_distribution(samples.votes)
        known = ~np.isnan(shares[:, 0])
        values = _vote_columns(np.nan_to_num(shares), name, labels)
        total = values.sum(1, keepdims=True)  # with fewer labels than FER+'s, the rest is shared out again
        known = known & (total[:, 0] > 0)
        values = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    if not known.any():
        raise DataError(f"head {name}: none of the {len(samples)} pictures has the {head.target} that it learns from")
    values = np.where(known[:, None], values, 0).astype(np.float32)
    return Target(torch.from_numpy(values), torch.from_numpy(known.astype(np.float32)))


def _label(samples: Samples, name: str, labels: tuple[str, ...]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    given = samples.meta.label_set
    missing = [label for label in labels if label not in given.labels]
    if missing:
        raise DataError(
            f"head {name}: the recipe's labels {', '.join(missing)} are none of the data's "
            f"({', '.join(given.labels)}); "
            f"choose a recipe for {given.name}, or list the labels in heads.{name}.labels"
        )
    values = np.zeros((len(samples), len(labels)), np.float32)
    for column, label in enumerate(labels):
        values[:, column] = samples.codes == given.index(label)
    return values, np.asarray(values.any(axis=1))


def _face(samples: Samples, name: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    codes = samples.face_codes()
    if codes is None:
        raise DataError(
            f"head {name}: a gate learns from a table of faces and other things, this one names "
            f"{', '.join(samples.meta.label_set.labels)}; "
            "make one with: mien data prepare FACES --other THINGS --layout face-or-other"
        )
    return (codes == 1).astype(np.float32)[:, None], codes != MISSING


def _present(samples: Samples, name: str, labels: tuple[str, ...]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    given = samples.meta.multi_set.labels
    missing = [label for label in labels if label not in given]
    if missing or not samples.asked.any():
        raise DataError(
            f"head {name}: the data names no several labels a picture{' such as ' + missing[0] if missing else ''}; "
            f"where it has FER+ votes, set heads.{name}.target to 'votes'"
        )
    values = samples.present[:, [given.index(label) for label in labels]].astype(np.float32)
    return values, samples.asked


def _vote_columns(columns: NDArray[np.float32], name: str, labels: tuple[str, ...]) -> NDArray[np.float32]:
    unknown = [label for label in labels if label not in FERPLUS8.labels]
    if unknown:
        raise DataError(
            f"head {name}: nobody voted on {', '.join(unknown)}; FER+'s votes are on "
            f"{', '.join(VOTE_COLUMNS[: len(FERPLUS8)])}"
        )
    return columns[:, [FERPLUS8.index(label) for label in labels]]

"""Whom a model is right for: accuracy by any column, and a claim only where the sample supports one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, false_discovery_control, fisher_exact, norm

from mien.errors import UsageError
from mien.evaluation.multilabel import right_answers
from mien.evaluation.predictions import Predictions

FEWEST = 30
"""A group or its complement with fewer pictures is shown, not judged."""
LEVEL = 0.05
POWER = 0.8
MOST_GROUPS = 40
"""A column with more groups, such as hundreds of subjects, has too few pictures in each."""


@dataclass(frozen=True)
class GroupRow:
    """One group against all the other pictures.

    Attributes:
        column: what the pictures are grouped by.
        group: which of its values.
        n: pictures in it.
        accuracy: share of right answers in it, 0 to 1.
        low: of its exact 95 % interval (Clopper & Pearson 1934).
        high: of that interval.
        gap: its accuracy minus that of all the others.
        detectable: the smallest gap that a sample of this size shows four times out of five where no other column has
            one, the correction included; by the normal approximation, too small for shares near 0 and 1.
        p: corrected over all groups that are judged (Benjamini & Hochberg 1995), None where too few pictures.
    """

    column: str
    group: str
    n: int
    accuracy: float
    low: float
    high: float
    gap: float
    detectable: float
    p: float | None

    @property
    def verdict(self) -> str:
        """What may be said: ``lower``, ``higher``, ``no difference shown`` or ``too few pictures``."""
        if self.p is None:
            return "too few pictures"
        if self.p >= LEVEL:
            return "no difference shown"
        return "lower" if self.gap < 0 else "higher"


def audit(predictions: Predictions, columns: Sequence[str] | None = None) -> list[GroupRow]:
    """Compare the accuracy of each group with that of all the others.

    Fisher's exact test for each group of at least 30 pictures, corrected over all groups of all columns for the share
    of false discoveries. A gap says nothing of its cause: groups may differ in which emotions they show.

    Args:
        predictions: of a single-label head or a gate; for several labels, an answer is right where all labels are.
        columns: of `Predictions.groups`; None takes all.

    Returns:
        A row a group, in the order of the columns. A column of more than 40 groups is left out.

    Raises:
        UsageError: there is no such column, or it has too many groups.
    """
    check_columns(predictions.groups, columns or ())
    right = right_answers(predictions)
    found: list[tuple[str, str, NDArray[np.bool_], int]] = []
    for name in predictions.groups if columns is None else columns:
        values = predictions.groups[name]
        groups = sorted(set(values.tolist()), key=_place)
        if 1 < len(groups) <= MOST_GROUPS:
            # Two groups are one test, done twice: what one lacks the other has.
            found += [(name, group, values == group, 2 if len(groups) == 2 else 1) for group in groups]
    judged = [min(inside.sum(), (~inside).sum()) >= FEWEST for _, _, inside, _ in found]
    rows = [
        _row(name, group, right[inside], right[~inside], level=min(LEVEL * same / max(sum(judged), 1), LEVEL))
        for name, group, inside, same in found
    ]
    raw = [p for (_, p), is_judged in zip(rows, judged, strict=True) if is_judged]
    corrected = iter(false_discovery_control(raw).tolist() if raw else [])
    return [
        replace(row, p=float(next(corrected))) if is_judged else row
        for (row, _), is_judged in zip(rows, judged, strict=True)
    ]


def check_columns(groups: Mapping[str, NDArray[np.str_]], columns: Sequence[str]) -> None:
    """Check that pictures can be audited by some columns.

    Args:
        groups: by name (n,) text.
        columns: names of some of them.

    Raises:
        UsageError: there is no such column, or it has too many groups.
    """
    for name in columns:
        if name not in groups:
            there = ", ".join(groups) or "none"
            raise UsageError(f"no column {name!r} to audit by: there are {there}; name one of the data with --by")
        if len(set(groups[name].tolist())) > MOST_GROUPS:
            raise UsageError(f"column {name!r} has more than {MOST_GROUPS} groups; put them into fewer")


def _row(
    column: str, group: str, ours: NDArray[np.bool_], others: NDArray[np.bool_], *, level: float
) -> tuple[GroupRow, float]:
    hits, misses = int(ours.sum()), int((~ours).sum())
    p = fisher_exact([[hits, misses], [int(others.sum()), int((~others).sum())]]).pvalue
    interval = binomtest(hits, len(ours)).proportion_ci(method="exact")
    rate = np.concatenate([ours, others]).mean()
    spread = np.sqrt(rate * (1 - rate) * (1 / len(ours) + 1 / len(others)))
    row = GroupRow(
        column=column,
        group=group,
        n=len(ours),
        accuracy=hits / len(ours),
        low=float(interval.low),
        high=float(interval.high),
        gap=float(ours.mean() - others.mean()),
        detectable=float((norm.isf(level / 2) + norm.isf(1 - POWER)) * spread),
        p=None,
    )
    return row, float(p)


def _place(group: str) -> tuple[int, str]:
    order = ("low", "middle", "high", "no", "yes")
    return (order.index(group) if group in order else len(order), group)

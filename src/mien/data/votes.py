"""The votes of FER+'s ten annotators and the targets that are made of them.

Source: Barsoum, Zhang, Canton Ferrer, Zhang 2016, "Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution" (arXiv:1608.01041), and the rules of the code published with it. Pictures that FER+
dropped have no votes: their rows are NaN, which is missing and not neutral.
"""

import numpy as np
from numpy.typing import NDArray

from mien.labels import FERPLUS8

VOTE_COLUMNS = (*FERPLUS8.labels, "unknown", "not_face")
"""What the ten columns of votes stand for, in order: eight emotions, unknown, not a face."""

MISSING = -1
"""The class index of a picture that a rule leaves out."""


def majority(votes: NDArray[np.float32], *, keep_non_emotions: bool = False) -> NDArray[np.int64]:
    """Return the class of each picture by FER+'s majority rule.

    Single votes are dropped as outliers; a class then needs more than half of what is left. Pictures whose winner is
    unknown or not a face, or that have no such winner, are left out. On FER-2013's PrivateTest this keeps 3,153.

    Args:
        votes: (n, 10) counts, NaN rows where there are no votes.
        keep_non_emotions: whether unknown and not a face may win like an emotion, as index 8 and 9.

    Returns:
        (n,) int64, index into `mien.labels.FERPLUS8`, `MISSING` where the rule leaves the picture out.
    """
    counts = np.nan_to_num(votes)
    counts = np.where(counts <= 1, 0, counts)
    winner = counts.argmax(axis=1)
    sure = (counts.max(axis=1) > 0.5 * counts.sum(axis=1)) & (
        winner < (len(VOTE_COLUMNS) if keep_non_emotions else len(FERPLUS8))
    )
    return np.where(sure, winner, MISSING)


def plurality(votes: NDArray[np.float32], *, keep_non_emotions: bool = False) -> NDArray[np.int64]:
    """Return the class with the most votes, the first of equals.

    Pictures without votes, or whose most frequent vote is unknown or not a face, are left out. On FER-2013's
    PrivateTest this keeps 3,546.

    Args:
        votes: (n, 10) counts, NaN rows where there are no votes.
        keep_non_emotions: whether unknown and not a face may win like an emotion, as index 8 and 9.

    Returns:
        (n,) int64, index into `mien.labels.FERPLUS8`, `MISSING` where the picture is left out.
    """
    counts = np.nan_to_num(votes)
    winner = counts.argmax(axis=1)
    kept = (counts.max(axis=1) > 0) & (winner < (len(VOTE_COLUMNS) if keep_non_emotions else len(FERPLUS8)))
    return np.where(kept, winner, MISSING)


def vote_distribution(votes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distribution of the votes over the eight emotions, the soft target of training.

    Single votes are dropped as outliers, the rest is renormalised.

    Args:
        votes: (n, 10) counts, NaN rows where there are no votes.

    Returns:
        (n, 8) float32 in the order of `mien.labels.FERPLUS8`, rows sum to one; NaN rows where no emotion has two votes.
    """
    counts = votes[:, : len(FERPLUS8)]
    counts = np.where(counts <= 1, 0, counts).astype(np.float32)
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / total
    return np.where(total > 0, shares, np.nan).astype(np.float32)


def multilabel(votes: NDArray[np.float32], *, at_least: int = 3) -> NDArray[np.bool_]:
    """Return which emotions are present: those that at least so many annotators named.

    Pictures without votes have none. On FER-2013's PrivateTest, at least 3 of 10 votes give 1.24 labels a picture
    that has any.

    Args:
        votes: (n, 10) counts, NaN rows where there are no votes.
        at_least: number of votes that an emotion needs.

    Returns:
        (n, 8) bool in the order of `mien.labels.FERPLUS8`.
    """
    return np.nan_to_num(votes[:, : len(FERPLUS8)]) >= at_least

"""Ranking statistics of many bootstrap resamples at once.

A resample is a row of weights: how often each picture was drawn. A metric of a resample is the metric of the weighted
pictures, so the pictures are sorted once and not once a resample; equal scores count as equal whatever their order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sorted:
    """Values in falling order, with the places where groups of equal ones begin and end.

    Attributes:
        order: (n,) positions of the values, the largest first.
        start: (n,) for each place of that order, where its group of equal values begins.
        end: (n,) where it ends, exclusive.
        last: (groups,) the last place of each group.
    """

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Sorted":
        """Sort values (n,)."""
        order = np.argsort(-values, kind="stable")
        ranked = values[order]
        first = np.concatenate([[0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1])
        last = np.append(first[1:], len(values)) - 1
        sizes = last - first + 1
        return cls(order, np.repeat(first, sizes), np.repeat(last + 1, sizes), last)


def roc_area(weights: Weights, ranked: Sorted, positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the area under the ROC curve of each resample.

    It is the chance that a positive stands above a negative, equal ones counting half.

    Args:
        weights: (resamples, n).
        ranked: the scores.
        positive: (n,).

    Returns:
        (resamples,), NaN where a resample lacks positives or negatives.
    """
    ours = weights[:, ranked.order]
    is_positive = positive[ranked.order]
    negatives = _from_zero(ours * ~is_positive)
    total = negatives[:, -1:]
    below = total - negatives[:, ranked.end]
    equal = negatives[:, ranked.end] - negatives[:, ranked.start]
    wins = (ours * is_positive * (below + 0.5 * equal)).sum(axis=1)
    return _divided(wins, total[:, 0] * (ours * is_positive).sum(axis=1))


def average_precision(weights: Weights, ranked: Sorted, positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the average precision of each resample: the precision at each threshold, weighted by the recall it adds.

    Args:
        weights: (resamples, n).
        ranked: the scores.
        positive: (n,).

    Returns:
        (resamples,), NaN where a resample lacks positives.
    """
    ours = weights[:, ranked.order]
    hits = np.cumsum(ours * positive[ranked.order], axis=1)[:, ranked.last]
    said = np.cumsum(ours, axis=1)[:, ranked.last]
    precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
    added = np.diff(hits, axis=1, prepend=0)
    return _divided((added * precision).sum(axis=1), hits[:, -1])


def risk_area(weights: Weights, ranked: Sorted, wrong: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the area under the risk-coverage curve of each resample; see `mien.evaluation.selective`.

    Args:
        weights: (resamples, n).
        ranked: the confidences.
        wrong: (n,).
    """
    ours = weights[:, ranked.order]
    errors = np.cumsum(ours * wrong[ranked.order], axis=1)[:, ranked.last]
    kept = np.cumsum(ours, axis=1)[:, ranked.last]
    risk = np.divide(errors, kept, out=np.zeros_like(errors), where=kept > 0)
    return np.asarray((np.diff(kept, axis=1, prepend=0) * risk).sum(axis=1) / kept[:, -1])


def surest_accuracy(weights: Weights, ranked: Sorted, wrong: NDArray[np.bool_], coverage: float) -> NDArray[np.float64]:
    """Return the accuracy on the surest pictures of each resample, at least a share `coverage` of them.

    Args:
        weights: (resamples, n).
        ranked: the confidences.
        wrong: (n,).
        coverage: 0 to 1.
    """
    ours = weights[:, ranked.order]
    errors = np.cumsum(ours * wrong[ranked.order], axis=1)[:, ranked.last]
    kept = np.cumsum(ours, axis=1)[:, ranked.last]
    # A share of whole pictures: what is lost when 0.8 is no exact float must not cost one more picture.
    at = (kept >= coverage * kept[:, -1:] - 1e-9).argmax(axis=1)[:, None]
    return 1 - np.take_along_axis(errors, at, axis=1)[:, 0] / np.take_along_axis(kept, at, axis=1)[:, 0]


def rank_correlation(weights: Weights, one: Sorted, other: Sorted) -> NDArray[np.float64]:
    """Return Spearman's rank correlation of each resample, equal values having their mean rank.

    Args:
        weights: (resamples, n).
        one: the first values.
        other: the second values.

    Returns:
        (resamples,), NaN where a resample has equal values only, or none.
    """
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)  # of no pictures at all there is nothing to divide
    first, second = (_ranks(weights, each) for each in (one, other))
    first -= (weights * first).sum(axis=1, keepdims=True) / total
    second -= (weights * second).sum(axis=1, keepdims=True) / total
    variances = (weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1)
    return _divided((weights * first * second).sum(axis=1), np.sqrt(variances))


def _ranks(weights: Weights, ranked: Sorted) -> NDArray[np.float64]:
    counts = _from_zero(weights[:, ranked.order])
    ranks = np.empty_like(weights)
    ranks[:, ranked.order] = (counts[:, ranked.start] + counts[:, ranked.end] + 1) / 2
    return ranks


def _from_zero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _divided(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)

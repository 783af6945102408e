"""Several labels a picture: thresholds, which labels are above them, and whether these are the right ones."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from mien.evaluation.predictions import Predictions

FIXED_THRESHOLD = 0.5
NEVER = 1.0
"""The threshold of a label that validation never shows: it is said at certainty only."""

LEAST_SCORE = 1e-6
"""Scores nearer to 0 or 1 count as this far from them: a logit has to be finite."""


def fit_thresholds(scores: NDArray[np.floating], targets: NDArray[np.bool_]) -> tuple[float, ...]:
    """Find for each label the threshold that promises the best F1, from validation data.

    A label is present where its probability is at least its threshold. With the threshold that has the best F1 on
    validation itself, labels of few positives follow the chance of a handful of pictures. So a logistic curve is fitted
    to each label first (Platt 1999), and what is maximised is the F1 that its probabilities lead to expect of the
    validation pictures (Ye et al. 2012, "Optimizing F-measure: A Tale of Two Approaches", arXiv:1206.4625): measured on
    pictures that it was not fitted on, that is better (docs/decisions/0203-expected-f1.md).

    Args:
        scores: (n, labels) probabilities of validation pictures.
        targets: (n, labels) bool, which labels are present.

    Returns:
        One threshold a label, 0 to 1, halfway between two scores that occur or between the lowest and 0; `NEVER` for a
        label that no picture has.
    """
    return tuple(
        _best_threshold(ranked, _expected(ranked, present), _f1) if present.any() else NEVER
        for ranked, present in _labels(scores, targets)
    )


def fit_gate_threshold(scores: NDArray[np.floating], targets: NDArray[np.bool_]) -> tuple[float, ...]:
    """Find for each label the threshold that maximises balanced accuracy on validation data.

    A gate's data has as many of each side as somebody collected, which says nothing about the pictures that it will
    see: so both sides weigh alike (Youden 1950, "Index for rating diagnostic tests").

    Args:
        scores: (n, labels) probabilities of validation pictures.
        targets: (n, labels) bool, which are present.

    Returns:
        One threshold a label, 0 to 1; `NEVER` for a label that no picture has.
    """
    return tuple(
        _best_threshold(ranked, present, _youden) if present.any() else NEVER
        for ranked, present in _labels(scores, targets)
    )


def said(predictions: Predictions, *, tuned: bool) -> NDArray[np.bool_]:
    """Return which labels are said: (n, labels) bool.

    Args:
        predictions: for several labels.
        tuned: at the fitted thresholds; they have to be there. Otherwise at 0.5.
    """
    if not tuned or predictions.thresholds is None:
        return predictions.scores >= FIXED_THRESHOLD
    return predictions.scores >= np.asarray(predictions.thresholds)


def right_answers(predictions: Predictions) -> NDArray[np.bool_]:
    """Return for each picture (n,) whether the answer is right; of several labels all have to be."""
    if predictions.task == "single":
        return np.asarray(predictions.scores.argmax(axis=1) == predictions.targets)
    return np.asarray((said(predictions, tuned=True) == predictions.targets).all(axis=1))


def ranking_loss_rows(predictions: Predictions) -> NDArray[np.float64]:
    """Return for each picture (n,) the share of its pairs of a present and an absent label in the wrong order.

    Equal scores are in the wrong order; a picture with no or all labels has no pairs, and 0.
    """
    scores, targets = predictions.scores, predictions.targets
    wrong = scores[:, :, None] <= scores[:, None, :]
    pairs = targets[:, :, None] & ~targets[:, None, :]
    return np.asarray((wrong & pairs).sum(axis=(1, 2)) / np.maximum(pairs.sum(axis=(1, 2)), 1))


def _labels(
    scores: NDArray[np.floating], targets: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Yield for each label its scores, falling, and where it is present."""
    for label in range(scores.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        yield scores[order, label].astype(np.float64), targets[order, label]


def _expected(ranked: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how likely the label is present (n,), by a logistic curve over the logits of the scores."""
    if present.all():
        return np.ones(len(ranked))
    logits = logit(np.clip(ranked, LEAST_SCORE, 1 - LEAST_SCORE))[:, None]
    return np.asarray(LogisticRegression().fit(logits, present).predict_proba(logits)[:, 1])


def _f1(hits: NDArray[np.float64], said: NDArray[np.int64], present: float) -> NDArray[np.float64]:
    return 2 * hits / (said + present)


def _youden(hits: NDArray[np.float64], said: NDArray[np.int64], present: float) -> NDArray[np.float64]:
    absent = max(len(said) - present, 1)
    return hits / present - (said - hits) / absent


def _best_threshold(
    ranked: NDArray[np.float64],
    present: NDArray[np.number | np.bool_],
    quality: Callable[[NDArray[np.float64], NDArray[np.int64], float], NDArray[np.float64]],
) -> float:
    """Return the threshold among falling scores whose quality is best; of equally good ones the lowest."""
    hits = np.cumsum(present, dtype=np.float64)
    found = quality(hits, np.arange(1, len(ranked) + 1), float(hits[-1]))
    # Only after the last of equal scores can a threshold stand.
    ends = np.append(ranked[:-1] > ranked[1:], True)
    best = int(np.flatnonzero(ends & (found == found[ends].max()))[-1])
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    middle = float((ranked[best] + below) / 2)
    return middle if middle > below else float(ranked[best])  # between neighbouring floats there is no middle

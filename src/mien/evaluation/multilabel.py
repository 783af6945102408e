"""Several labels a picture: thresholds, and how good the labels above them are."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    label_ranking_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

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


def multilabel_metrics(predictions: Predictions) -> dict[str, float]:
    """Measure predictions of several labels on all pictures; scikit-learn's definitions.

    Returns:
        Independent of thresholds: ``map`` (mean average precision over the labels that occur), ``ranking_loss`` (share
        of pairs of a present and an absent label in the wrong order), ``cardinality`` (labels a picture). At 0.5, and
        with the prefix ``tuned_`` at the fitted thresholds where there are some: ``hamming_loss``, ``subset_accuracy``,
        ``micro_f1``, ``macro_f1`` (over the labels that occur), ``sample_f1`` (1 for a picture without any label about
        which nothing is said), ``said_cardinality`` (labels said a picture). By label: ``ap/<label>``,
        ``[tuned_]precision/<label>``, ``[tuned_]recall/<label>``, ``[tuned_]f1/<label>``.
    """
    targets, scores, labels = predictions.targets, predictions.scores, predictions.labels
    occurs = [n for n in range(len(labels)) if targets[:, n].any()]
    precisions = {labels[n]: float(average_precision_score(targets[:, n], scores[:, n])) for n in occurs}
    found = {
        "map": float(np.mean(list(precisions.values()))) if precisions else 0.0,
        "ranking_loss": float(label_ranking_loss(targets, scores)) if len(labels) > 1 else 0.0,
        "cardinality": float(targets.sum(axis=1).mean()),
    }
    found |= _at(targets, said(predictions, tuned=False), labels, occurs, "")
    if predictions.thresholds is not None:
        found |= _at(targets, said(predictions, tuned=True), labels, occurs, "tuned_")
    return found | {f"ap/{label}": value for label, value in precisions.items()}


def ranking_loss_rows(predictions: Predictions) -> NDArray[np.float64]:
    """Return for each picture (n,) the share of its pairs of a present and an absent label in the wrong order.

    Equal scores are in the wrong order; a picture with no or all labels has no pairs, and 0.
    """
    scores, targets = predictions.scores, predictions.targets
    wrong = scores[:, :, None] <= scores[:, None, :]
    pairs = targets[:, :, None] & ~targets[:, None, :]
    return np.asarray((wrong & pairs).sum(axis=(1, 2)) / np.maximum(pairs.sum(axis=(1, 2)), 1))


def gate_metrics(predictions: Predictions) -> dict[str, float]:
    """Measure a gate on all pictures, for its first label: face or not; scikit-learn's definitions.

    Returns:
        ``roc_auc`` and ``average_precision`` where both answers occur; at the fitted threshold, or at 0.5 without:
        ``accuracy``, ``balanced_accuracy``, ``precision``, ``recall``, ``f1``.
    """
    targets, scores = predictions.targets[:, 0], predictions.scores[:, 0]
    answers = said(predictions, tuned=True)[:, 0]
    found = {
        "accuracy": accuracy_score(targets, answers),
        "balanced_accuracy": recall_score(
            targets, answers, labels=np.unique(targets), average="macro", zero_division=0.0
        ),
        "precision": precision_score(targets, answers, zero_division=0.0),
        "recall": recall_score(targets, answers, zero_division=0.0),
        "f1": f1_score(targets, answers, zero_division=0.0),
    }
    if 0 < targets.sum() < len(targets):
        found |= {
            "roc_auc": roc_auc_score(targets, scores),
            "average_precision": average_precision_score(targets, scores),
        }
    return {name: float(value) for name, value in found.items()}


def _at(
    targets: NDArray[np.bool_], answers: NDArray[np.bool_], labels: tuple[str, ...], occurs: list[int], prefix: str
) -> dict[str, float]:
    wrong = float((targets != answers).mean())
    if len(labels) == 1:  # scikit-learn takes a lone column for two classes; beside an empty one it is a label
        targets, answers = (np.pad(column, ((0, 0), (0, 1))) for column in (targets, answers))
    per_label = {"average": None, "zero_division": 0.0}
    by_label = {
        "precision": precision_score(targets, answers, **per_label),
        "recall": recall_score(targets, answers, **per_label),
        "f1": f1_score(targets, answers, **per_label),
    }
    found = {
        "hamming_loss": wrong,
        "subset_accuracy": accuracy_score(targets, answers),
        "micro_f1": f1_score(targets, answers, average="micro", zero_division=0.0),
        "macro_f1": np.mean(by_label["f1"][occurs]) if occurs else 0.0,
        "sample_f1": f1_score(targets, answers, average="samples", zero_division=1.0),
        "said_cardinality": answers.sum(axis=1).mean(),
    }
    for name, values in by_label.items():
        found |= {f"{name}/{labels[n]}": values[n] for n in occurs}
    return {prefix + name: float(value) for name, value in found.items()}


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

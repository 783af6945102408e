"""How good predictions are, on all pictures and with bootstrap intervals. scikit-learn's where it has the metric."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

from mien.evaluation.against_votes import vote_metrics
from mien.evaluation.calibration import (
    accuracy_of_surest,
    brier_rows,
    classwise_error,
    likelihood_rows,
    reliability,
    risk_coverage,
)
from mien.evaluation.consistency import consistency
from mien.evaluation.multilabel import gate_metrics, multilabel_metrics
from mien.evaluation.predictions import Predictions
from mien.evaluation.resampling import INTERVAL, Statistics, draw_weights

RESAMPLES = 1000
RISING = ("ece", "classwise_ece")
"""Metrics that are higher on resamples than on the pictures themselves, see docs/decisions/0205-errors-of-chance.md."""
SUREST = 0.8
"""The share of pictures that an answer is kept for in ``accuracy_of_surest_80``."""


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval.

    Attributes:
        value: on all pictures.
        low: 2.5th percentile over bootstrap resamples of the pictures, for metrics of `RISING` less what resampling
            adds to them on the mean.
        high: 97.5th percentile, likewise.
    """

    value: float
    low: float
    high: float


def accuracy(predictions: Predictions) -> float:
    """Return the share of right answers, 0 to 1."""
    return float(accuracy_score(predictions.targets, predictions.scores.argmax(axis=1)))


def balanced_accuracy(predictions: Predictions) -> float:
    """Return the mean recall over the classes that occur, 0 to 1."""
    present = np.unique(predictions.targets)
    guesses = predictions.scores.argmax(axis=1)
    return float(recall_score(predictions.targets, guesses, labels=present, average="macro", zero_division=0))


def macro_f1(predictions: Predictions) -> float:
    """Return the mean F1 over the classes that occur, 0 to 1."""
    present = np.unique(predictions.targets)
    guesses = predictions.scores.argmax(axis=1)
    return float(f1_score(predictions.targets, guesses, labels=present, average="macro", zero_division=0))


def top_accuracy(predictions: Predictions, count: int) -> float:
    """Return the share of pictures whose right answer is among the `count` most probable, 0 to 1.

    Of equally probable labels the first ones count. scikit-learn's `top_k_accuracy_score` takes the last ones.
    """
    first = np.argsort(-predictions.scores, axis=1, kind="stable")[:, :count]
    return float((first == predictions.targets[:, None]).any(axis=1).mean())


def negative_log_likelihood(predictions: Predictions) -> float:
    """Return the mean of -log p(right answer), in nats; probabilities below 1e-12 count as 1e-12."""
    return float(likelihood_rows(predictions).mean())


def calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error over 15 equal bins, 0 to 1; see `mien.evaluation.calibration`."""
    return reliability(predictions.scores, predictions.targets).error


METRICS: dict[str, Callable[[Predictions], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "top3_accuracy": lambda predictions: top_accuracy(predictions, 3),
    "nll": negative_log_likelihood,
    "ece": calibration_error,
}
"""The headlines for single-label predictions, by name; a card holds these."""


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Return the confusion matrix of single-label predictions: (labels, labels), rows are the right answers."""
    labels = np.arange(len(predictions.labels))
    return np.asarray(confusion_matrix(predictions.targets, predictions.scores.argmax(axis=1), labels=labels), np.int64)


def metrics_of(predictions: Predictions) -> dict[str, float]:
    """Measure predictions on all pictures, by the metrics of their task, by name.

    Single-label: those of `METRICS`; ``top2_accuracy``; ``macro_precision``, ``weighted_precision`` and the same for
    recall and F1, macro over the classes that occur; ``kappa`` (Cohen's); ``roc_auc`` and ``average_precision`` (one
    class against the others, mean over the classes that occur); ``brier`` (0 to 2), ``classwise_ece``,
    ``risk_coverage_area``, ``accuracy_of_surest_80``; by class ``precision/<label>``, ``recall/``, ``f1/``,
    ``roc_auc/``, ``average_precision/``; and where there are votes those of `mien.evaluation.against_votes`.
    Several labels: those of `mien.evaluation.multilabel.multilabel_metrics` and a gate: `gate_metrics`, both with
    ``nll``, ``brier`` and ``ece`` over all labels.
    """
    if predictions.task == "single":
        return _single_metrics(predictions)
    found = multilabel_metrics(predictions) if predictions.task == "multi" else gate_metrics(predictions)
    return found | {
        "nll": negative_log_likelihood(predictions),
        "brier": float(brier_rows(predictions).mean()),
        "ece": calibration_error(predictions),
    }


def measure(predictions: Predictions, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Estimate]:
    """Compute all metrics with their intervals.

    Args:
        predictions: at least one.
        resamples: bootstrap resamples of the pictures, and truths drawn for `consistency`.
        seed: of both; the same seed gives the same intervals.

    Returns:
        An estimate by metric name, see `metrics_of`. Behind ``ece`` and ``classwise_ece`` stand
        ``ece_if_calibrated`` and ``classwise_ece_if_calibrated``: what a perfectly calibrated model would show on as
        many pictures, its mean and where 95 % of such models lie.
    """
    statistics = Statistics(predictions)
    drawn = [statistics(weights) for weights in draw_weights(len(predictions), resamples=resamples, seed=seed)]
    by_chance = consistency(predictions, draws=resamples, seed=seed).errors
    found = {}
    for name, value in metrics_of(predictions).items():
        values = np.concatenate([part[name] for part in drawn])
        if name in RISING:
            values = np.maximum(values - (values.mean() - value), 0)
        low, high = np.nanquantile(values, INTERVAL)
        found[name] = Estimate(value, float(low), float(high))
        if name in by_chance:
            low, high = np.quantile(by_chance[name], INTERVAL)
            found[f"{name}_if_calibrated"] = Estimate(float(by_chance[name].mean()), float(low), float(high))
    return found


def _single_metrics(predictions: Predictions) -> dict[str, float]:
    targets, scores, labels = predictions.targets, predictions.scores, predictions.labels
    guesses = scores.argmax(axis=1)
    present = np.unique(targets)
    found = {name: metric(predictions) for name, metric in METRICS.items()}
    found["top2_accuracy"] = top_accuracy(predictions, 2)
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(targets, guesses, labels=present, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), values, strict=False):
            found[f"{average}_{name}"] = float(value)
    kappa = cohen_kappa_score(targets, guesses) if len(present) > 1 else 0.0
    found |= {
        "kappa": float(kappa),
        "brier": float(brier_rows(predictions).mean()),
        "classwise_ece": classwise_error(predictions),
        "risk_coverage_area": risk_coverage(predictions).area,
        "accuracy_of_surest_80": accuracy_of_surest(predictions, SUREST),
    }
    by_class = precision_recall_fscore_support(targets, guesses, labels=present, average=None, zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), by_class, strict=False):
        found |= {f"{name}/{labels[code]}": float(value) for code, value in zip(present, values, strict=True)}
    if len(present) > 1:
        for name, score in (("roc_auc", roc_auc_score), ("average_precision", average_precision_score)):
            each = {labels[code]: float(score(targets == code, scores[:, code])) for code in present}
            found[name] = float(np.mean(list(each.values())))
            found |= {f"{name}/{label}": value for label, value in each.items()}
    return found | vote_metrics(predictions)

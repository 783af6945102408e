"""How good predictions are, with bootstrap intervals. scikit-learn's where it has the metric."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, recall_score

from mien.evaluation.calibration import reliability
from mien.evaluation.multilabel import gate_metrics, multilabel_metrics
from mien.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval.

    Attributes:
        value: on all pictures.
        low: 2.5th percentile over bootstrap resamples of the pictures.
        high: 97.5th percentile.
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


def top3_accuracy(predictions: Predictions) -> float:
    """Return the share of pictures whose right answer is among the three most probable, 0 to 1."""
    first = np.argsort(-predictions.scores, axis=1, kind="stable")[:, :3]
    return float((first == predictions.targets[:, None]).any(axis=1).mean())


def negative_log_likelihood(predictions: Predictions) -> float:
    """Return the mean of -log p(right answer), in nats; probabilities below 1e-12 count as 1e-12."""
    right = predictions.scores[np.arange(len(predictions)), predictions.targets]
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error over 15 equal bins, 0 to 1; see `mien.evaluation.calibration`."""
    return reliability(predictions.scores, predictions.targets).error


METRICS: dict[str, Callable[[Predictions], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "top3_accuracy": top3_accuracy,
    "nll": negative_log_likelihood,
    "ece": calibration_error,
}
"""All metrics for single-label predictions, by name."""


def metrics_of(predictions: Predictions) -> dict[str, float]:
    """Measure predictions on all pictures, by the metrics of their task, by name."""
    if predictions.task == "multi":
        return multilabel_metrics(predictions)
    if predictions.task == "gate":
        return gate_metrics(predictions)
    return {name: metric(predictions) for name, metric in METRICS.items()}


def measure(predictions: Predictions, *, resamples: int = 500, seed: int = 0) -> dict[str, Estimate]:
    """Compute all metrics with their intervals.

    Args:
        predictions: at least one.
        resamples: bootstrap resamples of the pictures.
        seed: of the resampling; the same seed gives the same intervals.

    Returns:
        An estimate by metric name.
    """
    draw = np.random.default_rng(seed)
    count = len(predictions)
    again = [predictions.take(draw.integers(count, size=count)) for _ in range(resamples)]
    return {name: _estimate(metric, predictions, again) for name, metric in METRICS.items()}


def _estimate(metric: Callable[[Predictions], float], predictions: Predictions, again: list[Predictions]) -> Estimate:
    values: NDArray[np.float64] = np.array([metric(resample) for resample in again])
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(metric(predictions), float(low), float(high))

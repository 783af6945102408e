"""How good predictions are, on all pictures and with bootstrap intervals; defined as scikit-learn's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.consistency import consistency
from mien.evaluation.predictions import Predictions
from mien.evaluation.resampling import INTERVAL, draw_weights
from mien.evaluation.weighted_metrics import Statistics
from mien.model_card import Task

RESAMPLES = 1000
RISING = ("ece", "classwise_ece")
"""Metrics that are higher on resamples than on the pictures themselves, see docs/decisions/0205-errors-of-chance.md."""

_CALIBRATION = ("nll", "brier", "ece")
_BY_CLASS = ("precision", "recall", "f1")
_AT_THRESHOLDS = (
    *("hamming_loss", "subset_accuracy", "micro_f1", "macro_f1", "sample_f1", "said_cardinality"),
    *_BY_CLASS,
)
ORDER: dict[Task, tuple[str, ...]] = {
    "single": (
        *("accuracy", "balanced_accuracy", "macro_f1", "top3_accuracy", "nll", "ece", "top2_accuracy"),
        *("macro_precision", "macro_recall", "weighted_precision", "weighted_recall", "weighted_f1", "kappa", "brier"),
        *("classwise_ece", "risk_coverage_area", "accuracy_of_surest_80"),
        *_BY_CLASS,
        *("roc_auc", "average_precision"),
        *("vote_cross_entropy", "vote_divergence", "entropy_correlation", "annotator_accuracy", "human_accuracy"),
    ),
    "multi": (
        *("map", "ranking_loss", "cardinality"),
        *_AT_THRESHOLDS,
        *(f"tuned_{name}" for name in _AT_THRESHOLDS),
        "ap",
        *_CALIBRATION,
    ),
    "gate": ("accuracy", "balanced_accuracy", *_BY_CLASS, "roc_auc", "average_precision", *_CALIBRATION),
}
"""The metrics of each task in the order that files and cards keep; behind a name come those of its labels."""


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


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Return the confusion matrix of single-label predictions: (labels, labels), rows are the right answers."""
    counts = np.zeros((len(predictions.labels), len(predictions.labels)), np.int64)
    np.add.at(counts, (predictions.targets, predictions.scores.argmax(axis=1)), 1)
    return counts


def metrics_of(predictions: Predictions) -> dict[str, float]:
    """Measure predictions on all pictures, by the metrics of their task, by name and in the order of `ORDER`.

    Single-label: ``accuracy``, ``balanced_accuracy`` (mean recall), ``top2_accuracy`` and ``top3_accuracy`` (where
    there are more labels than that; of equally probable ones the first count); ``macro_precision``,
    ``weighted_precision`` and the same for recall and F1; ``kappa`` (Cohen's); ``roc_auc`` and ``average_precision``
    (one class against the others, the mean); ``nll`` (in nats; probabilities below 1e-12 count as 1e-12), ``brier`` (0
    to 2), ``ece`` (15 equal bins) and ``classwise_ece`` (of each class's own probability, Nixon et al. 2019,
    arXiv:1904.01685); ``risk_coverage_area``, ``accuracy_of_surest_80``; by class ``precision/<label>``, ``recall/``,
    ``f1/``, ``roc_auc/``, ``average_precision/``. Means are over the classes that occur, and only those have metrics of
    their own; where all pictures are of one class, there are no areas. Where there are votes, on the pictures that have
    some: ``vote_cross_entropy``, ``vote_divergence``, ``entropy_correlation`` (Spearman's, of the model's and the
    annotators' entropy), ``annotator_accuracy`` (against one annotator, drawn at random), and for comparison
    ``human_accuracy`` (one annotator against the most frequent vote of the others).

    Several labels, independent of thresholds: ``map`` (mean average precision over the labels that occur),
    ``ranking_loss`` (share of pairs of a present and an absent label in the wrong order), ``cardinality`` (labels a
    picture). At 0.5, and with the prefix ``tuned_`` at the fitted thresholds where there are some: ``hamming_loss``,
    ``subset_accuracy``, ``micro_f1``, ``macro_f1`` (over the labels that occur), ``sample_f1`` (1 for a picture without
    any label about which nothing is said), ``said_cardinality`` (labels said a picture). By label that occurs:
    ``ap/<label>``, ``[tuned_]precision/<label>``, ``[tuned_]recall/<label>``, ``[tuned_]f1/<label>``.

    A gate, for its first label: ``roc_auc`` and ``average_precision`` where both answers occur; at the fitted
    threshold, or at 0.5 without: ``accuracy``, ``balanced_accuracy``, ``precision``, ``recall``, ``f1``.

    Several labels and a gate: ``nll``, ``brier`` (0 to 1) and ``ece`` over all labels.
    """
    return _of_all(Statistics(predictions), predictions.task)


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
    for name, value in _of_all(statistics, predictions.task).items():
        values = np.concatenate([part[name] for part in drawn])
        if name in RISING:
            values = np.maximum(values - (values.mean() - value), 0)
        low, high = np.nanquantile(values, INTERVAL)
        found[name] = Estimate(value, float(low), float(high))
        if name in by_chance:
            low, high = np.quantile(by_chance[name], INTERVAL)
            found[f"{name}_if_calibrated"] = Estimate(float(by_chance[name].mean()), float(low), float(high))
    return found


def _of_all(statistics: Statistics, task: Task) -> dict[str, float]:
    found = statistics.of_all()

    def place(name: str) -> tuple[int, bool]:
        whole, of_label, _ = name.partition("/")
        return ORDER[task].index(whole), bool(of_label)

    return {name: found[name] for name in sorted(found, key=place)}

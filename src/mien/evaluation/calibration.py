"""Making probabilities mean what they say, and measuring whether they do."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from mien.evaluation.predictions import Predictions

ECE_BINS = 15


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """A reliability diagram: equal bins of the answer's probability.

    Attributes:
        edges: (bins + 1,), from 0 to 1.
        counts: (bins,) pictures.
        confidence: (bins,) mean probability of the answer, NaN in empty bins.
        accuracy: (bins,) share of right answers, NaN in empty bins.
        error: the expected calibration error, 0 to 1.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


def fit_temperature(logits: NDArray[np.floating], targets: NDArray[Any]) -> float:
    """Find the temperature that makes the probabilities most likely on validation data.

    Temperature scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599). It changes no
    label, only how sure it is.

    Args:
        logits: (n, labels).
        targets: (n,) index of the right label, for softmax; (n, labels) bool, for independent sigmoids.

    Returns:
        A number between 0.05 and 20; the logits are to be divided by it.
    """
    rows = np.arange(len(targets))
    signed = np.where(targets, logits, -logits) if targets.ndim == 2 else None

    def loss(log_temperature: float) -> float:
        by = np.exp(log_temperature)
        if signed is not None:
            return float(np.logaddexp(0, -signed / by).mean())
        return float(-log_softmax(logits / by, axis=1)[rows, targets].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.05, 20.0]), method="bounded").x))


def uncalibrated(predictions: Predictions) -> NDArray[np.float64]:
    """Return the probabilities as they would be without temperature: (n, labels) float64."""
    if predictions.task == "single":
        # A softmax tells its logits up to a constant that the next softmax forgets.
        return np.asarray(softmax(np.log(np.maximum(predictions.scores, 1e-300)) * predictions.temperature, axis=1))
    tiny = np.finfo(np.float64).eps
    return np.asarray(expit(logit(np.clip(predictions.scores, tiny, 1 - tiny)) * predictions.temperature))


def reliability(scores: NDArray[np.float64], targets: NDArray[Any]) -> ReliabilityBins:
    """Sort answers into 15 equal bins by their probability.

    The expected calibration error is the gap between confidence and accuracy of each bin, weighted by the bin's share
    (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599).

    Args:
        scores: (n, labels) probabilities.
        targets: (n,) index of the right label: the top label counts. (n, labels) bool: every label counts for itself.
    """
    if targets.ndim == 2:
        confidence, hits = scores.ravel(), targets.ravel().astype(bool)
    else:
        confidence, hits = scores.max(axis=1), scores.argmax(axis=1) == targets
    bins = bin_of(confidence)
    counts = np.bincount(bins, minlength=ECE_BINS)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(bins, weights=confidence, minlength=ECE_BINS) / counts
        right = np.bincount(bins, weights=hits, minlength=ECE_BINS) / counts
    error = float(np.nansum(np.abs(mean - right) * counts) / counts.sum())
    return ReliabilityBins(np.linspace(0, 1, ECE_BINS + 1), counts, mean, right, error)


def bin_of(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which of the 15 equal bins each probability falls into; 1 falls into the last."""
    return np.minimum((probabilities * ECE_BINS).astype(np.int64), ECE_BINS - 1)

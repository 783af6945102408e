"""Making probabilities mean what they say, and measuring whether they do."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from mien.evaluation.predictions import Predictions
from mien.inference.scores import LEAST_ENTROPY, relative_entropy, sharpened

ECE_BINS = 15
TINY = 1e-12
SHRINKING = 1.0
"""What a shift of one nat weighs in fitting shifts, in nats of likelihood of all pictures together."""
LIKELIHOOD = 0.3
"""Weight of the negative log-likelihood beside the Brier score in fitting a head of one label.

FER-2013 has mistaken labels, and the likelihood alone follows the few sure answers that they make wrong. Chosen by both
halves of PublicTest in turn (docs/decisions/0202-temperature-by-entropy.md).
"""


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


def fit_shifts(logits: NDArray[np.floating], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Find what makes each label as likely as it is on validation data.

    Vector scaling (Guo et al. 2017, arXiv:1706.04599) with one slope for all labels, which is left to the temperature.
    Shifts are drawn to 0, so that a few pictures do not make large ones. They change answers: labels that a network
    says too little are said more often.

    Args:
        logits: (n, labels).
        targets: (n,) index of the right label, for softmax; (n, labels) bool, for independent sigmoids.

    Returns:
        (labels,) to be added to the logits.
    """
    values = logits.astype(np.float64)
    rows = np.arange(len(targets))
    signs = np.where(targets, 1.0, -1.0) if targets.ndim == 2 else None

    def loss(found: NDArray[np.float64]) -> float:
        scaled = values * np.exp(found[0]) + found[1:]
        if signs is not None:
            likelihood = np.logaddexp(0, -signs * scaled).sum()
        else:
            likelihood = -log_softmax(scaled, axis=1)[rows, targets].sum()
        return float((likelihood + SHRINKING * (found[1:] ** 2).sum()) / len(targets))

    # Without the bounds of a temperature, logits that tell nothing would get shifts in which they are lost.
    bounds = [(-np.log(20.0), np.log(20.0)), *[(None, None)] * logits.shape[1]]
    best = minimize(loss, np.zeros(1 + logits.shape[1]), method="L-BFGS-B", bounds=bounds).x
    return np.asarray(best[1:] / np.exp(best[0]))


def fit_sharpening(logits: NDArray[np.floating], targets: NDArray[np.int64]) -> tuple[float, float]:
    """Find the temperature of a single-label head and how it depends on the entropy, on validation data.

    See `mien.inference.scores.sharpened`. What is minimised is the Brier score and a part of the likelihood.

    Args:
        logits: (n, labels).
        targets: (n,) index of the right label.

    Returns:
        Temperature, 0.05 to 20, and power, 0 to 1.
    """
    truth = np.eye(logits.shape[1])[targets]
    values = logits.astype(np.float64)

    def loss(found: NDArray[np.float64]) -> float:
        scores = sharpened(values / np.exp(found[0]), found[1])
        brier = ((scores - truth) ** 2).sum(axis=1).mean()
        likelihood = -np.log(np.maximum((scores * truth).sum(axis=1), TINY)).mean()
        return float(brier + LIKELIHOOD * likelihood)

    start = [np.log(fit_temperature(logits, targets)), 0.0]
    best = minimize(loss, start, method="Nelder-Mead", bounds=[(np.log(0.05), np.log(20.0)), (0, 1)]).x
    return float(np.exp(best[0])), float(best[1])


def uncalibrated(predictions: Predictions) -> NDArray[np.float64]:
    """Return the probabilities as they would be without temperature: (n, labels) float64."""
    if predictions.task == "single":
        # A softmax tells its logits up to a constant that the next softmax forgets.
        logits = np.log(np.maximum(predictions.scores, 1e-300))
        return np.asarray(softmax(logits * predictions.temperature * _own(logits, predictions.entropy_power), axis=1))
    tiny = np.finfo(np.float64).eps
    return np.asarray(expit(logit(np.clip(predictions.scores, tiny, 1 - tiny)) * predictions.temperature))


def _own(logits: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    # What `sharpened` divided each row by, (n, 1), found by halving: the more it is, the sharper the row was before,
    # and the less the power of its entropy.
    lows, highs = np.full((len(logits), 1), LEAST_ENTROPY**power), np.ones((len(logits), 1))
    for _ in range(60):
        middle = (lows + highs) / 2
        too_low = relative_entropy(softmax(logits * middle, axis=1)) ** power > middle
        lows, highs = np.where(too_low, middle, lows), np.where(too_low, highs, middle)
    return np.asarray((lows + highs) / 2)


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


def likelihood_rows(predictions: Predictions) -> NDArray[np.float64]:
    """Return -log p(truth) of each picture (n,), in nats; the mean over labels where they are independent."""
    if predictions.task == "single":
        right = predictions.scores[np.arange(len(predictions)), predictions.targets]
        return np.asarray(-np.log(np.maximum(right, TINY)))
    right = np.where(predictions.targets, predictions.scores, 1 - predictions.scores)
    return np.asarray(-np.log(np.maximum(right, TINY)).mean(axis=1))


def brier_rows(predictions: Predictions) -> NDArray[np.float64]:
    """Return the Brier score of each picture (n,).

    The squared distance of the probabilities from the truth, summed over the labels of a single-label head (0 to 2,
    Brier 1950); their mean over labels where they are independent (0 to 1).
    """
    if predictions.task == "single":
        return np.asarray(
            ((predictions.scores - np.eye(len(predictions.labels))[predictions.targets]) ** 2).sum(axis=1)
        )
    return np.asarray(((predictions.scores - predictions.targets) ** 2).mean(axis=1))


def bin_of(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which of the 15 equal bins each probability falls into; 1 falls into the last."""
    return np.minimum((probabilities * ECE_BINS).astype(np.int64), ECE_BINS - 1)

"""Answering only where the model is sure: what is gained by it, and from which probability on."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.predictions import Predictions
from mien.model_card import Head

SUREST = 0.8
"""The share of pictures that an answer is kept for in ``accuracy_of_surest_80``."""


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """What is gained by answering only where the model is sure.

    Attributes:
        thresholds: (m,) confidences that occur, falling: an answer counts where its probability is at least that.
        coverage: (m,) share of pictures that get an answer.
        risk: (m,) share of wrong answers among them.
    """

    thresholds: NDArray[np.float64]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]


def risk_coverage(predictions: Predictions) -> RiskCoverage:
    """Compute the risk-coverage curve of single-label predictions.

    Source: Geifman & El-Yaniv 2017, "Selective Classification for Deep Neural Networks" (arXiv:1705.08500).
    """
    confidence = predictions.scores.max(axis=1)
    wrong = predictions.scores.argmax(axis=1) != predictions.targets
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    kept = last + 1
    risk = np.cumsum(wrong[order])[last] / kept
    return RiskCoverage(ranked[last], kept / len(ranked), risk)


def fit_unsure(predictions: Predictions, error_rate: float) -> float | None:
    """Find the probability under which an answer is called unsure, so that the others are wrong no more than stated.

    Of the thresholds at which validation shows no more errors than that, the one that answers most often.

    Args:
        predictions: of a single-label head, on validation data, after temperature scaling.
        error_rate: stated share of wrong answers among those that are given, 0 to 1.

    Returns:
        0 where all answers together are wrong no more often; None where no threshold reaches the rate.
    """
    curve = risk_coverage(predictions)
    good = np.flatnonzero(curve.risk <= error_rate)
    if not len(good):
        return None
    return 0.0 if curve.coverage[good[-1]] == 1 else float(curve.thresholds[good[-1]])


def stated_and_found(predictions: Predictions) -> dict[str, float]:
    """Return what the "unsure" verdict does on these pictures.

    Args:
        predictions: of a single-label head that has a threshold.

    Returns:
        ``below`` (the threshold), ``stated_error``, ``unsure`` (share of pictures), ``error`` (share of wrong answers
        among the others) and ``error_of_unsure`` (among those that were called unsure); 0 where there are none.
    """
    sure = predictions.scores.max(axis=1) >= float(predictions.unsure_below or 0)
    wrong = predictions.scores.argmax(axis=1) != predictions.targets
    return {
        "below": float(predictions.unsure_below or 0),
        "stated_error": float(predictions.unsure_error or 0),
        "unsure": float(1 - sure.mean()),
        "error": float(wrong[sure].mean()) if sure.any() else 0.0,
        "error_of_unsure": float(wrong[~sure].mean()) if not sure.all() else 0.0,
    }


def stated_error(predictions: Predictions) -> float:
    """Return the error rate that a head states by default: two thirds of its own, down to a multiple of 5 %.

    A head that is wrong 31 % of the time states 20 %, one that is wrong 16 % of the time states 10 %: what is stated is
    better than answering always, and can be reached without calling most faces unsure.
    """
    wrong = float((predictions.scores.argmax(axis=1) != predictions.targets).mean())
    return max(math.floor(20 * 2 / 3 * wrong + 1e-9) / 20, 0.05)


def with_unsure(head: Head, predictions: Predictions, *, error_rate: float | None = None) -> Head:
    """Return a single-label head with the threshold of its "unsure" verdict.

    Args:
        head: the head.
        predictions: of this head on validation data, after temperature scaling.
        error_rate: to state; None states that of `stated_error`.

    Returns:
        The head without a verdict where no threshold reaches the rate.
    """
    stated = stated_error(predictions) if error_rate is None else error_rate
    below = fit_unsure(predictions, stated)
    return replace(head, unsure_below=below, unsure_error=None if below is None else stated)

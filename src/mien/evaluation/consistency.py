"""What a perfectly calibrated model would show on as many pictures: the chance that is in every calibration error.

Of a few thousand pictures some bins are a point or two off by chance alone, and the expected calibration error adds all
that up. So truths are drawn that happen exactly as often as the probabilities say, and what is measured on them is what
a measured error is to be compared with (consistency resampling: Bröcker & Smith 2007, "Increasing the Reliability of
Reliability Diagrams", Weather and Forecasting 22; for classifiers Vaicenavicius et al. 2019, arXiv:1902.06977).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.calibration import ECE_BINS, bin_of
from mien.evaluation.predictions import Predictions
from mien.evaluation.resampling import INTERVAL

DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Consistency:
    """What is measured where probabilities are exactly right.

    Attributes:
        errors: by the name of a calibration error, ``ece`` and for single labels ``classwise_ece``: (draws,), 0 to 1.
        low: (15,) 2.5th percentile of the share of right answers in each bin of the answer's probability, NaN in empty
            bins.
        high: (15,) 97.5th percentile.
    """

    errors: dict[str, NDArray[np.float64]]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def consistency(predictions: Predictions, *, draws: int = DRAWS, seed: int = 0) -> Consistency:
    """Draw truths by the probabilities themselves and measure how calibrated the predictions look.

    Args:
        predictions: of any task; their own truth is not looked at.
        draws: of truths for all pictures.
        seed: of the draws; the same seed gives the same errors.
    """
    scores = predictions.scores
    is_single = predictions.task == "single"
    confidence = scores.max(axis=1) if is_single else scores.ravel()
    answers = _Bins(confidence[:, None])
    each = _Bins(scores)
    upto = scores.cumsum(axis=1)
    random = np.random.default_rng(seed)
    rows = np.arange(len(scores))
    top = scores.argmax(axis=1)
    rights, classwise = [], []
    for _ in range(draws):
        if is_single:
            drawn = (upto < random.random((len(scores), 1)) * upto[:, -1:]).sum(axis=1)
            rights.append(answers.hits(rows[drawn == top], 0))
            classwise.append(each.error(each.hits(rows, drawn)))
        else:
            rights.append(answers.hits(np.flatnonzero(random.random(confidence.shape) < confidence), 0))
    errors = {"ece": np.array([answers.error(right) for right in rights])}
    if is_single:
        errors["classwise_ece"] = np.array(classwise)
    with np.errstate(invalid="ignore"):
        shares = np.array(rights)[:, 0] / answers.counts[0]
    low, high = np.quantile(shares, INTERVAL, axis=0)
    return Consistency(errors, low, high)


class _Bins:
    # Columns of probabilities, each with 15 bins of its own.

    def __init__(self, scores: NDArray[np.float64]) -> None:
        self._columns = scores.shape[1]
        self._places = bin_of(scores) + ECE_BINS * np.arange(self._columns)
        self._rows = len(scores)
        self.counts = self._sums(self._places.ravel())
        self._meant = self._sums(self._places.ravel(), scores.ravel())

    def hits(self, rows: NDArray[np.int64], columns: NDArray[np.int64] | int) -> NDArray[np.float64]:
        # (columns, 15): how many of the places where something happened fall into each bin.
        return self._sums(self._places[rows, columns])

    def error(self, hits: NDArray[np.float64]) -> float:
        # The mean over the columns of their calibration errors.
        return float(np.abs(hits - self._meant).sum() / (self._rows * self._columns))

    def _sums(self, places: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        size = self._columns * ECE_BINS
        return np.bincount(places, weights, size).reshape(self._columns, ECE_BINS).astype(np.float64)

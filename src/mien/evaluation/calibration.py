"""Making probabilities mean what they say."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(logits: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """Find the temperature that makes softmax(logits / temperature) most likely on validation data.

    Temperature scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599). It changes no
    label, only how sure it is.

    Args:
        logits: (n, labels).
        targets: (n,) index of the right label.

    Returns:
        A number between 0.05 and 20; the logits are to be divided by it.
    """
    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, targets].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.05, 20.0]), method="bounded").x))

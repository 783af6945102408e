"""Crops -> calibrated probabilities, always in batches."""

import numpy as np
from numpy.typing import NDArray

from mien.inference.session import Session
from mien.model_card import Head


def score_crops(session: Session, crops: NDArray[np.uint8], head: Head) -> NDArray[np.float64]:
    """Score crops with one head.

    Args:
        session: an opened weight file.
        crops: (n, channels, size, size) uint8; n may be zero.
        head: one of the card's heads.

    Returns:
        (n, labels) float64 probabilities, 0 to 1.
    """
    return probabilities(session.logits(crops, [head.name])[0], head)


def probabilities(logits: NDArray[np.floating], head: Head) -> NDArray[np.float64]:
    """Turn logits into probabilities: divided by the head's temperature, then softmax or sigmoid.

    Temperature scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599).

    Args:
        logits: (n, labels).
        head: what they mean.

    Returns:
        (n, labels) float64, 0 to 1; rows sum to one for a single-label head.
    """
    scaled = logits.astype(np.float64) / head.temperature
    if head.task == "single":
        shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))
    return np.asarray(0.5 * (1 + np.tanh(0.5 * scaled)))  # sigmoid without overflow

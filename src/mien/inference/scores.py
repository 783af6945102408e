"""Crops -> calibrated probabilities, always in batches."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.inference.session import Session
from mien.model_card import Head


def score_crops(session: Session, crops: NDArray[np.uint8], head: Head) -> NDArray[np.float64]:
    """Score crops with one head: (n, labels) float64 probabilities, 0 to 1; see `score_heads`."""
    return score_heads(session, crops, [head])[0]


def score_heads(session: Session, crops: NDArray[np.uint8], heads: Sequence[Head]) -> list[NDArray[np.float64]]:
    """Score crops with several heads in one pass.

    Args:
        session: an opened weight file.
        crops: (n, channels, size, size) uint8; n may be zero.
        heads: some of the card's heads.

    Returns:
        For each head (n, labels) float64 probabilities, 0 to 1.
    """
    logits = session.logits(crops, [head.name for head in heads])
    return [probabilities(each, head) for each, head in zip(logits, heads, strict=True)]


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

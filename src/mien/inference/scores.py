"""Crops -> calibrated probabilities, always in batches."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError
from mien.inference.session import Session
from mien.model_card import Head

LEAST_ENTROPY = 0.2
"""What is surer than this is taken as this sure: too few of such answers are wrong to tell more."""


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

    Raises:
        UsageError: crops of another shape or type.
    """
    crop = session.card.crop
    if crops.dtype != np.uint8 or crops.shape[1:] != (crop.channels, crop.size, crop.size):
        raise UsageError(
            f"crops are {crops.shape} {crops.dtype}: {session.card.name} takes (n, {crop.channels}, {crop.size}, "
            f"{crop.size}) uint8, as mien.inference.crops.crop_faces makes them"
        )
    logits = session.logits(crops, [head.name for head in heads])
    return [probabilities(each, head) for each, head in zip(logits, heads, strict=True)]


def probabilities(logits: NDArray[np.floating], head: Head) -> NDArray[np.float64]:
    """Turn logits into probabilities: divided by the head's temperature, then softmax or sigmoid.

    Temperature scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599). With a head's
    `entropy_power` the temperature is that of each picture, see `sharpened`.

    Args:
        logits: (n, labels).
        head: what they mean.

    Returns:
        (n, labels) float64, 0 to 1; rows sum to one for a single-label head.
    """
    scaled = logits.astype(np.float64) / head.temperature
    if head.task == "single":
        return sharpened(scaled, head.entropy_power)
    return np.asarray(0.5 * (1 + np.tanh(0.5 * scaled)))  # sigmoid without overflow


def sharpened(logits: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """Return the softmax of logits over a temperature that depends on how sure the softmax itself is.

    Entropy-based temperature scaling: Balanya, Maroñas, Ramos 2024, "Adaptive temperature scaling for robust
    calibration of deep neural networks" (arXiv:2208.00461).

    Args:
        logits: (n, labels).
        power: 0 to 1, of the entropy of the softmax, as a share of the largest possible, to get the temperature; 0
            gives the softmax itself. The more, the surer gets what is nearly certain; what is open stays as it is.

    Returns:
        (n, labels) float64, 0 to 1; rows sum to one, and the most probable label is that of the logits.
    """
    shares = _softmax(logits)
    return _softmax(logits / relative_entropy(shares) ** power) if power else shares


def relative_entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy of rows of probabilities as a share of the largest possible: (n, 1), `LEAST_ENTROPY` to 1."""
    entropy = -(shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum(axis=1, keepdims=True)
    return np.asarray(np.clip(entropy / np.log(max(shares.shape[1], 2)), LEAST_ENTROPY, 1.0))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))

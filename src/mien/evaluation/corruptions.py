"""Pictures made worse on purpose, at five strengths each, to see what a model can bear.

The kinds follow Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions"
(arXiv:1903.12261), with strengths for faces of 48 pixels: the first is hardly seen, at the last one people err too.
Lengths are in shares of the crop's side, so other sizes are treated alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

STRENGTHS = 5
Crop = NDArray[np.uint8]
"""(size, size) or (size, size, 3) uint8."""


@dataclass(frozen=True)
class Corruption:
    """One way of making pictures worse.

    Attributes:
        name: what it is called.
        unit: what the strengths are.
        strengths: five, growing worse.
        change: crop, strength and randomness in, changed crop out.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    change: Callable[[Crop, float, np.random.Generator], Crop]


def corrupt(crops: NDArray[np.uint8], corruption: Corruption, strength: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Make crops worse.

    Args:
        crops: (n, channels, size, size) uint8.
        corruption: one of `CORRUPTIONS`.
        strength: 0 to 4.
        seed: of what is random; the same seed gives the same pictures.

    Returns:
        Crops of the same shape.
    """
    draw = np.random.default_rng(seed)
    changed = np.empty_like(crops)
    for before, after in zip(crops, changed, strict=True):
        picture = before[0] if len(before) == 1 else np.ascontiguousarray(before.transpose(1, 2, 0))
        result = corruption.change(picture, corruption.strengths[strength], draw)
        after[:] = result if result.ndim == 2 else result.transpose(2, 0, 1)
    return changed


def _blur(crop: Crop, sigma: float, draw: np.random.Generator) -> Crop:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma * len(crop)), np.uint8)


def _noise(crop: Crop, spread: float, draw: np.random.Generator) -> Crop:
    return np.asarray(np.clip(crop + draw.normal(0, spread, crop.shape), 0, 255).round(), np.uint8)


def _jpeg(crop: Crop, quality: float, draw: np.random.Generator) -> Crop:
    # OpenCV's colours are BGR, ours RGB, and JPEG keeps more of red than of blue.
    turned = crop[..., ::-1] if crop.ndim == 3 else crop
    _, content = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    changed = np.asarray(cv2.imdecode(content, cv2.IMREAD_UNCHANGED), np.uint8)
    return changed[..., ::-1] if crop.ndim == 3 else changed


def _shrink(crop: Crop, share: float, draw: np.random.Generator) -> Crop:
    side = max(round(share * len(crop)), 1)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _darken(crop: Crop, left: float, draw: np.random.Generator) -> Crop:
    return np.asarray((crop * left).round(), np.uint8)


def _shift(crop: Crop, share: float, draw: np.random.Generator) -> Crop:
    angle = draw.uniform(0, 2 * np.pi)
    by = share * len(crop) * np.array([np.cos(angle), np.sin(angle)])
    return _warped(crop, np.array([[1, 0, by[0]], [0, 1, by[1]]]))


def _rotate(crop: Crop, degrees: float, draw: np.random.Generator) -> Crop:
    middle = (len(crop) - 1) / 2
    turned = cv2.getRotationMatrix2D((middle, middle), degrees * draw.choice([-1, 1]), 1)
    return _warped(crop, np.asarray(turned, np.float64))


def _occlude(crop: Crop, share: float, draw: np.random.Generator) -> Crop:
    side = round(share * len(crop))
    top, left = draw.integers(0, len(crop) - side + 1, 2)
    changed = crop.copy()
    changed[top : top + side, left : left + side] = round(float(crop.mean()))
    return changed


def _warped(crop: Crop, matrix: NDArray[np.float64]) -> Crop:
    size = crop.shape[1::-1]
    return np.asarray(cv2.warpAffine(crop, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


CORRUPTIONS = (
    Corruption("blur", "sigma as share of the side", (0.012, 0.02, 0.03, 0.045, 0.065), _blur),
    Corruption("noise", "standard deviation in gray levels", (6, 12, 20, 32, 48), _noise),
    Corruption("JPEG", "quality", (50, 30, 20, 12, 6), _jpeg),
    Corruption("low resolution", "share of the pixels a side", (0.67, 0.5, 0.375, 0.27, 0.19), _shrink),
    Corruption("dark", "share of the light", (0.6, 0.4, 0.25, 0.12, 0.06), _darken),
    Corruption("shifted", "share of the side", (0.03, 0.06, 0.1, 0.15, 0.22), _shift),
    Corruption("rotated", "degrees", (5, 10, 17, 26, 40), _rotate),
    Corruption("occluded", "side of a square as share", (0.15, 0.25, 0.35, 0.45, 0.6), _occlude),
)

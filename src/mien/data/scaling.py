"""Min-max scaling of pixels, fitted on one split and on nothing else.

Pictures in a table stay bytes: the table's metadata holds the parameters, and `scaled` applies them.
"""

import numpy as np
from numpy.typing import NDArray

from mien.data.progress import Track, silent
from mien.data.record import Scaling
from mien.data.table import Table
from mien.errors import unknown_name
from mien.inference.image import read_picture

LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue weigh in gray pictures (ITU-R 601)."""


def fit_scaling(table: Table, split: str, *, track: Track = silent) -> Scaling:
    """Fit min-max scaling on the pixels of one split.

    Raises:
        UsageError: the table has no such split.
        PictureError: a picture cannot be decoded.
    """
    counts = table.split_counts()
    if split not in counts:
        raise unknown_name("split", split, counts)
    low, high = np.full(3, 255, np.uint8), np.zeros(3, np.uint8)
    for record in track(table.records(splits=[split]), what="fitting the scaling", total=counts[split]):
        pixels = read_picture(record.image).reshape(-1, 3)
        low, high = np.minimum(low, pixels.min(axis=0)), np.maximum(high, pixels.max(axis=0))
    return Scaling(split=split, low=tuple(map(float, low)), high=tuple(map(float, high)))


def scaled(crops: NDArray[np.uint8], scaling: Scaling) -> NDArray[np.float32]:
    """Return pixels as 0 to 1 by a fitted scaling; what lies outside the range of the fit is clipped.

    Args:
        crops: (n, channels, height, width), one or three channels; gray ones of colour pictures are scaled by the range
            that their luma may have.
        scaling: from `fit_scaling`, or from a table's metadata.
    """
    ends = np.array([scaling.low, scaling.high], np.float64)
    if crops.shape[1] == 1 and ends.shape[1] == 3:
        ends = ends @ LUMA
    low, high = (end.astype(np.float32).reshape(-1, 1, 1) for end in ends)
    return np.asarray(np.clip((crops - low) / np.maximum(high - low, 1), 0, 1), np.float32)

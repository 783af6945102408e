"""Known faces -> the same faces a moment later, at a fraction of the cost of searching the whole frame."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.inference.detectors import Detector
from mien.results import Box, Face

WINDOW_SIDE = 160
"""A face is looked for in a window of this many pixels, ..."""
WINDOW_MARGIN = 0.5
"""... which shows the expected box and this much of its longer side around it: the face is 80 pixels high."""
SMALLEST_FACE = round(WINDOW_SIDE / (1 + 2 * WINDOW_MARGIN) / 2)
"""Pixels in the window: of less than half the expected height it is not the same face a moment later."""
SAME_FACE = 0.5
"""Two windows whose faces overlap by more than this (IoU) see one face."""


def look_again(picture: NDArray[np.uint8], boxes: Sequence[Box], detector: Detector) -> list[Face]:
    """Find faces near the places where they are expected.

    Args:
        picture: (height, width, 3) uint8 RGB.
        boxes: where faces should be, in pixels of the picture.
        detector: sees one small window a box, all of the same size.

    Returns:
        The faces in pixels of the picture, each once, the surest first; there may be strangers among them, cut by the
        edge of a window.
    """
    found = [face for box in boxes for face in _look_into_window(picture, box, detector)]
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(face.box.iou(other.box) <= SAME_FACE for other in kept):
            kept.append(face)
    return kept


def _look_into_window(picture: NDArray[np.uint8], box: Box, detector: Detector) -> list[Face]:
    height, width = picture.shape[:2]
    side = max(round((1 + 2 * WINDOW_MARGIN) * max(box.width, box.height)), 1)
    left, top = round((box.x1 + box.x2 - side) / 2), round((box.y1 + box.y2 - side) / 2)
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x1 >= x2 or y1 >= y2:
        return []
    window = cv2.copyMakeBorder(
        picture[y1:y2, x1:x2], y1 - top, top + side - y2, x1 - left, left + side - x2, cv2.BORDER_CONSTANT
    )
    shrinks = side > WINDOW_SIDE
    window = cv2.resize(
        window, (WINDOW_SIDE, WINDOW_SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    scale = side / WINDOW_SIDE
    return [
        Face(
            Box(
                left + scale * face.box.x1,
                top + scale * face.box.y1,
                left + scale * face.box.x2,
                top + scale * face.box.y2,
            ),
            face.score,
            None if face.landmarks is None else (face.landmarks * scale + (left, top)).astype(np.float32),
        )
        for face in detector.find_faces(np.asarray(window, np.uint8), smallest=SMALLEST_FACE)
    ]

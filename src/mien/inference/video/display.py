"""A decoded frame -> its pixels as a player shows them: square, upright and not mirrored."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST_PIXEL = 10
"""No film has pixels of which one side is more than so many times the other; a header that says so is damaged."""


def shown_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return how large a frame is shown, before it is turned.

    The side that is too short grows and none shrinks, so that nothing of the picture is lost.

    Args:
        width: of the frame as it is stored, in pixels.
        height: the same.
        aspect: width of one stored pixel by its height; None, or what no film has, stands for square ones.

    Returns:
        Width and height in square pixels.
    """
    if aspect is None or not 1 / LONGEST_PIXEL <= aspect <= LONGEST_PIXEL:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


class Display:
    """Shows the frames of one film."""

    def __init__(self) -> None:
        self._rotation: float | None = None
        self._matrix = 1.0, 0.0, 0.0, 1.0

    def pixels(self, frame: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the pixels of a frame as they are shown.

        Args:
            frame: decoded by PyAV.
            size: of `shown_size`.

        Returns:
            (height, width, 3) uint8 RGB; of a frame that is turned by a quarter the two sides are exchanged.
        """
        # A frame of PyAV's that was asked for its side data holds itself in memory, until Python looks for such
        # circles, hundreds of frames later. So only the first is asked, and those that are turned otherwise.
        if frame.rotation != self._rotation:
            self._rotation, self._matrix = frame.rotation, _matrix(frame)
        return _turned(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]), self._matrix)


def _matrix(frame: Any) -> tuple[float, float, float, float]:
    # How the frame is to be turned: of a pixel at (x, y) the place is (a x + c y, b x + d y), but for a shift.
    try:
        found = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # beside it is something that PyAV does not know, such as a JPEG's EXIF: the angle is left
        angle = math.radians(frame.rotation)
        return math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)
    if found is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(found), np.int32)[:5].tolist()
    return a, b, c, d


def _turned(pixels: NDArray[np.uint8], matrix: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    # To the nearest of the eight ways in which a picture can lie; four of them are mirrored.
    a, b, c, d = matrix
    right, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, right, down = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1])

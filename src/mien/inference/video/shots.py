"""Frames -> shots: where a film is cut, nobody goes on from one frame to the next.

Two frames that follow each other in a shot have the same outlines, moved a little; those of two shots have not. They
are compared small, gray and evened out, by their correlation at the best of many small shifts (Lewis 1995, "Fast
Normalized Cross-Correlation"). Evened out, because the light of one shot changes, and flashes, more than outlines do.
"""

from copy import copy

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 48, 27
"""Frames are compared at this size."""
SHIFT_X, SHIFT_Y = 6, 4
"""By so many of these pixels a frame may have moved, an eighth and a seventh of it."""
AROUND = 2.0
"""Standard deviation of the neighbourhood that is evened out, in these pixels."""
FAINT = 4.0
"""Contrasts of this size, in gray levels, count half: below are noise and compression."""
DETAIL = 0.25
"""A frame whose evened picture varies by less, black or white or out of focus, shows nothing to compare."""
LIKE = 0.45
"""Frames that correlate by less are of two shots. Of 2,000 pairs of unrelated photographs none correlates by more, of
close-ups of people two in a hundred do; frames of a talking face do by 0.67 at least, as far apart as are compared
(docs/experiments.md, 2026-11-28)."""
COMPARED_S = 0.13
"""Frames that are further apart than at eight a second are not compared: by then a shot has changed by itself."""


class Shots:
    """Counts the shots of one film. Not to be shared between threads.

    Attributes:
        number: of the shot that was seen last, from 0.
    """

    def __init__(self) -> None:
        self.number = 0
        self._time_s: float | None = None
        self._outlines: NDArray[np.float32] | None = None  # of the last frame that had any

    def copy(self) -> "Shots":
        """Return an independent copy."""
        return copy(self)

    def see(self, picture: NDArray[np.uint8], time_s: float) -> bool:
        """Take in the next frame.

        Args:
            picture: (height, width, 3) uint8 RGB.
            time_s: when it is.

        Returns:
            Whether a shot begins with it. Slow transitions between shots are not seen.
        """
        outlines = outlines_of(picture)
        soon = self._time_s is not None and abs(time_s - self._time_s) <= COMPARED_S
        self._time_s = time_s
        if outlines is None:
            return False
        cut = soon and self._outlines is not None and likeness(self._outlines, outlines) < LIKE
        self._outlines = outlines
        self.number += cut
        return cut

    def go_on(self, number: int, time_s: float, picture: NDArray[np.uint8] | None) -> bool:
        """Take in a frame of which the shot is known.

        Args:
            number: of its shot.
            time_s: when it is.
            picture: its pixels, without which the frame after it cannot be compared.

        Returns:
            Whether a shot begins with it.
        """
        cut = number != self.number
        self.number, self._time_s = number, time_s
        if picture is None:
            self._outlines = None
        elif (outlines := outlines_of(picture)) is not None:
            self._outlines = outlines
        return cut


def outlines_of(picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return a frame small, gray and evened out, to be compared.

    Args:
        picture: (height, width, 3) uint8 RGB.

    Returns:
        (HEIGHT, WIDTH) float32, about 0, of about 1 where there is contrast; None of a frame that shows nothing.
    """
    # Each small pixel is the mean of some sixty-four of the frame: more would cost time and show nothing else.
    step = max(min(picture.shape[0] // (8 * HEIGHT), picture.shape[1] // (8 * WIDTH)), 1)
    coarse = np.ascontiguousarray(picture[::step, ::step])
    gray = cv2.cvtColor(coarse, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = small - cv2.GaussianBlur(small, (0, 0), AROUND)
    contrast = cv2.GaussianBlur(detail * detail, (0, 0), AROUND)
    outlines = np.asarray(detail / (np.sqrt(contrast) + FAINT), np.float32)
    return None if float(outlines.std()) < DETAIL else outlines


def likeness(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return the correlation of two frames' outlines at their best shift, -1 to 1.

    Args:
        before: of `outlines_of`.
        after: of the frame after it.
    """
    middle = np.ascontiguousarray(after[SHIFT_Y:-SHIFT_Y, SHIFT_X:-SHIFT_X])
    return float(cv2.matchTemplate(before, middle, cv2.TM_CCOEFF_NORMED).max())

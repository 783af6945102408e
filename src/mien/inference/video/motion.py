"""Where a face will be: a Kalman filter of constant velocity on the box, in seconds, not frames."""

import numpy as np
from numpy.typing import NDArray

from mien.results import Box

MEASUREMENT = 0.05
"""Standard deviation of a detector's box, in sides of the face; ByteTrack's and DeepSORT's 1/20."""
ACCELERATION = 4.0
"""How hard faces accelerate: root of the noise's spectral density, in sides of the face by s^1.5. A head that starts to
move reaches two sides a second within a quarter of a second."""


class BoxMotion:
    """Centre, width and height of a box, each with its velocity; the four are independent of each other.

    Source: Kalman 1960; the white-noise acceleration model of Bar-Shalom, Li & Kirubarajan 2001, section 6.2, which is
    exact for steps of any length.

    Args:
        box: where the face was first seen.
    """

    def __init__(self, box: Box) -> None:
        side = max(box.width, box.height)
        self.position = _measured(box)
        self.velocity = np.zeros(4)
        # Variances of position and velocity, and their covariance, the same for all four.
        self._pp = (MEASUREMENT * side) ** 2
        self._pv = 0.0
        self._vv = side**2  # nothing is known of the velocity yet: about one side a second

    @property
    def box(self) -> Box:
        """Where the face should be now, in pixels."""
        x, y, width, height = self.position.tolist()
        return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def copy(self) -> "BoxMotion":
        """Return an independent copy."""
        other = BoxMotion(self.box)
        other.position, other.velocity = self.position.copy(), self.velocity.copy()
        other._pp, other._pv, other._vv = self._pp, self._pv, self._vv
        return other

    def predict(self, seconds: float) -> None:
        """Let time pass."""
        noise = (ACCELERATION * self._side()) ** 2
        self.position += seconds * self.velocity
        self.position[2:] = np.maximum(self.position[2:], 1.0)  # a box that shrinks never turns inside out
        self._pp += seconds * (2 * self._pv + seconds * self._vv) + noise * seconds**3 / 3
        self._pv += seconds * self._vv + noise * seconds**2 / 2
        self._vv += noise * seconds

    def update(self, box: Box) -> None:
        """Take in where the face is seen."""
        total = self._pp + (MEASUREMENT * self._side()) ** 2
        gain, velocity_gain = self._pp / total, self._pv / total
        surprise = _measured(box) - self.position
        self.position += gain * surprise
        self.velocity += velocity_gain * surprise
        self._vv -= velocity_gain * self._pv
        self._pv *= 1 - gain
        self._pp *= 1 - gain

    def _side(self) -> float:
        return float(max(self.position[2], self.position[3]))


def _measured(box: Box) -> NDArray[np.float64]:
    return np.array([*box.center, box.width, box.height], np.float64)

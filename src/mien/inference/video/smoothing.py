"""Scores of one track over time -> calm scores and a calm label. Times are in seconds, at any spacing."""

import math
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value")


class Smoother:
    """An exponential moving average in continuous time: what lies `time_constant_s` back counts 1/e as much.

    Until it has seen enough it is the plain mean, so that the first frame, often a blurred one, does not dominate.
    Source: Eckner 2012, "Algorithms for Unevenly Spaced Time Series: Moving Averages and Other Rolling Operators",
    section 3 (the average of a step function).

    Args:
        time_constant_s: in seconds; 0 does not smooth at all.
    """

    def __init__(self, time_constant_s: float) -> None:
        self._time_constant_s = time_constant_s
        self._mean: NDArray[np.float64] | None = None
        self._count = 0
        self._time_s = 0.0

    def update(self, values: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        """Take in values, and return the mean of the last moments; same shape."""
        self._count += 1
        if self._mean is None or self._time_constant_s == 0:
            self._mean = values
        else:
            passed = max(time_s - self._time_s, 0.0)
            weight = max(1 - math.exp(-passed / self._time_constant_s), 1 / self._count)
            self._mean = self._mean + weight * (values - self._mean)
        self._time_s = time_s
        return self._mean


class Hold(Generic[Value]):
    """A value that follows another one only after that has stayed the same for a while (hysteresis in time).

    Args:
        first: the value at the beginning.
        time_s: when that is.
        hold_s: how long another value has to stay; 0 follows at once.

    Attributes:
        value: the held value.
        since_s: since when, looking back, that value was there: when it came up, not when it was believed.
    """

    def __init__(self, first: Value, time_s: float, *, hold_s: float) -> None:
        self.value = first
        self.since_s = time_s
        self._hold_s = hold_s
        self._challenger = first
        self._challenger_since_s = time_s

    def update(self, value: Value, time_s: float) -> Value:
        """Take in the value of this moment, and return the held one."""
        if value != self._challenger:
            self._challenger, self._challenger_since_s = value, time_s
        # Times are sums of fractions: 0.3 s of frames may come out as 0.2999...
        if value != self.value and time_s - self._challenger_since_s >= self._hold_s - 1e-9:
            # What was there for less than a hold at the very beginning was never believed: it leaves no trace.
            if self._challenger_since_s - self.since_s >= self._hold_s - 1e-9:
                self.since_s = self._challenger_since_s
            self.value = value
        return self.value

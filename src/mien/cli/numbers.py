"""Numbers that somebody gives."""

import math

from mien.errors import UsageError


def finite(option: str, given: float, unit: float = 1.0) -> float:
    """Return what an option says, in units of 1; Python reads "inf" and "nan" as numbers too.

    Raises:
        UsageError: it is no finite number.
    """
    if not math.isfinite(given * unit):
        raise UsageError(f"{option} is {given:g}; give a finite number")
    return given * unit

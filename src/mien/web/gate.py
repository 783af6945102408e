"""So many at a time, and the next one is told when to come back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mien.web.refusals import busy


class Gate:
    """Counts what is in work. For one event loop: not to be shared between threads.

    Args:
        most: places.
        what: stands in the places, for the refusal, such as ``"requests"``.
        observe: is told how many places are taken, whenever that changes.
    """

    def __init__(self, most: int, *, what: str, observe: Callable[[int], None]) -> None:
        self._most = most
        self._what = what
        self._observe = observe
        self._inside = 0
        self._seconds = 0.0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for a while.

        Raises:
            RefusedError: there is none.
        """
        if self._inside >= self._most:
            # By then about half of those inside should be through.
            raise busy(f"all {self._most} places for {self._what} are taken", again_s=self._seconds / 2)
        began = time.monotonic()
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)
            self._seconds += 0.1 * (time.monotonic() - began - self._seconds)

    def _count(self, change: int) -> None:
        self._inside += change
        self._observe(self._inside)

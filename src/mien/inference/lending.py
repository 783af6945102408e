"""Tools that can do one thing at a time, shared by threads."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Lending(Generic[T]):
    """Lends one tool to each thread that asks, and to no more at a time than there are cores.

    What was used last is lent first. A tool for each thread would be simpler, but where threads outnumber cores their
    tools drive each other's memory out of the caches: eight threads on two cores found faces with a fifth more CPU.

    Args:
        make: makes one more tool.
        most: how many may be out at the same time; the number of cores where it is None.
    """

    def __init__(self, make: Callable[[], T], most: int | None = None) -> None:
        self._make = make
        self._permits = threading.Semaphore(most or os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._idle = [make()]

    @contextmanager
    def lent(self) -> Iterator[T]:
        """Lend a tool for the length of a ``with`` block; waits while all are out."""
        with self._permits:
            with self._lock:
                tool = self._idle.pop() if self._idle else None
            if tool is None:
                tool = self._make()
            try:
                yield tool
            finally:
                with self._lock:
                    self._idle.append(tool)

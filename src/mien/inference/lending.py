"""Tools that can do one thing at a time, shared by threads."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_made: "weakref.WeakSet[Lending[Any]]" = weakref.WeakSet()


def _renew_inherited() -> None:
    # Threads that hold a permit or the lock do not exist in a forked process, and would never give it back there.
    for lending in _made:
        lending._begin()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_inherited)


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
        self._most = most or os.cpu_count() or 1
        self._idle = [make()]
        self._begin()
        _made.add(self)

    def _begin(self) -> None:
        self._permits = threading.Semaphore(self._most)
        self._lock = threading.Lock()

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

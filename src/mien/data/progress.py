"""How long work tells its caller where it is, without knowing about terminals."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Passes items through, and shows how many of them have passed."""

    def __call__(self, items: Iterable[T], *, what: str, total: int | None = None) -> Iterator[T]:
        """Yield the items.

        Args:
            items: what is worked on.
            what: the work, such as ``"reading pictures"``.
            total: how many items there are, None where nobody knows before the end.
        """
        ...


def silent(items: Iterable[T], *, what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and show nothing."""
    del what, total
    yield from items

"""One progress bar for all commands: on standard error, only on a terminal, gone when the work is done."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mien.console import Console

Item = TypeVar("Item")


class Advance:
    """Moves a progress bar on."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items; each one that has been worked on moves the bar by one."""
        for item in items:
            yield item
            self.by(1)

    def by(self, amount: float) -> None:
        """Move the bar by an amount of its unit."""
        self._progress.advance(self._task, amount)

    def to(self, done: float, total: float) -> None:
        """Set the bar, of work whose amount is known only now."""
        self._progress.update(self._task, completed=done, total=total)

    def then(self, what: str) -> Callable[[float], None]:
        """Return a function that moves the bar on, and once it is full says what the same call goes on with."""

        def step(amount: float) -> None:
            self.by(amount)
            if self._progress.finished:
                self._progress.remove_task(self._task)
                self._task = self._progress.add_task(what, total=None)

        return step


@contextmanager
def progress_bar(what: str, *, total: float | None, shown: bool = True) -> Iterator[Advance]:
    """Show a bar while the block runs.

    Args:
        what: is counted, such as ``"pictures"``.
        total: how many there are, None where nobody knows.
        shown: False shows nothing.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as progress:
        yield Advance(progress, progress.add_task(what, total=total))


def track(items: Iterable[Item], *, what: str, total: int | None = None) -> Iterator[Item]:
    """Yield items under a progress bar.

    Args:
        items: what is worked on.
        what: the work, as the bar names it.
        total: how many items there are, None where nobody knows.
    """
    with progress_bar(what, total=total) as advance:
        yield from advance.over(items)

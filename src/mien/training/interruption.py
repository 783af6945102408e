"""A training that is asked to end: by Ctrl+C, or by SIGTERM, as systems and schedulers send it."""

from collections.abc import Iterator
from contextlib import contextmanager

import lightning
from lightning.pytorch.utilities.exceptions import SIGTERMException

AFTER_INTERRUPT, AFTER_TERMINATION = 130, 143
"""What a shell calls the end by each of the two signals: 128 and the signal's number."""


class InterruptedRun(SystemExit):
    """Ends the process; who knows how to go on says so on the way. No error: what catches errors lets it pass.

    Attributes:
        epochs: how many whole epochs are kept.
        first_process: whether this is the only process of the run or the first one, which speaks for all.
    """

    def __init__(self, code: int, *, epochs: int, first_process: bool) -> None:
        super().__init__(code)
        self.epochs, self.first_process = epochs, first_process

    def in_words(self) -> str:
        """Say what is kept."""
        return f"interrupted after epoch {self.epochs}" if self.epochs else "interrupted in the first epoch"


@contextmanager
def interruptible(trainer: lightning.Trainer) -> Iterator[None]:
    """Give the ways in which Lightning ends one form: after SIGTERM it says no exit code, which would be 0.

    Raises:
        InterruptedRun: the training was asked to end.
    """
    try:
        yield
    except SystemExit as stop:
        terminated = isinstance(stop, SIGTERMException)
        if not terminated and not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        code = AFTER_TERMINATION if terminated else AFTER_INTERRUPT
        kept, first = trainer.current_epoch, trainer.is_global_zero
        raise InterruptedRun(code, epochs=kept, first_process=first) from stop

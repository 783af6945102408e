"""How far a run is, a line an epoch: for log files, in which a progress bar cannot move."""

import sys
import time
from datetime import timedelta

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class EpochLines(Callback):
    """Says what begins, and after every epoch its figures and how long the rest will take, on standard error."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what begins."""
        self._first = trainer.current_epoch
        self._started = self._before = time.monotonic()
        steps, where = trainer.num_training_batches, f"{trainer.precision} on {pl_module.device.type}"
        _say(trainer, f"epochs {self._first + 1} to {trainer.max_epochs}, of {steps} steps, {where}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what came out; validation has run by now."""
        now = time.monotonic()
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 0
        left = (now - self._started) / (done - self._first) * (total - done)
        figures = ", ".join(
            f"{name} {float(value):.3f}" for name, value in sorted(trainer.callback_metrics.items()) if "/" in name
        )
        took = f"{now - self._before:.0f} s, {timedelta(seconds=round(left))} left"
        self._before = now
        _say(trainer, f"epoch {done} of {total} ({took}): {figures}")


def _say(trainer: Trainer, line: str) -> None:
    if trainer.is_global_zero:
        print(line, file=sys.stderr, flush=True)

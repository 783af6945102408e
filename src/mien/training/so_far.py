"""What a run keeps beside its checkpoints, so that a resumed one is one run: precision, time, and its run in MLflow."""

import json
import time
from dataclasses import asdict, dataclass, replace

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import MLFlowLogger

from mien.errors import WeightsError
from mien.files import written_whole
from mien.training.precision import Precision, precision_of
from mien.training.recipe import Loop
from mien.training.run_folder import RunFolder


@dataclass(frozen=True)
class SoFar:
    """What the sessions of a run have in common.

    Attributes:
        precision: that it learns in; another machine, or this one when it is busy, might choose another one.
        seconds: that its whole epochs took, in all sessions.
        mlflow: id of its run in MLflow; empty without.
    """

    precision: Precision
    seconds: float = 0.0
    mlflow: str = ""


def read_so_far(folder: RunFolder, loop: Loop, *, resumed: bool) -> SoFar:
    """Return what a run goes on with.

    Args:
        folder: of the run.
        loop: says the precision of one that begins, and of one that an earlier version of mien began.
        resumed: whether it goes on from a checkpoint.

    Raises:
        WeightsError: the file that says so is damaged.
    """
    try:
        if resumed:
            return SoFar(**json.loads(folder.so_far.read_text(encoding="utf-8")))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{folder.so_far}: cannot be read; delete it, and go on in the precision that this machine chooses"
        ) from error
    return SoFar(precision_of(loop))


class SoFarWriter(Callback):
    """Writes what is kept, at the start and after every epoch.

    Args:
        folder: of the run.
        before: what it goes on with.
    """

    def __init__(self, folder: RunFolder, before: SoFar) -> None:
        self._folder, self._before = folder, before
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Return how long the run has taken, earlier sessions included."""
        return self._before.seconds + time.monotonic() - self._started

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write; a checkpoint never lacks it."""
        self._write(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        ids = [logger.run_id or "" for logger in trainer.loggers if isinstance(logger, MLFlowLogger)]
        now = replace(self._before, seconds=self.seconds(), mlflow="".join(ids))
        with written_whole(self._folder.so_far) as temporary:
            temporary.write_text(json.dumps(asdict(now)) + "\n", encoding="utf-8")

"""What a run leaves, and where."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mien.errors import OutputError, UsageError, WeightsError

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: the folder.
    """

    path: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and let no other training write to it meanwhile.

        The system lets go of it when the process ends, however that happens. On Windows, and where a filesystem knows
        no locks, nothing is held.

        Raises:
            OutputError: another training writes to it, or it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = -1 if sys.platform == "win32" else os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror or error}); choose another place or make room"
            ) from error
        if sys.platform == "win32":
            yield
            return
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(
                    f"{self.path}: another training writes to it now; wait until it ends, or choose another --output"
                ) from None
            except OSError:  # no locks here
                pass
            yield
        finally:
            os.close(handle)

    @property
    def begun(self) -> bool:
        """Whether there is a run: a checkpoint, or its end."""
        return self.last_checkpoint.exists() or self.weights.exists()

    def check_finished(self) -> None:
        """Make sure that the run has chosen weights.

        Raises:
            WeightsError: there is no such folder, or no run in it that has ended.
        """
        if self.weights.is_file():
            return
        if not self.path.is_dir():
            raise WeightsError(f"{self.path}: no such folder of a run; check the path")
        remedy = "go on with `mien train --resume`" if self.begun else "`mien train` makes one"
        raise WeightsError(f"{self.path}: holds no finished run ({self.weights.name} is missing); {remedy}")

    def check_spares(self, recipe: Path) -> None:
        """Make sure that the run, where it begins now, does not write its own recipe over the one that somebody wrote.

        Args:
            recipe: the file that was given.

        Raises:
            UsageError: it would.
        """
        if not self.begun and recipe.resolve() == self.recipe.resolve():
            raise UsageError(
                f"{recipe}: a run in {self.path} would write its own recipe over this one; choose another --output, or "
                "another name for the file"
            )

    @property
    def recipe(self) -> Path:
        """The recipe as run, every value spelled out."""
        return self.path / "recipe.toml"

    @property
    def checkpoints(self) -> Path:
        """Folder of what a resumed run goes on from."""
        return self.path / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        """The state after the last whole epoch: weights, optimiser, schedule."""
        return self.checkpoints / "last.ckpt"

    @property
    def so_far(self) -> Path:
        """What a resumed run goes on with beside the last checkpoint: precision, seconds, MLflow's run."""
        return self.checkpoints / "so-far.json"

    @property
    def weights(self) -> Path:
        """The chosen weights; there from the end of the training on."""
        return self.path / "best.safetensors"

    @property
    def last_weights(self) -> Path:
        """The weights after the last epoch."""
        return self.path / "last.safetensors"

    @property
    def teacher(self) -> Path:
        """What the recipe's teachers say to the pictures to learn from."""
        return self.path / "teacher.safetensors"

    @property
    def curves(self) -> Path:
        """One row an epoch: losses and scores."""
        return self.path / "curves.csv"

    @property
    def facts(self) -> Path:
        """Versions, device, the chosen epoch and its scores."""
        return self.path / "run.json"

    @property
    def model(self) -> Path:
        """The exported ONNX file with its card."""
        return self.path / "model.onnx"

    @property
    def card(self) -> Path:
        """The card of the exported file, to read."""
        return self.path / "card.json"

    @property
    def scores(self) -> Path:
        """Every metric of every head on validation and test."""
        return self.path / "scores.csv"

    def predictions(self, role: str, head: str) -> Path:
        """What the exported file says to each picture of ``"validation"`` or ``"test"``."""
        return self.path / f"predictions-{role}-{head}.parquet"

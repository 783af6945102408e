"""The curves of a run: losses and scores of each epoch, and where it began to overfit."""

import csv
from dataclasses import dataclass
from pathlib import Path

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from mien.files import written_whole


@dataclass(frozen=True)
class Curves:
    """The values of each epoch.

    Attributes:
        epochs: counted from 1.
        values: for each column, such as ``"train/loss"``, one value an epoch.
    """

    epochs: tuple[int, ...]
    values: dict[str, tuple[float, ...]]

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads whose scores were logged."""
        return tuple(
            name.removeprefix("train/") for name in self.values if name.startswith("train/") and name != "train/loss"
        )

    @property
    def turning_point(self) -> int | None:
        """The epoch with the lowest validation loss, None where that is one of the last tenth: no overfitting yet."""
        losses = self.values["validation/loss"]
        best = min(range(len(losses)), key=losses.__getitem__)
        return None if best >= 0.9 * len(losses) - 1 else self.epochs[best]

    @property
    def overfits(self) -> bool:
        """Whether the training loss went on falling after the turning point, and did not rise as well."""
        if self.turning_point is None:
            return False
        train = self.values["train/loss"]
        return train[-1] < train[self.epochs.index(self.turning_point)]

    def in_words(self) -> str:
        """Say whether and where the run began to overfit."""
        losses = self.values["validation/loss"]
        if self.turning_point is None:
            return (
                f"No overfitting up to epoch {self.epochs[-1]}: the validation loss is lowest at epoch "
                f"{self.epochs[losses.index(min(losses))]} ({min(losses):.3f}); more epochs may help."
            )
        train = self.values["train/loss"]
        if not self.overfits:
            before = train[self.epochs.index(self.turning_point)]
            return (
                f"No overfitting, but losses that rise: from epoch {self.turning_point} on that of validation from "
                f"{min(losses):.3f} to {losses[-1]:.3f} and that of training from {before:.3f} to {train[-1]:.3f}; a "
                "lower optimiser.rate may help."
            )
        return (
            f"Overfitting from epoch {self.turning_point} on: the validation loss rises from {min(losses):.3f} to "
            f"{losses[-1]:.3f} while the training loss falls to {train[-1]:.3f}."
        )


class CurvesWriter(Callback):
    """Adds a row to the curves after every epoch.

    Args:
        path: the CSV file. A resumed run keeps the rows up to its checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the rows of the epochs that will not be run again."""
        if trainer.current_epoch > 0 and self._path.is_file():
            curves = read_curves(self._path)
            self._rows = [
                {"epoch": epoch} | {name: values[place] for name, values in curves.values.items()}
                for place, epoch in enumerate(curves.epochs)
                if epoch <= trainer.current_epoch
            ]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write; validation has run by now."""
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items()) if "/" in name}
        self._rows.append({"epoch": trainer.current_epoch + 1} | metrics)
        if not trainer.is_global_zero:
            return
        with written_whole(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self._rows[-1]))
            writer.writeheader()
            writer.writerows(self._rows)


def read_curves(path: Path) -> Curves:
    """Read what `CurvesWriter` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [key for key in rows[0] if key != "epoch"]
    return Curves(
        epochs=tuple(int(row["epoch"]) for row in rows),
        values={key: tuple(float(row[key] or "nan") for row in rows) for key in columns},
    )

"""The curves of a run: what Lightning logged, as one table with a row an epoch, and where it began to overfit."""

import csv
from dataclasses import dataclass
from pathlib import Path

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

    def in_words(self) -> str:
        """Say whether and where the run began to overfit."""
        losses = self.values["validation/loss"]
        if self.turning_point is None:
            return (
                f"No overfitting in {len(self.epochs)} epochs: the validation loss is lowest at epoch "
                f"{self.epochs[losses.index(min(losses))]} ({min(losses):.3f}); more epochs may help."
            )
        train = self.values["train/loss"]
        return (
            f"Overfitting from epoch {self.turning_point} on: the validation loss rises from {min(losses):.3f} to "
            f"{losses[-1]:.3f} while the training loss falls to {train[-1]:.3f}."
        )


def write_curves(log: Path, path: Path) -> None:
    """Put what Lightning logged in several rows an epoch into one row an epoch.

    Args:
        log: the CSV file of Lightning's logger.
        path: the CSV file to write.

    Raises:
        OutputError: the file cannot be written.
    """
    rows: dict[int, dict[str, str]] = {}
    with log.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            # A resumed run logs its interrupted epoch again; the later row holds.
            rows.setdefault(int(row["epoch"]), {}).update({key: value for key, value in row.items() if value})
    columns = sorted({key for row in rows.values() for key in row if "/" in key})
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *columns])
        writer.writerows([epoch + 1, *(row.get(key, "") for key in columns)] for epoch, row in sorted(rows.items()))


def read_curves(path: Path) -> Curves:
    """Read what `write_curves` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [key for key in rows[0] if key != "epoch"]
    return Curves(
        epochs=tuple(int(row["epoch"]) for row in rows),
        values={key: tuple(float(row[key] or "nan") for row in rows) for key in columns},
    )

"""How long one epoch of a recipe takes, and how much of it is the loader.

    python benchmarks/training_speed.py recipes/mien-compact.toml fer2013.parquet
    python benchmarks/training_speed.py recipes/mien-compact.toml fer2013.parquet --precision 32

Two epochs are trained on the CPU as `mien train` does; the second is reported, for the first one compiles. The loader's
share is what fetching and changing the batches takes: it is timed alone, over the same epoch, after the training.
Writes results/training_speed_PRECISION_CPU.csv, where CPU says by what it multiplies in bf16.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from measurements import RESULTS, first_of, write_rows
from mien.errors import one_line
from mien.experiments.roles import read_roles
from mien.training.augment import augment
from mien.training.batches import Batches, Pictures
from mien.training.precision import precision_of
from mien.training.recipe_files import read_recipe
from mien.training.run import train
from mien.training.targets import targets_of


class EpochTimes(Callback):
    """Seconds of the training part of each epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, *args: object) -> None:
        """Note the time so far; the last batch's is the epoch's."""
        self._last = time.perf_counter() - self._started

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep it before validation begins."""
        self.seconds.append(self._last)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--precision", choices=("auto", "bf16", "32"), default="auto", help="auto, the default: the faster one here"
    )
    given = parser.parse_args()
    recipe = read_recipe(given.recipe, ["loop.epochs=2", "loop.device='cpu'", f"loop.precision='{given.precision}'"])
    roles = read_roles(recipe, given.data)
    times = EpochTimes()
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, roles["training"], roles["validation"], Path(folder) / "run", callbacks=(times,))
    pictures = Pictures(torch.from_numpy(roles["training"].crops), targets_of(roles["training"], recipe))
    generator = torch.Generator().manual_seed(0)
    started = time.perf_counter()
    for crops, _ in Batches(pictures, batch=recipe.loop.batch, order=(recipe.seed, 1)):
        augment(crops, recipe.augmentation, generator)
    loader = time.perf_counter() - started
    row = {
        "recipe": recipe.name,
        "data": given.data.name,
        "n": len(roles["training"]),
        "precision": precision_of(recipe.loop),
        "bf16_by": first_of("amx_bf16", "avx512_bf16").removesuffix("_bf16"),
        "compile": recipe.loop.compile,
        "threads": torch.get_num_threads(),
        "first_epoch_s": f"{times.seconds[0]:.1f}",
        "epoch_s": f"{times.seconds[1]:.1f}",
        "loader_s": f"{loader:.1f}",
        "loader_share": f"{loader / times.seconds[1]:.3f}",
    }
    path = write_rows(f"training_speed_{row['precision']}_{row['bf16_by']}", [row])
    print(f"{row}\n{path.relative_to(RESULTS.parent.parent)}")


if __name__ == "__main__":
    one_line(main)

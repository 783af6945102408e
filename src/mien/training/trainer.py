"""Lightning's trainer as a recipe wants it: device, precision, callbacks, loggers."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, RichProgressBar, WeightAveraging
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch import Tensor

from mien.console import Console
from mien.errors import UsageError
from mien.training.checkpoint_callbacks import MovableCheckpoint, WholeCheckpoints
from mien.training.curves import CurvesWriter
from mien.training.epoch_lines import EpochLines
from mien.training.mlflow_logger import mlflow_logger
from mien.training.optimisers import kept_share
from mien.training.precision import Precision, on_gpu
from mien.training.recipe import Recipe
from mien.training.run_folder import RunFolder
from mien.training.so_far import SoFar

PRECISIONS: dict[Precision, Literal["bf16-mixed", "16-mixed", "32-true"]] = {
    "bf16": "bf16-mixed",
    "16": "16-mixed",
    "32": "32-true",
}
"""What Lightning calls a recipe's precision."""

CHATTER = (
    ".*does not have many workers.*",  # the pictures lie in memory
    ".*smaller than the logging interval.*",
    ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run's
    ".*LeafSpec.*",
)
"""Warnings of Lightning that tell users nothing."""


def build_trainer(
    recipe: Recipe, folder: RunFolder, chooser: MovableCheckpoint, more: Sequence[Callback], *, so_far: SoFar
) -> lightning.Trainer:
    """Return the trainer of a run.

    Args:
        recipe: how long, in which steps and on what.
        folder: of the run.
        chooser: keeps the checkpoint of the best epoch.
        more: callbacks besides those that a run has.
        so_far: what the run goes on with, its precision among it.

    Raises:
        UsageError: a GPU is asked for and there is none, or MLflow cannot use the address that the recipe names.
        MissingExtraError: the recipe names an address of MLflow, which is not installed.
    """
    loop = recipe.loop
    callbacks = [*_callbacks(recipe, folder, chooser), *more]
    gpu = on_gpu(loop)
    if gpu and torch.cuda.device_count() < loop.devices:
        raise UsageError(
            f"{loop.devices} GPU asked for, {torch.cuda.device_count()} found; "
            "use --set loop.device=cpu, or fewer with loop.devices"
        )
    if loop.precision == "16" and not gpu:
        raise UsageError("loop.precision = 16 needs a GPU; use bf16 or 32 on the CPU")
    several = loop.devices * loop.nodes > 1
    thaws = getattr(recipe.model, "unfreeze_every", 0) > 0
    return lightning.Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=loop.devices,
        num_nodes=loop.nodes,
        strategy=("ddp_find_unused_parameters_true" if thaws else "ddp") if several else "auto",
        max_epochs=loop.epochs,
        precision=PRECISIONS[so_far.precision],
        gradient_clip_val=recipe.optimiser.clip or None,
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        logger=_loggers(recipe, folder, so_far),
        default_root_dir=folder.path,
        use_distributed_sampler=False,  # mien.training.batches gives each process its part
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=any(isinstance(callback, RichProgressBar) for callback in callbacks),
        enable_model_summary=False,
        log_every_n_steps=50,
    )


@contextmanager
def without_chatter() -> Iterator[None]:
    """Within it Lightning is silent about what tells users nothing.

    That is: tips, a list of absent devices, and warnings of what is meant so here; other warnings are shown.
    """
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in CHATTER:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        log.setLevel(level)


def _callbacks(recipe: Recipe, folder: RunFolder, chooser: MovableCheckpoint) -> list[Callback]:
    # A callback of its own, after the chooser: its save_last writes only where the epoch is the best so far.
    last = MovableCheckpoint(
        dirpath=folder.checkpoints, filename=folder.last_checkpoint.stem, every_n_epochs=1, enable_version_counter=False
    )
    console = Console()
    progress = RichProgressBar(leave=True) if console.is_terminal or console.is_jupyter else EpochLines()
    callbacks: list[Callback] = [CurvesWriter(folder.curves), chooser, last, progress]
    if recipe.optimiser.average:
        callbacks.append(WeightAveraging(avg_fn=_moving_average(recipe.optimiser.average)))
    if recipe.loop.patience:
        callbacks.append(EarlyStopping(str(chooser.monitor), patience=recipe.loop.patience, mode=chooser.mode))
    return callbacks


def _loggers(recipe: Recipe, folder: RunFolder, so_far: SoFar) -> list[Logger]:
    loggers: list[Logger] = [TensorBoardLogger(folder.path, name=None, version="log")]
    if recipe.loop.mlflow:
        loggers.append(mlflow_logger(recipe.loop.mlflow, recipe.name, run=so_far.mlflow))
    return loggers


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        kept = kept_share(decay, int(count))
        return averaged * kept + current * (1 - kept)

    return average

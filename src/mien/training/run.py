"""A training run: a folder that holds the recipe, the checkpoints, the curves, and enough to go on after a kill.

RUN/recipe.toml         the recipe as run, every value spelled out
RUN/checkpoints/        best.ckpt and last.ckpt, written once an epoch
RUN/teacher.safetensors what the recipe's teachers say to the pictures, where it has any
RUN/curves.csv          one row an epoch, written as it goes; RUN/log/ has the same for TensorBoard
RUN/best.safetensors    the weights of the chosen epoch, averaged where the recipe says so, written at the end
RUN/last.safetensors    the weights after the last epoch
RUN/run.json            versions, device, the chosen epoch, its score, digests of the pictures' names
"""

import json
import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, RichProgressBar, WeightAveraging
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from torch import Tensor

from mien.data.samples import Samples
from mien.errors import OutputError, RecipeError, UsageError, import_extra
from mien.files import written_whole
from mien.provenance import commit
from mien.training.checkpoint_callbacks import MovableCheckpoint, WholeCheckpoints
from mien.training.checkpoints import read_checkpoint
from mien.training.curves import CurvesWriter
from mien.training.epoch_lines import EpochLines
from mien.training.interruption import interruptible
from mien.training.lesson import LOSS, SCORE, Lesson
from mien.training.memory import keep_freed_memory
from mien.training.networks.building import build_network
from mien.training.precision import on_gpu, precision_of
from mien.training.recipe import Recipe
from mien.training.recipe_files import difference, read_recipe, write_recipe
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import PICTURES, check_pictures, digests_of, keep_pictures
from mien.training.teaching import kept_answers
from mien.training.weights_file import device_name, write_weights

PRECISIONS: dict[str, Literal["bf16-mixed", "16-mixed", "32-true"]] = {
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


def train(
    recipe: Recipe,
    training: Samples,
    validation: Samples,
    output: Path,
    *,
    resume: bool = False,
    callbacks: tuple[Callback, ...] = (),
) -> RunFolder:
    """Train by a recipe, or go on with a run that was interrupted.

    Args:
        recipe: what to train and how.
        training: pictures to learn from.
        validation: pictures to choose the epoch by.
        output: folder of the run.
        resume: go on from the run's last checkpoint; without one, start. A run that is finished stays as it is. What a
            start that failed leaves, or one that was ended in its first epoch, is no run: another one takes its place.
        callbacks: more of Lightning's callbacks, such as a sweep's pruning.

    Returns:
        The folder of the run, with its chosen weights.

    Raises:
        RecipeError: the recipe is impossible, or it or the pictures are not those that the run was started with.
        DataError: the pictures have not the labels that the recipe learns from.
        UsageError: a GPU is asked for and there is none.
        WeightsError: a teacher cannot be opened, pretrained weights cannot be had, or a checkpoint is damaged.
        TrainingError: the loss is no number.
        OutputError: the folder holds a run already and `resume` is false, another training writes to it now, or it
            cannot be written.
        InterruptedRun: Ctrl+C or SIGTERM; it ends the process with 130 or 143 where nothing catches it.
    """
    folder = RunFolder(output)
    # Further processes of a run on several devices write nothing: the first one holds it for them.
    with folder.held() if process_rank() == 0 else nullcontext():
        return _trained(folder, recipe, training, validation, resume=resume, callbacks=callbacks)


def _trained(
    folder: RunFolder,
    recipe: Recipe,
    training: Samples,
    validation: Samples,
    *,
    resume: bool,
    callbacks: tuple[Callback, ...],
) -> RunFolder:
    checkpoint = _prepare(folder, recipe, resume=resume)
    pictures = digests_of({"training": training, "validation": validation})
    if folder.weights.exists():
        check_pictures(folder, pictures)
        return folder
    if recipe.member_runs():
        return _keep_ensemble(folder, recipe, pictures)
    keep_freed_memory()
    by_score = recipe.loop.monitor == "score"
    chooser = MovableCheckpoint(
        dirpath=folder.checkpoints,
        filename="best",
        monitor=SCORE if by_score else LOSS,
        mode="max" if by_score else "min",
        enable_version_counter=False,
    )
    started = time.monotonic()
    teacher = kept_answers(recipe, training, folder.teacher)
    lesson = Lesson(recipe, training, validation, load=checkpoint is None, teacher=teacher)
    with _without_chatter():
        trainer = _trainer(recipe, folder, [*_callbacks(recipe, folder, chooser), *callbacks])
        try:
            with interruptible(trainer):
                trainer.fit(lesson, ckpt_path=checkpoint)
        except OSError as error:
            raise OutputError(
                f"{folder.path}: cannot be written ({error.strerror or error}); make room and go on with --resume"
            ) from error
        except OutputError as error:
            raise OutputError(f"{error}, and go on with --resume") from error
    if not trainer.interrupted:
        _finish(folder, recipe, chooser, pictures, seconds=time.monotonic() - started)
    return folder


def process_rank() -> int:
    """Return which of the processes of a run on several devices this is; 0 is the first, or the only one."""
    return int(getattr(rank_zero_only, "rank", 0))


@contextmanager
def _without_chatter() -> Iterator[None]:
    # Tips, a list of absent devices, and warnings of what is meant so here; other warnings are shown.
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


def _prepare(folder: RunFolder, recipe: Recipe, *, resume: bool) -> Path | None:
    checkpoint = folder.last_checkpoint if folder.last_checkpoint.exists() else None
    if process_rank() > 0:  # the first process has checked and written by now: it has started this one
        return checkpoint
    if folder.begun and not resume:
        raise OutputError(f"{folder.path}: holds a run already; go on with --resume, or choose another --output")
    if folder.begun and folder.recipe.exists():
        started = read_recipe(folder.recipe)
        if started != recipe:
            raise RecipeError(
                f"{folder.path}: was started with another recipe ({difference(started, recipe)}); "
                "go on with the same one, or choose another --output"
            )
        return checkpoint
    with written_whole(folder.recipe) as temporary:
        write_recipe(recipe, temporary)
        if not _same_answers(folder, recipe):
            folder.teacher.unlink(missing_ok=True)
    return checkpoint


def _same_answers(folder: RunFolder, recipe: Recipe) -> bool:
    # What the teachers said may have taken an hour: it is kept where another start would ask them the same.
    if not folder.recipe.exists():
        return True
    try:
        started = read_recipe(folder.recipe)
    except RecipeError:  # an earlier version wrote it
        return False
    asked = ("teacher", "heads", "crop", "data", "seed")
    return all(getattr(started, key) == getattr(recipe, key) for key in asked)


def _trainer(recipe: Recipe, folder: RunFolder, callbacks: list[Callback]) -> lightning.Trainer:
    loop = recipe.loop
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
        precision=PRECISIONS[precision_of(loop)],
        gradient_clip_val=recipe.optimiser.clip or None,
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        logger=_loggers(recipe, folder),
        default_root_dir=folder.path,
        use_distributed_sampler=False,  # mien.training.batches gives each process its part
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=any(isinstance(callback, RichProgressBar) for callback in callbacks),
        enable_model_summary=False,
        log_every_n_steps=50,
    )


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


def _loggers(recipe: Recipe, folder: RunFolder) -> list[Logger]:
    loggers: list[Logger] = [TensorBoardLogger(folder.path, name=None, version="log")]
    if recipe.loop.mlflow:
        import_extra("mlflow", extra="mlflow", purpose="loop.mlflow")
        from lightning.pytorch.loggers import MLFlowLogger

        loggers.append(MLFlowLogger(experiment_name="mien", run_name=recipe.name, tracking_uri=recipe.loop.mlflow))
    return loggers


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        # A short memory at first: the random weights of the start would otherwise stay in the average for epochs.
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        return averaged * kept + current * (1 - kept)

    return average


@rank_zero_only
def _finish(
    folder: RunFolder, recipe: Recipe, chooser: MovableCheckpoint, pictures: dict[str, str], *, seconds: float
) -> None:
    content = _weights_of(Path(chooser.best_model_path))
    last = _weights_of(folder.last_checkpoint)
    facts = {
        "epoch": content["epoch"] + 1,
        "epochs": last["epoch"] + 1,
        str(chooser.monitor): float(chooser.best_model_score or 0),
        "seconds": round(seconds),
        "precision": precision_of(recipe.loop),
        "device": device_name(gpu=on_gpu(recipe.loop)),
        "mien": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        PICTURES: pictures,
    }
    with written_whole(folder.facts) as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for file, state in ((folder.last_weights, last), (folder.weights, content)):  # the chosen one says "finished"
        trained = f"epoch {state['epoch'] + 1} of {facts['epochs']} on {facts['device']}"
        write_weights(file, state["weights"], trained=trained)


def _keep_ensemble(folder: RunFolder, recipe: Recipe, pictures: dict[str, str]) -> RunFolder:
    network = build_network(recipe)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    keep_pictures(folder, pictures)
    write_weights(folder.weights, weights, trained=f"the mean of {len(recipe.member_runs())} runs")
    return folder


def _weights_of(checkpoint: Path) -> dict[str, Any]:
    content = read_checkpoint(checkpoint)
    prefix = "network."
    weights = {
        name.removeprefix(prefix): value.contiguous()
        for name, value in content["state_dict"].items()
        if name.startswith(prefix)
    }
    return {"epoch": content["epoch"], "weights": weights}

"""A training run: a folder that holds the recipe, the checkpoints, the curves, and enough to go on after a kill.

RUN/recipe.toml         the recipe as run, every value spelled out
RUN/checkpoints/        best.ckpt and last.ckpt, written once an epoch, and what is kept beside them
RUN/teacher.safetensors what the recipe's teachers say to the pictures, where it has any
RUN/curves.csv          one row an epoch, written as it goes; RUN/log/ has the same for TensorBoard
RUN/best.safetensors    the weights of the chosen epoch, averaged where the recipe says so, written at the end
RUN/last.safetensors    the weights after the last epoch
RUN/run.json            versions, device, the chosen epoch, its score, digests of the pictures' names
"""

import json
import platform
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only

from mien.data.samples import Samples
from mien.errors import OutputError, RecipeError
from mien.files import written_whole
from mien.provenance import commit
from mien.training.checkpoint_callbacks import MovableCheckpoint
from mien.training.checkpoints import read_checkpoint
from mien.training.interruption import interruptible
from mien.training.lesson import LOSS, SCORE, Lesson
from mien.training.memory import keep_freed_memory
from mien.training.networks.building import build_network
from mien.training.precision import on_gpu
from mien.training.recipe import Recipe
from mien.training.recipe_files import check_same_recipe, read_recipe, write_recipe
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import PICTURES, check_pictures, digests_of, keep_pictures
from mien.training.so_far import SoFar, SoFarWriter, read_so_far
from mien.training.teaching import kept_answers
from mien.training.trainer import build_trainer, without_chatter
from mien.training.weights_file import device_name, write_weights


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
        resume: go on from the run's last checkpoint; without one, say so and start. A run that is finished stays as it
            is. What a start that failed leaves, or one that was ended in its first epoch, is no run: another one takes
            its place.
        callbacks: more of Lightning's callbacks, such as a sweep's pruning.

    Returns:
        The folder of the run, with its chosen weights.

    Raises:
        RecipeError: the recipe is impossible, or it or the pictures are not those that the run was started with.
        DataError: the pictures have not the labels that the recipe learns from.
        UsageError: a GPU is asked for and there is none, or MLflow cannot use the address that the recipe names.
        MissingExtraError: the recipe names an address of MLflow, which is not installed.
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
    so_far = read_so_far(folder, recipe.loop, resumed=checkpoint is not None)
    writer = SoFarWriter(folder, so_far)
    teacher = kept_answers(recipe, training, folder.teacher)
    lesson = Lesson(recipe, training, validation, load=checkpoint is None, teacher=teacher)
    with without_chatter():
        trainer = build_trainer(recipe, folder, chooser, (writer, *callbacks), so_far=so_far)
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
        _finish(folder, recipe, chooser, pictures, so_far=replace(so_far, seconds=writer.seconds()))
    return folder


def process_rank() -> int:
    """Return which of the processes of a run on several devices this is; 0 is the first, or the only one."""
    return int(getattr(rank_zero_only, "rank", 0))


def _prepare(folder: RunFolder, recipe: Recipe, *, resume: bool) -> Path | None:
    checkpoint = folder.last_checkpoint if folder.last_checkpoint.exists() else None
    if process_rank() > 0:  # the first process has checked and written by now: it has started this one
        return checkpoint
    if folder.begun and not resume:
        raise OutputError(f"{folder.path}: holds a run already; go on with --resume, or choose another --output")
    if folder.begun and folder.recipe.exists():
        check_same_recipe(folder.recipe, recipe, remedy="go on with the same one, or choose another --output")
        return checkpoint
    if resume:
        print(f"{folder.path}: nothing to go on from, begins anew", file=sys.stderr)
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


@rank_zero_only
def _finish(
    folder: RunFolder, recipe: Recipe, chooser: MovableCheckpoint, pictures: dict[str, str], *, so_far: SoFar
) -> None:
    content = _weights_of(Path(chooser.best_model_path))
    last = _weights_of(folder.last_checkpoint)
    facts = {
        "epoch": content["epoch"] + 1,
        "epochs": last["epoch"] + 1,
        str(chooser.monitor): float(chooser.best_model_score or 0),
        "seconds": round(so_far.seconds),
        "precision": so_far.precision,
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

"""A training run: a folder that holds the recipe, the checkpoints, the curves, and enough to go on after a kill.

RUN/recipe.toml         the recipe as run
RUN/checkpoints/        best.ckpt (by the validation score) and last.ckpt, one write an epoch
RUN/curves.csv          one row an epoch
RUN/best.safetensors    the averaged weights of the best epoch, written at the end
RUN/run.json            versions, the chosen epoch, its scores
"""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mien.data.samples import Samples
from mien.errors import OutputError, RecipeError, WeightsError
from mien.training.lesson import Lesson, build_network
from mien.training.recipe import Recipe, read_recipe

WEIGHTS = "best.safetensors"
RECIPE = "recipe.toml"


def train(recipe_file: Path, training: Samples, validation: Samples, output: Path, *, resume: bool = False) -> Path:
    """Train by a recipe, or go on with a run that was interrupted.

    Args:
        recipe_file: the TOML file.
        training: pictures to learn from.
        validation: pictures to choose the epoch by.
        output: folder of the run.
        resume: go on from the run's last checkpoint; without one, start.

    Returns:
        The file of the chosen weights, ``output/best.safetensors``.

    Raises:
        RecipeError: the recipe is wrong, or not the one that the run was started with.
        OutputError: the folder holds a run already and `resume` is false, or cannot be written.
    """
    recipe = read_recipe(recipe_file)
    last = _prepare(output, recipe_file, recipe, resume=resume)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    checkpoints = ModelCheckpoint(
        dirpath=output / "checkpoints",
        filename="best",
        monitor="val/score",
        mode="max",
        save_last=True,
        enable_version_counter=False,
    )
    callbacks: list[Callback] = [
        WeightAveraging(avg_fn=_moving_average(recipe.optimiser.average)),
        checkpoints,
        RichProgressBar(leave=True),
    ]
    trainer = lightning.Trainer(
        max_epochs=recipe.optimiser.epochs,
        precision="bf16-mixed",
        callbacks=callbacks,
        logger=CSVLogger(output, name=None, version="curves"),
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        enable_model_summary=False,
        log_every_n_steps=50,
    )
    lesson = Lesson(recipe, training, validation)
    trainer.fit(lesson, ckpt_path=last)
    return _keep_best(output, checkpoints)


def load_network(run: Path, *, channels: int) -> tuple[Recipe, nn.Module]:
    """Return the recipe and the chosen weights of a finished run, ready to score.

    Raises:
        WeightsError: the run has no chosen weights.
        RecipeError: the run's recipe cannot be read.
    """
    file = run / WEIGHTS
    if not file.is_file():
        raise WeightsError(f"{run}: holds no finished run ({WEIGHTS} is missing); go on with `mien train --resume`")
    recipe = read_recipe(run / RECIPE)
    network = build_network(recipe, channels=channels)
    network.load_state_dict(load_file(file))
    return recipe, network.eval()


def _prepare(output: Path, recipe_file: Path, recipe: Recipe, *, resume: bool) -> Path | None:
    last = output / "checkpoints" / "last.ckpt"
    if last.exists() and not resume:
        raise OutputError(f"{output}: holds a run already; go on with --resume, or choose another --output")
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not last.exists():
            shutil.copyfile(recipe_file, output / RECIPE)
            return None
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror}); choose another --output") from error
    if read_recipe(output / RECIPE) != recipe:
        raise RecipeError(f"{recipe_file}: is not the recipe that {output} was started with ({output / RECIPE})")
    return last


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        # A short memory at first: the random weights of the start would otherwise stay in the average for epochs.
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        return averaged * kept + current * (1 - kept)

    return average


def _keep_best(output: Path, checkpoints: ModelCheckpoint) -> Path:
    content: dict[str, Any] = torch.load(checkpoints.best_model_path, map_location="cpu", weights_only=True)
    prefix = "network."
    weights = {
        name.removeprefix(prefix): value.contiguous()
        for name, value in content["state_dict"].items()
        if name.startswith(prefix)
    }
    save_file(weights, output / WEIGHTS)
    facts = {
        "epoch": content["epoch"],
        "val_score": float(checkpoints.best_model_score or 0),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    (output / "run.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return output / WEIGHTS

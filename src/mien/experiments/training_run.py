"""One command's work: read the data, train, finish."""

import sys
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from mien.experiments.finishing import Score, finish_run
from mien.experiments.roles import check_answers, read_roles
from mien.training.mlflow_logger import check_mlflow
from mien.training.recipe import Recipe
from mien.training.run import process_rank, train
from mien.training.run_folder import RunFolder


def run_recipe(
    recipe: Recipe, data: Path, output: Path, *, resume: bool = False, callbacks: tuple[Callback, ...] = ()
) -> tuple[RunFolder, list[Score] | None]:
    """Train a recipe and finish the run.

    Args:
        recipe: what to train and how.
        data: a canonical table, or FER-2013's Parquet file.
        output: folder of the run.
        resume: go on with an interrupted run.
        callbacks: more of Lightning's callbacks.

    Returns:
        The folder, and the scores; None in the further processes of a run on several devices.

    Raises:
        UsageError: MLflow cannot use the address that the recipe names.
        MienError: see `mien.training.run.train` and `mien.experiments.finishing.finish_run`.
    """
    if recipe.loop.mlflow and not RunFolder(output).weights.exists():
        check_mlflow(recipe.loop.mlflow)
    roles = read_roles(recipe, data)
    check_answers(recipe, roles)
    if recipe.data.test and "test" not in roles and process_rank() == 0:
        print(f"{data}: has no split {recipe.data.test!r}, so nothing is scored on test", file=sys.stderr)
    folder = train(recipe, roles["training"], roles["validation"], output, resume=resume, callbacks=callbacks)
    if process_rank() > 0:
        return folder, None
    return folder, finish_run(folder, roles, data=data)

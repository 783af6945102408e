"""Many short trainings of one recipe with other values, chosen by Optuna: what pays?

SWEEP/sweep.db          Optuna's study; a sweep goes on where it was, and several machines may share a study
SWEEP/trials.csv        every trial: state, scores, values
SWEEP/trials.xlsx       the same for a spreadsheet, the best first
SWEEP/history.png       the score of each trial, and the best so far
SWEEP/importance.png    how much each key mattered
SWEEP/best.toml         the recipe with the best values
SWEEP/trial-NNN/        curves of each trial
"""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from mien.data.samples import Samples
from mien.errors import OutputError, RecipeError, TrainingError, UsageError
from mien.experiments.roles import read_roles
from mien.experiments.search_space import Searched
from mien.experiments.sweep_record import experimental, write_figures, write_record
from mien.training.curves import read_curves
from mien.training.lesson import SCORE
from mien.training.mlflow_logger import check_mlflow
from mien.training.recipe import Card, Recipe
from mien.training.recipe_files import difference, read_recipe, write_recipe
from mien.training.run import train
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import digests_of

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)

HEARTBEAT_SECONDS, GRACE_SECONDS = 10, 30
"""How often a trial says that it still runs, and after how much silence it counts as cut off."""


class Pruning(Callback):
    """Reports the validation score of each epoch to a trial, and ends what is worse than half of the trials so far."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report; Lightning calls this after every epoch."""
        self._trial.report(float(trainer.callback_metrics[SCORE]), trainer.current_epoch)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def sweep(
    recipe: Path,
    data: Path,
    searched: Sequence[Searched],
    output: Path,
    *,
    trials: int,
    changes: Sequence[str] = (),
    storage: str | None = None,
) -> optuna.Study:
    """Try values until so many trials have ended, those of earlier calls included.

    Args:
        recipe: the TOML file.
        data: the pictures.
        searched: keys and values to try.
        output: folder of the sweep.
        trials: how many trials the study should have.
        changes: values that hold for all trials.
        storage: address of a database that several machines share; None keeps ``output/sweep.db``. The study in it is
            called as the recipe.

    Returns:
        The study.

    Raises:
        RecipeError: a key that recipes do not have, or a value, set or to search, that is impossible; an ensemble,
            which is not trained; or the study was started with another recipe, pictures or values to search.
        UsageError: the storage cannot be opened, or MLflow cannot use the address that the recipe names.
        MissingExtraError: the recipe names an address of MLflow, which is not installed.
        OutputError: the folder cannot be written.
    """
    base = read_recipe(recipe, changes)
    searched = [each.fitting(base) for each in searched]
    if base.member_runs():
        raise RecipeError(f"{recipe}: an ensemble is not trained; sweep the recipe of one of its members")
    _check_values(recipe, changes, searched)
    if base.loop.mlflow:
        check_mlflow(base.loop.mlflow)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror}); choose another --output") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns of each failed trial, with a traceback
    study = optuna.create_study(
        study_name=base.name,
        storage=_opened(storage or f"sqlite:///{output / 'sweep.db'}"),
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    roles = read_roles(base, data)
    _fail_stale_trials(study)
    here = {
        "recipe": _scored(base).model_dump_json(),
        "pictures": f"{data.name}, {len(roles['training'])} pictures",
        "digests": digests_of({role: roles[role] for role in ("training", "validation")}),
        "searched": sorted(map(str, searched)),
    }
    _check_same(study, here)

    def objective(trial: optuna.Trial) -> float:
        # Drawn by the trial's number, which the database gives once: machines that begin together draw other values.
        study.sampler = optuna.samplers.TPESampler(seed=(base.seed * 1009 + trial.number) % 2**32)
        values = _drawn(searched, trial)
        print(f"trial {trial.number}: {', '.join(values)}", file=sys.stderr, flush=True)
        return _try(recipe, [*changes, *values], roles, output / f"trial-{trial.number:03d}", trial)

    def after(study: optuna.Study, trial: FrozenTrial) -> None:
        write_record(study, output)
        ended = len(study.get_trials(deepcopy=False, states=ENDED))
        print(f"trial {trial.number}: {_outcome(trial)}; {ended} of {trials} done", file=sys.stderr, flush=True)

    while (left := trials - len(study.get_trials(states=ENDED))) > 0:
        # A loss that is no number is a bad choice of values, not the end of the sweep.
        study.optimize(objective, n_trials=left, catch=(TrainingError,), callbacks=[after])
        if len(study.get_trials(states=(TrialState.FAIL,))) > 2 * trials:
            raise TrainingError(f"{output}: most trials fail; look at {output / 'trials.csv'}, and search lower rates")
    _fail_stale_trials(study)
    write_record(study, output)
    write_figures(study, output)
    best = read_recipe(recipe, [*changes, *(f"{key}={value}" for key, value in study.best_params.items())])
    write_recipe(best, output / "best.toml")
    return study


def _check_values(recipe: Path, changes: Sequence[str], searched: Sequence[Searched]) -> None:
    # Every choice and both ends of every range, with the first values of the other keys: what a trial may well draw.
    firsts = [key.ends()[0] for key in searched]
    for place, key in enumerate(searched):
        for end in key.ends():
            try:
                read_recipe(recipe, [*changes, *firsts[:place], end, *firsts[place + 1 :]])
            except RecipeError as error:
                raise RecipeError(f"{error} (with --search {key})") from error


def _opened(address: str) -> optuna.storages.RDBStorage:
    try:
        with experimental():
            return optuna.storages.RDBStorage(address, heartbeat_interval=HEARTBEAT_SECONDS, grace_period=GRACE_SECONDS)
    except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError) as error:
        shown = re.sub(r"//[^/]*@", "//", address)  # without user and password
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UsageError(
            f"{shown}: cannot be opened as a sweep's database ({reason}); --storage takes an address such as "
            "sqlite:///sweep.db or postgresql://HOST/NAME, whose driver must be installed"
        ) from error


def _check_same(study: optuna.Study, here: dict[str, Any]) -> None:
    """Make sure that a study goes on with what it was started with, and keep that in one that has no trials yet."""
    known = study.user_attrs
    tried = any(trial.state != TrialState.FAIL for trial in study.get_trials(deepcopy=False))
    for key, value in here.items():
        if not tried or key not in known:  # one of an earlier version does not say: it goes on as it did
            study.set_user_attr(key, value)
        elif key == "pictures" and "digests" in known:  # a name for the record: the digests tell pictures apart
            continue
        elif known[key] != value and (differs := _difference(key, known[key], value)):
            raise RecipeError(
                f"the sweep {study.study_name} was started with other values ({differs}); go on with the same ones, or "
                f"choose another --output or --storage, or another name with --set name={study.study_name}-2"
            )


def _scored(recipe: Recipe) -> Recipe:
    # Words, and what may differ from one machine of a shared study to the next, have no part in a trial's score.
    loop = recipe.loop.model_copy(update={"device": "auto", "compile": False, "mlflow": ""})
    return recipe.model_copy(update={"about": "", "published": "", "card": Card(), "loop": loop})


def _difference(key: str, there: Any, here: Any) -> str:
    """Return in words what differs, empty where a recipe of an earlier version means the same."""
    if key == "searched":
        there, here = [each for each in there if each not in here], [each for each in here if each not in there]
        return f"searched {', '.join(there) or 'nothing more'} there, {', '.join(here) or 'nothing more'} here"
    if key == "digests":
        return f"other pictures for {' and '.join(role for role in here if here[role] != there.get(role))}"
    if key == "recipe":
        try:
            started, recipe = (Recipe.model_validate_json(text) for text in (there, here))
        except ValidationError:
            return "a recipe of another version of mien"
        return "" if started == recipe else difference(started, recipe)
    return f"{there} there, {here} here"


def _drawn(searched: Sequence[Searched], trial: optuna.Trial) -> list[str]:
    try:
        return [key.draw(trial) for key in searched]
    except ValueError as error:  # a failed trial, or one of an earlier version, chose from other values
        raise RecipeError(
            f"the sweep {trial.study.study_name} has trials with other values to search ({error}); search the same, or "
            "choose another --output, --storage or name"
        ) from error


def _outcome(trial: FrozenTrial) -> str:
    if trial.state == TrialState.COMPLETE:
        return f"score {trial.value:.4f}"
    return "ended early, worse than half of the others" if trial.state == TrialState.PRUNED else "failed"


def _fail_stale_trials(study: optuna.Study) -> None:
    # Trials that were killed would seem to run for ever. Optuna looks for them before each trial; after the last one:
    with experimental():
        optuna.storages.fail_stale_trials(study)


def _try(recipe: Path, changes: list[str], roles: dict[str, Samples], folder: Path, trial: optuna.Trial) -> float:
    shutil.rmtree(folder, ignore_errors=True)  # left by a trial of this number that was killed
    try:
        run = train(
            read_recipe(recipe, changes), roles["training"], roles["validation"], folder, callbacks=(Pruning(trial),)
        )
    except RecipeError as error:
        raise RecipeError(f"{error} (in trial {trial.number}: {', '.join(changes)})") from error
    finally:
        for large in (RunFolder(folder).checkpoints, RunFolder(folder).weights, RunFolder(folder).last_weights):
            if large.is_dir():
                shutil.rmtree(large)
            else:
                large.unlink(missing_ok=True)
    curves = read_curves(run.curves)
    best = max(range(len(curves.epochs)), key=curves.values[SCORE].__getitem__)
    trial.set_user_attr("epoch", curves.epochs[best])
    for name, values in curves.values.items():
        if name.startswith("validation/") and name != SCORE:
            trial.set_user_attr(name, values[best])
    return curves.values[SCORE][best]

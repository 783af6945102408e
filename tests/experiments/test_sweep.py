import csv
import time

import openpyxl
import pytest

from mien.errors import RecipeError, UsageError
from mien.experiments.search_space import Searched, parse_search, usual_search
from mien.experiments.sweep import sweep
from mien.training.recipe_files import read_recipe

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimiser.rate=0.01..0.3:log", Searched("optimiser.rate", low=0.01, high=0.3, log=True)),
        ("loop.batch=16..64", Searched("loop.batch", low=16, high=64, whole=True)),
        ("model.dropout=0.1|0.4", Searched("model.dropout", choices=("0.1", "0.4"))),
    ],
)
def test_what_to_search_is_written_on_the_command_line(text, expected):
    assert parse_search(text) == expected


@pytest.mark.parametrize("text", ["rate", "rate=", "rate=a..b", "rate=3..1", "rate=0..1:log", "rate=1..2:lin", "=1..2"])
def test_nonsense_is_refused(text):
    with pytest.raises(UsageError, match=r"is not KEY=LOW\.\.HIGH"):
        parse_search(text)


def test_a_sweep_runs_goes_on_and_leaves_its_record(tmp_path, table, recipe_file):
    path, output = recipe_file(), tmp_path / "sweep"
    searched = (*usual_search(read_recipe(path))[:2], parse_search("model.dropout=0.0|0.5"))
    study = sweep(path, table, searched, output, trials=2, changes=["loop.epochs=1"])
    assert len(study.trials) == 2
    study = sweep(path, table, searched, output, trials=3, changes=["loop.epochs=1"])
    assert len(study.trials) == 3
    rows = list(csv.DictReader((output / "trials.csv").open()))
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    assert {"optimiser.rate", "optimiser.weight_decay", "model.dropout", "validation/fer7", "validation/raf6"} <= set(
        rows[0]
    )
    sheet = openpyxl.load_workbook(output / "trials.xlsx").active
    scores = [row[2] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(study.best_value)
    best = read_recipe(output / "best.toml")
    assert best.optimiser.rate == pytest.approx(study.best_params["optimiser.rate"])
    for name in ("history.png", "importance.png"):
        assert (output / name).read_bytes().startswith(b"\x89PNG")
    assert not list(output.glob("trial-*/checkpoints"))
    assert len({row["optimiser.rate"] for row in rows}) == 3  # a resumed sweep draws what is new


@pytest.mark.filterwarnings("error::optuna.exceptions.ExperimentalWarning")
def test_a_trial_that_was_killed_does_not_seem_to_run(tmp_path, table, recipe_file, monkeypatch):
    monkeypatch.setattr("mien.experiments.sweep.HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr("mien.experiments.sweep.GRACE_SECONDS", 1)
    searched, output = (parse_search("optimiser.rate=1e-3..1e-2"),), tmp_path / "sweep"
    study = sweep(recipe_file(), table, searched, output, trials=1, changes=["loop.epochs=1"])
    killed = study.ask()
    study._storage.record_heartbeat(killed._trial_id)
    time.sleep(3)
    sweep(recipe_file(), table, searched, output, trials=2, changes=["loop.epochs=1"])
    rows = list(csv.DictReader((output / "trials.csv").open()))
    assert [row["state"] for row in rows] == ["complete", "fail", "complete"]


def test_a_key_that_recipes_do_not_have(tmp_path, table, recipe_file):
    with pytest.raises(RecipeError, match=r"unknown key 'optimiser\.rates'.*Did you mean 'rate'"):
        sweep(recipe_file(), table, (parse_search("optimiser.rates=1..2"),), tmp_path / "sweep", trials=1)

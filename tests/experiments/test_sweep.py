import csv
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import openpyxl
import pytest

from mien.errors import RecipeError, UsageError
from mien.experiments.search_space import Searched, parse_search, usual_search
from mien.experiments.sweep import sweep
from mien.training.interruption import InterruptedRun
from mien.training.recipe_files import read_recipe

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimiser.rate=0.01..0.3:log", Searched("optimiser.rate", low=0.01, high=0.3, log=True)),
        ("loop.batch=16..64", Searched("loop.batch", low=16, high=64, whole=True)),
        ("model.dropout=0.1|0.4", Searched("model.dropout", choices=("0.1", "0.4"))),
        ("start=../a|../b", Searched("start", choices=("../a", "../b"))),
    ],
)
def test_what_to_search_is_written_on_the_command_line(text, expected):
    assert parse_search(text) == expected
    assert parse_search(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "whole"), [("augmentation.mixup=0..1", False), ("optimiser.rate=1..2", False), ("loop.batch=16..64", True)]
)
def test_between_whole_bounds_there_are_fractions_where_the_recipe_has_them(recipe_file, text, whole):
    assert parse_search(text).fitting(read_recipe(recipe_file())).whole == whole


@pytest.mark.parametrize(
    "text", ["rate", "rate=", "rate=a..b", "rate=1..1", "rate=0..1:log", "rate=1..2:lin", "=1..2", "rate=1..inf"]
)
def test_nonsense_is_refused(text):
    with pytest.raises(UsageError, match=r"is not KEY=LOW\.\.HIGH"):
        parse_search(text)


def test_a_range_from_above_to_below_is_refused():
    with pytest.raises(UsageError, match=r"0\.3 is above 0\.1; write optimiser\.rate=0\.1\.\.0\.3"):
        parse_search("optimiser.rate=0.3..0.1")


def test_a_sweep_runs_goes_on_and_leaves_its_record(tmp_path, table, recipe_file, capfd):
    path, output = recipe_file(), tmp_path / "sweep"
    searched = (*usual_search(read_recipe(path))[:2], parse_search("model.dropout=0.0|0.5"))
    study = sweep(path, table, searched, output, trials=2, changes=["loop.epochs=1"])
    assert len(study.trials) == 2
    study = sweep(path, table, searched, output, trials=3, changes=["loop.epochs=1"])
    assert len(study.trials) == 3
    said = capfd.readouterr().err
    assert [line for line in said.splitlines() if line.startswith("trial 2: ")] == [
        f"trial 2: {', '.join(f'{key}={value}' for key, value in study.trials[2].params.items())}",
        f"trial 2: score {study.trials[2].value:.4f}; 3 of 3 done",
    ]
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


def test_machines_that_begin_together_try_other_values(tmp_path, table, recipe_file):
    keys, values = (parse_search("optimiser.rate=1e-3..1e-2"),), ["loop.epochs=1"]
    storage, of_the_other = f"sqlite:///{tmp_path / 'shared.db'}", []

    def other_machine():
        if not of_the_other:  # it begins while the first trial of this one runs: no trial has ended yet
            of_the_other.append(None)
            sweep(recipe_file(), table, keys, tmp_path / "b", trials=2, changes=values, storage=storage)

    class Begins(list):
        def __iter__(self):
            other_machine()
            return super().__iter__()

    study = sweep(recipe_file(), table, keys, tmp_path / "a", trials=3, changes=Begins(values), storage=storage)
    assert len({trial.params["optimiser.rate"] for trial in study.trials}) == len(study.trials) >= 3


@pytest.mark.filterwarnings("error::optuna.exceptions.ExperimentalWarning")
def test_a_trial_that_was_killed_does_not_seem_to_run(tmp_path, table, recipe_file):
    searched, output = (parse_search("optimiser.rate=1e-3..1e-2"),), tmp_path / "sweep"
    study = sweep(recipe_file(), table, searched, output, trials=1, changes=["loop.epochs=1"])
    killed = study.ask()
    study._storage.record_heartbeat(killed._trial_id)
    with closing(sqlite3.connect(output / "sweep.db")) as database, database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = '2026-01-01 00:00:00.000000'")
    sweep(recipe_file(), table, searched, output, trials=2, changes=["loop.epochs=1"])
    rows = list(csv.DictReader((output / "trials.csv").open()))
    assert [row["state"] for row in rows] == ["complete", "fail", "complete"]


@pytest.mark.parametrize(
    ("searched", "problem"),
    [
        (
            "optimiser.rates=1..2",
            r"unknown key 'optimiser\.rates': .*Did you mean 'rate'.* --search optimiser\.rates=1",
        ),
        ("model.dropout=0.1|2", r"model\.dropout = 2: .*less than 1 \(with --search model\.dropout=0\.1\|2\)"),
        ("model.dropout=0.1..2", r"model\.dropout = 2\.0: .*less than 1"),
        ("loop.batch=0..9", r"loop\.batch = 0: .*greater than 0"),
    ],
)
def test_what_recipes_cannot_have_is_told_before_the_first_trial(tmp_path, table, recipe_file, searched, problem):
    with pytest.raises(RecipeError, match=problem):
        sweep(recipe_file(), table, (parse_search(searched),), tmp_path / "sweep", trials=1)
    assert not (tmp_path / "sweep").exists()


def test_values_that_are_possible_with_each_other_are_tried(tmp_path, table, recipe_file):
    # Either alone is too much beside the recipe's own 0.5.
    searched = [parse_search("augmentation.mixup=0.1|0.2"), parse_search("augmentation.cutmix=0.6|0.7")]
    assert sweep(recipe_file(), table, searched, tmp_path / "sweep", trials=1, changes=["loop.epochs=1"]).best_value > 0


def test_a_sweep_does_not_go_on_with_other_pictures_of_a_file_s_name(tmp_path, table, other_table, recipe_file):
    searched, output, changes = [parse_search("optimiser.rate=1e-3..1e-2")], tmp_path / "sweep", ["loop.epochs=1"]
    study = sweep(recipe_file(), table, searched, output, trials=1, changes=changes)
    with pytest.raises(RecipeError, match=r"with other values \(other pictures for training and validation\)"):
        sweep(recipe_file(), other_table, searched, output, trials=2, changes=changes)
    assert len(study.trials) == 1


def test_a_sweep_that_is_asked_to_end_says_so_and_goes_on_later(tmp_path, table, recipe_file, monkeypatch):
    def interrupted(*args, **options):
        raise InterruptedRun(143, epochs=1, first_process=True)

    searched, output, changes = [parse_search("optimiser.rate=1e-3..1e-2")], tmp_path / "sweep", ["loop.epochs=1"]
    monkeypatch.setattr("mien.experiments.sweep.train", interrupted)
    with pytest.raises(InterruptedRun):
        sweep(recipe_file(), table, searched, output, trials=1, changes=changes)
    monkeypatch.undo()
    study = sweep(recipe_file(), table, searched, output, trials=1, changes=changes)
    assert study.trials[-1].value > 0


def test_a_sweep_does_not_go_on_with_another_ones_trials(tmp_path, table, recipe_file):
    output, changes = tmp_path / "sweep", ["loop.epochs=1"]
    searched = [parse_search("optimiser.rate=1e-3..1e-2"), parse_search("model.dropout=0.0|0.5")]

    def again(*, recipe=None, data=table, keys=searched, values=changes, trials=1):
        return len(sweep(recipe or recipe_file(), data, keys, output, trials=trials, changes=values).trials)

    assert again() == 1
    other = [searched[0], parse_search("model.dropout=0.1|0.4")]
    with pytest.raises(RecipeError, match=r"searched model\.dropout=0\.0\|0\.5 there, model\.dropout=0\.1\|0\.4 here"):
        again(keys=other, trials=2)
    with pytest.raises(RecipeError, match=r"searched model\.dropout=0\.0\|0\.5 there, nothing more here"):
        again(keys=searched[:1])
    with pytest.raises(RecipeError, match=r"loop\.epochs = 1 there, 2 here\); .*choose another --output or --storage"):
        again(values=["loop.epochs=2"])
    assert again(data=Path(shutil.copy(table, tmp_path / "other.parquet"))) == 1  # the same pictures
    with closing(sqlite3.connect(output / "sweep.db")) as database, database:
        database.execute("DELETE FROM study_user_attributes WHERE key = 'digests'")  # as an earlier version left it
    with pytest.raises(RecipeError, match=r"drawn\.parquet, 72 pictures there, other\.parquet, 72 pictures here"):
        again(data=tmp_path / "other.parquet")
    # Another machine may have the files elsewhere, and another device; words may change, and more trials be wanted.
    worker = tmp_path / "worker"
    worker.mkdir()
    here = {"recipe": Path(shutil.copy(recipe_file(), worker)), "data": Path(shutil.copy(table, worker))}
    mine = [*changes, "loop.device=cpu", "loop.compile=false", "about=mine"]
    assert again(**here, keys=searched[::-1], values=mine, trials=2) == 2


def test_a_first_trial_that_failed_binds_nothing(tmp_path, table, recipe_file):
    output, changes = tmp_path / "sweep", ["loop.epochs=1"]
    with pytest.raises(RecipeError, match=r"model\.stages: 7 poolings leave nothing .*in trial 0: .*model\.stages="):
        sweep(recipe_file(), table, [parse_search(f"model.stages={[[8]] * 7}")], output, trials=1, changes=changes)
    with pytest.raises(RecipeError, match=r"has trials with other values to search .*choose another --output"):
        sweep(recipe_file(), table, [parse_search("model.stages=[[8]]|[[9]]")], output, trials=1, changes=changes)
    study = sweep(recipe_file(), table, [parse_search("optimiser.rate=0.01..0.1")], output, trials=2, changes=changes)
    assert study.user_attrs["searched"] == ["optimiser.rate=0.01..0.1"]


@pytest.mark.parametrize(
    "address", ["optuna.db", "nothing://host/name", "firebird://me:secret@host/name", "sqlite:////none/such/sweep.db"]
)
def test_a_storage_that_cannot_be_opened_is_one_line(tmp_path, table, recipe_file, address):
    with pytest.raises(UsageError, match=r"cannot be opened as a sweep's database .*--storage takes an") as caught:
        sweep(recipe_file(), table, [parse_search("seed=1..9")], tmp_path, trials=1, storage=address)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_ensemble_is_not_swept(tmp_path, table):
    path = tmp_path / "average.toml"
    path.write_text("name = 'average'\n[model]\nkind = 'ensemble'\nmembers = ['one', 'other']\n[heads.fer7]\n")
    with pytest.raises(RecipeError, match=r"average\.toml: an ensemble is not trained; sweep the recipe of one"):
        sweep(path, table, (parse_search("optimiser.rate=1e-3..1e-2"),), tmp_path / "sweep", trials=1)

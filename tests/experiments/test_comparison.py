import csv
from dataclasses import replace
from pathlib import Path

import pytest

from mien.errors import DataError, RecipeError, UsageError, WeightsError
from mien.evaluation.metrics import Estimate
from mien.experiments import comparison
from mien.experiments.comparison import Compared, compare, comparison_figure, told_apart, write_comparison
from mien.experiments.size import network_size
from mien.training.networks.building import build_network
from mien.training.recipe import Recipe
from mien.training.recipe_files import read_recipe, write_recipe

pytestmark = pytest.mark.filterwarnings("ignore")

AVERAGE = """name = "average"
[model]
kind = "ensemble"
members = ["{runs}/one", "{runs}/two"]
[heads.fer7]
"""


def row(run, head="fer7", task="single", metric="accuracy"):
    metrics = {metric: Estimate(0.5, 0.4, 0.6)}
    return Compared(Path(run).name[:1], Path(run), "", "test", head, task, 9, metrics, 10**6, 10**7, 1.5, "ab")


def test_recipes_are_trained_once_and_compared(tmp_path, table, recipe_file):
    files = [recipe_file("one"), recipe_file("two")]
    runs = tmp_path / "runs"
    with pytest.raises(UsageError, match="holds no finished run of it; give the pictures with --data"):
        compare(files, None, runs=runs)
    rows = compare(files, table, runs=runs)
    trained = (runs / "one" / "best.safetensors").stat().st_mtime_ns
    again = compare([runs / "one", files[1], files[0], runs / ".." / "runs" / "two"], None, runs=runs)  # twice is once
    assert (runs / "one" / "best.safetensors").stat().st_mtime_ns == trained
    assert [row.name for row in rows] == [row.name for row in again] == ["one", "two"]
    assert rows[0].metrics == again[0].metrics
    assert rows[0].role == "test"
    assert rows[0].published == "something"
    assert rows[0].latency_ms > 0
    write_comparison(rows, tmp_path)
    written = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert [row["name"] for row in written] == ["one", "two"]
    assert float(written[0]["accuracy"]) == pytest.approx(rows[0].metrics["accuracy"].value, abs=1e-6)
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_wrong_with_the_last_is_told_before_the_first_is_trained(tmp_path, table, recipe_file):
    files, runs = [recipe_file("one"), tmp_path / "no.toml"], tmp_path / "runs"
    with pytest.raises(RecipeError, match=r"no\.toml: no such recipe"):
        compare(files, table, runs=runs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"empty: holds no finished run .*; `mien train` makes one"):
        compare([files[0], tmp_path / "empty"], table, runs=runs)
    with pytest.raises(UsageError, match=r"empty: is a run, and --set changes recipes; leave it out"):
        compare([tmp_path / "empty"], table, runs=runs, changes=["loop.epochs=1"])
    assert not runs.exists()


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            '[heads.fer7]\nlabels = ["anger", "none such"]',
            DataError,
            "head fer7: the recipe's labels none such are none",
        ),
        ('[data]\nvalidation = "None"\n[heads.fer7]', DataError, ".*has no split 'None' for validation"),
        ("[data.shares]\nanger = 0.9\n[heads.fer7]", DataError, "data.shares: anger = 0.9 is"),
        ("[model]\nwidths = [8]\n[heads.fer7]", RecipeError, "model: 1 widths and"),
        (AVERAGE.partition("\n")[2], WeightsError, ".*two: no such folder of a run"),
    ],
)
def test_what_does_not_go_with_the_pictures_is_told_before_the_first_is_trained(
    tmp_path, table, recipe_file, change, kind, message
):
    wrong, runs = tmp_path / "wrong.toml", tmp_path / "runs"
    wrong.write_text(f'name = "wrong"\n{change.format(runs=runs)}')
    with pytest.raises(kind, match=rf"wrong\.toml: {message}"):
        compare([recipe_file("one"), wrong], table, runs=runs)
    assert not runs.exists()


def test_two_recipes_of_one_name_are_told_before_the_first_is_trained(tmp_path, table, recipe_file):
    other, runs = tmp_path / "other.toml", tmp_path / "runs"
    other.write_text(recipe_file("one").read_text().replace("epochs = 2", "epochs = 3"))
    with pytest.raises(
        RecipeError, match=r"other\.toml: is another recipe than .*one\.toml and has the same name, one;"
    ):
        compare([recipe_file("one"), other], table, runs=runs)
    assert not runs.exists()


@pytest.mark.parametrize("with_data", [True, False])
def test_a_run_of_another_recipe_is_told_at_once_with_what_differs(tmp_path, table, recipe_file, with_data):
    path, run = recipe_file("one"), tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    write_recipe(read_recipe(path), run / "recipe.toml")
    (run / "best.safetensors").touch()
    with pytest.raises(
        RecipeError,
        match=r"one: was started with another recipe \(loop\.epochs = 2 .*3 here\); choose another --runs",
    ):
        compare([path], table if with_data else None, runs=tmp_path / "runs", changes=["loop.epochs=3"])


@pytest.mark.parametrize("name", ["mien-base", "model.onnx", "best.safetensors", "runs/typo"])
def test_what_is_neither_recipe_nor_run_is_told_what_compares_models(tmp_path, name):
    if Path(name).suffix:
        (tmp_path / name).write_bytes(b"\x80")
    with pytest.raises(UsageError, match=rf"{name}: is no recipe and no folder of a run.*; `mien evaluate A B DATA`"):
        compare([tmp_path / name], None)


@pytest.fixture
def trained(monkeypatch):
    """Names of recipes in the order in which they would be trained; nothing is."""
    names = []
    monkeypatch.setattr(comparison, "run_recipe", lambda recipe, *_, **__: names.append(recipe.name))
    monkeypatch.setattr(comparison, "_row", lambda folder: folder.path.name)
    return names


@pytest.fixture
def with_average(tmp_path, recipe_file):
    average = tmp_path / "average.toml"
    average.write_text(AVERAGE.format(runs=tmp_path / "runs"))
    return [average, recipe_file("one"), recipe_file("two")]


def test_ensembles_are_trained_after_what_they_average_and_stand_where_they_are_given(
    tmp_path, table, with_average, trained, capsys
):
    assert compare(with_average, table, runs=tmp_path / "runs") == ["average", "one", "two"]
    assert trained == ["one", "two", "average"]
    assert capsys.readouterr().err == "one, 1 of 3\ntwo, 2 of 3\naverage, 3 of 3\n"


def test_further_processes_train_and_leave_the_rest_to_the_first(
    tmp_path, table, with_average, trained, monkeypatch, capsys
):
    monkeypatch.setattr(comparison, "process_rank", lambda: 1)
    assert compare(with_average, table, runs=tmp_path / "runs") == []
    assert trained == ["one", "two"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["runs/a1", "runs/a2", "runs/b"], ["a in a1", "a in a2", "b"]),
        (["here/a", "there/a", "a"], ["a in here/a", "a in there/a", "a in a"]),
    ],
)
def test_runs_of_one_recipe_are_told_apart(runs, names):
    rows = [row(run) for run in runs]
    assert told_apart(rows) == names
    (axes,) = comparison_figure(rows).axes
    assert [text.get_text() for text in axes.texts] == [f"{name} (test)" for name in names]


def test_the_plot_says_which_head_where_they_differ():
    (axes,) = comparison_figure([row("a"), row("b", "raf6", "multi", "tuned_macro_f1")]).axes
    assert [text.get_text() for text in axes.texts] == ["a (fer7, test)", "b (raf6, test)"]


def test_milliseconds_are_plain_numbers():
    figure = comparison_figure([replace(row("a"), latency_ms=0.014), replace(row("b"), latency_ms=0.04)])
    figure.canvas.draw()
    (axes,) = figure.axes
    labels = [text.get_text() for which in (False, True) for text in axes.get_xticklabels(minor=which)]
    assert {"0.02", "0.04"} <= set(labels)


def test_scores_of_validation_and_test_are_told_apart(tmp_path, table, recipe_file):
    changes, runs = ["loop.epochs=1"], tmp_path / "runs"
    (tested,) = compare([recipe_file("tested")], table, runs=runs, changes=changes)
    (chosen,) = compare([recipe_file("chosen")], table, runs=runs, changes=[*changes, "data.test=''"])
    (axes,) = comparison_figure([tested, chosen]).axes
    assert [text.get_text() for text in axes.texts] == ["tested (test)", "chosen (validation)"]


def test_a_run_that_was_ended_before_it_was_scored(tmp_path, table, recipe_file):
    runs = tmp_path / "runs"
    compare([recipe_file()], table, runs=runs, changes=["loop.epochs=1"])
    (runs / "small" / "scores.csv").unlink()
    with pytest.raises(WeightsError, match=r"small: was ended before it was scored .*go on with `mien train --resume`"):
        compare([runs / "small"], None)


def test_a_run_of_other_pictures_is_not_compared(tmp_path, table, other_table, recipe_file):
    runs, changes = tmp_path / "runs", ["loop.epochs=1"]
    path = recipe_file()
    compare([path], table, runs=runs, changes=changes)
    for given, set_ in ((path, changes), (runs / "small", ())):
        with pytest.raises(
            RecipeError, match=r"small: has other pictures for training than .*drawn\.parquet; give the"
        ):
            compare([given], other_table, runs=runs, changes=set_)
    (runs / "small" / "run.json").unlink()  # an earlier version's says nothing of pictures
    assert len(compare([path], other_table, runs=runs, changes=changes)) == 1


def test_a_recipe_that_somebody_wrote_is_not_overwritten(tmp_path, table, recipe_file):
    (tmp_path / "runs" / "small").mkdir(parents=True)
    mine = recipe_file().rename(tmp_path / "runs" / "small" / "recipe.toml")
    with pytest.raises(UsageError, match=r"recipe\.toml: a run in .*small would write its own recipe over this one"):
        compare([mine], table, runs=tmp_path / "runs")


def test_the_size_is_what_arithmetic_says():
    recipe = Recipe(name="a", heads={"fer7": {}}, model={"kind": "mlp", "dense": [{"units": 10, "batch_norm": False}]})
    size = network_size(build_network(recipe), recipe)
    assert size.parameters == 48 * 48 * 10 + 10 + 10 * 7 + 7
    assert size.multiply_adds == 48 * 48 * 10 + 10 * 7

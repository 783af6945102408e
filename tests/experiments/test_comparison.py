import csv

import pytest

from mien.errors import RecipeError, UsageError, WeightsError
from mien.experiments.comparison import compare, comparison_figure, write_comparison
from mien.experiments.size import network_size
from mien.training.networks.building import build_network
from mien.training.recipe import Recipe

pytestmark = pytest.mark.filterwarnings("ignore")


def test_recipes_are_trained_once_and_compared(tmp_path, table, recipe_file):
    files = [recipe_file("one"), recipe_file("two")]
    runs = tmp_path / "runs"
    with pytest.raises(UsageError, match="holds no finished run of it; give the pictures with --data"):
        compare(files, None, runs=runs)
    rows = compare(files, table, runs=runs)
    trained = (runs / "one" / "best.safetensors").stat().st_mtime_ns
    again = compare([runs / "one", files[1]], None, runs=runs)
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

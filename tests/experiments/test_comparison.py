import csv

import pytest

from mien.errors import UsageError, WeightsError
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


def test_the_size_is_what_arithmetic_says():
    recipe = Recipe(name="a", heads={"fer7": {}}, model={"kind": "mlp", "dense": [{"units": 10, "batch_norm": False}]})
    size = network_size(build_network(recipe), recipe)
    assert size.parameters == 48 * 48 * 10 + 10 + 10 * 7 + 7
    assert size.multiply_adds == 48 * 48 * 10 + 10 * 7

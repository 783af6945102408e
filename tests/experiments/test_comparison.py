import csv

import pytest

from mien.errors import UsageError
from mien.experiments.comparison import compare, write_comparison
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


def test_the_size_is_what_arithmetic_says():
    recipe = Recipe(name="a", heads={"fer7": {}}, model={"kind": "mlp", "dense": [{"units": 10, "batch_norm": False}]})
    size = network_size(build_network(recipe), recipe)
    assert size.parameters == 48 * 48 * 10 + 10 + 10 * 7 + 7
    assert size.multiply_adds == 48 * 48 * 10 + 10 * 7

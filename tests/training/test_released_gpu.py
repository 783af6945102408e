"""The three rounds of the released models, with small networks on the CPU."""

from importlib import import_module
from pathlib import Path

import pytest

from mien.training.weights_file import how_trained

SCRIPT = Path(__file__).parents[2] / "recipes" / "released_gpu.py"


@pytest.fixture
def rounds(monkeypatch, tmp_path, drawn_samples, small_recipe):
    """Return a function that goes through the rounds in a folder; it returns who was taught by how many, in order."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    module = import_module("released_gpu")
    monkeypatch.setattr(module, "read_recipe", lambda path, changes=(): small_recipe(1, f"name={path.stem}", *changes))
    seen = []

    class Looked(module.Classroom):
        def __init__(self, recipes, training, validation, *, teachers, device):
            seen.append(([recipe.name for recipe in recipes], len(teachers)))
            super().__init__(recipes, training, validation, teachers=teachers, device=device)

    monkeypatch.setattr(module, "Classroom", Looked)

    def run(**more):
        seen.clear()
        module.make(drawn_samples, drawn_samples, seconds=0.01, output=tmp_path / "out", **more)
        return list(seen)

    return run


def test_teachers_then_a_first_base_then_the_pupils(rounds, tmp_path, capsys):
    last = (["mien-base", "mien-small"], 1)
    assert rounds() == [(["teacher-senet", "teacher-resnet", "teacher-vgg"], 0), (["mien-base"], 3), last]
    weights = {file.stem: file for file in (tmp_path / "out").iterdir()}
    assert sorted(weights) == [
        *["mien-base", "mien-base-first", "mien-small"],
        *["teacher-resnet", "teacher-senet", "teacher-vgg"],
    ]
    assert {file.suffix for file in weights.values()} == {".safetensors"}  # no checkpoint is left
    assert how_trained(weights["mien-small"]).partition(" epochs on ")[0].isdigit()
    weights["mien-small"].unlink()
    assert rounds() == [last]
    assert capsys.readouterr().out.count("there already") == 2
    weights["mien-base"].unlink()
    assert rounds(first=weights["mien-base-first"]) == [last]

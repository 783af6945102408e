import sys

import numpy as np
import pytest

from mien.data import samples as samples_in_memory


def test_without_the_extra_it_is_named(mien, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    for command in (["train", "r.toml"], ["export", "run", "--output", "x.onnx"]):
        code, _, err = mien(*command, "--data", tmp_path / "d.parquet")
        assert code == 1
        assert "pip install 'mien[train]'" in err


@pytest.mark.filterwarnings("ignore")
def test_wrong_recipe_or_data_stops_before_the_work(mien, tmp_path):
    recipe = tmp_path / "r.toml"
    code, _, err = mien("train", recipe, "--data", tmp_path / "none.parquet")
    assert (code, "no such recipe" in err) == (2, True)
    recipe.write_text("name = 'a'\nsede = 3\n")
    code, _, err = mien("train", recipe, "--data", tmp_path / "none.parquet")
    assert (code, "Did you mean 'seed'?" in err) == (2, True)
    recipe.write_text("name = 'a'\n")
    code, _, err = mien("train", recipe, "--data", tmp_path / "none.parquet", "--output", tmp_path / "run")
    assert (code, "none.parquet: no such file" in err) == (1, True)
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore")
def test_train_export_and_use(mien, astronaut, shared, tmp_path, monkeypatch):
    """The whole making of a model, small: recipe to run, run to file, file to answer."""
    original = samples_in_memory.read_samples

    def first_of_each(path, *, spec, splits):
        found = original(path, spec=spec, splits=splits)
        return found.take(np.concatenate([np.flatnonzero(found.split == split)[:64] for split in splits]))

    monkeypatch.setattr(samples_in_memory, "read_samples", first_of_each)
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        "name = 'tiny'\n[model]\nwidths = [8, 8]\ndepths = [1, 1]\n"
        "[optimiser]\nbatch = 32\nepochs = 1\nwarmup_epochs = 0\n"
    )
    data = shared / "data" / "fer2013.parquet"
    code, out, err = mien("train", recipe, "--data", data, "--output", tmp_path / "run")
    assert code == 0, err
    assert "next: mien export" in out
    code, out, err = mien("export", tmp_path / "run", "--data", data, "--output", tmp_path / "tiny.onnx")
    assert code == 0, err
    code, out, _ = mien("models", "show", tmp_path / "tiny.onnx")
    assert "tiny" in out
    code, out, _ = mien("analyze", astronaut, "--model", tmp_path / "tiny.onnx", "-d", "haar")
    assert "1 face in 1 picture" in out

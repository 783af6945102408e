import csv
import json

import pytest
import torch
from safetensors.torch import load_file

from mien.errors import OutputError, RecipeError, WeightsError
from mien.training.lesson import Lesson
from mien.training.run import load_network, train

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning warns about what small tests do on purpose


@pytest.fixture
def halves(drawn_samples):
    return drawn_samples.of_split("Training"), drawn_samples.of_split("PublicTest")


def curve(run):
    with (run / "curves" / "metrics.csv").open(newline="") as file:
        return [(row["epoch"], row["val/loss"]) for row in csv.DictReader(file) if row["val/loss"]]


class KilledError(Exception):
    pass


def test_a_run_leaves_what_is_needed_and_goes_on_where_it_was_killed(tmp_path, small_recipe, halves, monkeypatch):
    recipe = small_recipe(3)
    whole = train(recipe, *halves, tmp_path / "whole")
    facts = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert 0 <= facts["epoch"] < 3
    assert len(curve(tmp_path / "whole")) == 3

    original = Lesson.on_train_epoch_start

    def killed(self):
        if self.current_epoch == 2:
            raise KilledError
        original(self)

    monkeypatch.setattr(Lesson, "on_train_epoch_start", killed)
    with pytest.raises(KilledError):
        train(recipe, *halves, tmp_path / "broken")
    monkeypatch.setattr(Lesson, "on_train_epoch_start", original)
    with pytest.raises(WeightsError, match="holds no finished run"):
        load_network(tmp_path / "broken", channels=1)
    with pytest.raises(OutputError, match="go on with --resume"):
        train(recipe, *halves, tmp_path / "broken")
    resumed = train(recipe, *halves, tmp_path / "broken", resume=True)
    first, second = load_file(whole), load_file(resumed)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert curve(tmp_path / "broken")[-1] == curve(tmp_path / "whole")[-1]

    read, network = load_network(tmp_path / "whole", channels=1)
    assert read.name == "small"
    assert not network.training


def test_another_recipe_cannot_go_on(tmp_path, small_recipe, halves):
    train(small_recipe(1), *halves, tmp_path / "run")
    with pytest.raises(RecipeError, match="is not the recipe that"):
        train(small_recipe(2), *halves, tmp_path / "run", resume=True)


def test_a_folder_that_cannot_be_written(tmp_path, small_recipe, halves):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        train(small_recipe(1), *halves, tmp_path / "file" / "run")

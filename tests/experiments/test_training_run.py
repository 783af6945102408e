import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from mien.errors import DataError, RecipeError
from mien.evaluation.predictions_file import read_predictions
from mien.experiments.finishing import finish_run, read_scores
from mien.experiments.roles import digests_of_roles, read_roles
from mien.experiments.training_run import run_recipe
from mien.inference.session import Session
from mien.training.curves import read_curves
from mien.training.recipe_files import read_recipe
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import digests_of, known_pictures

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning warns about what small tests do on purpose


def test_a_run_leaves_model_predictions_scores_and_pictures(tmp_path, table, recipe_file):
    folder, scores = run_recipe(read_recipe(recipe_file()), table, tmp_path / "run")
    card = Session(folder.model).card
    assert [head.name for head in card.heads] == ["fer7", "raf6"]
    assert card.head("fer7").temperature != 1
    assert len(card.head("raf6").thresholds) == 6
    assert json.loads(folder.card.read_text())["name"] == "small"
    test = read_predictions(folder.predictions("test", "fer7"))
    assert len(test) == 24
    assert len(read_predictions(folder.predictions("validation", "raf6"))) == 24
    (accuracy,) = [s for s in scores if (s.role, s.head, s.metric) == ("test", "fer7", "accuracy")]
    assert accuracy.estimate.value == pytest.approx((test.scores.argmax(1) == test.targets).mean())
    assert [(s.role, s.head, s.metric, s.n) for s in read_scores(folder.scores)] == [
        (s.role, s.head, s.metric, s.n) for s in scores
    ]
    assert set(csv.DictReader(folder.scores.open()).fieldnames) >= {"sha256", "data", "device", "commit", "date"}
    for name in ("curves.png", "confusion-test-fer7.png", "confusion-validation-fer7.png"):
        assert (folder.path / name).read_bytes().startswith(b"\x89PNG")
    assert not (folder.path / "confusion-test-raf6.png").exists()


def test_finishing_again_gives_the_same_predictions(tmp_path, table, recipe_file):
    recipe = read_recipe(recipe_file())
    folder, first = run_recipe(recipe, table, tmp_path / "run")
    before = folder.predictions("test", "fer7").read_bytes()
    folder.predictions("test", "fer7").unlink()
    _, again = run_recipe(recipe, table, tmp_path / "run", resume=True)
    assert [s.estimate for s in again] == [s.estimate for s in first]
    assert len(folder.predictions("test", "fer7").read_bytes()) == len(before)


def test_a_finished_run_is_not_overwritten_with_other_pictures(tmp_path, table, other_table, recipe_file):
    recipe = read_recipe(recipe_file(), ["loop.epochs=1"])
    folder, _ = run_recipe(recipe, table, tmp_path / "run")
    before = folder.model.read_bytes(), folder.scores.read_bytes()
    with pytest.raises(RecipeError, match=r"run: was started with other pictures for training; go on with the same"):
        run_recipe(recipe, other_table, folder.path, resume=True)
    roles = read_roles(recipe, table)
    with pytest.raises(RecipeError, match=r"run: was started with other pictures for test; "):
        finish_run(folder, roles | {"test": read_roles(recipe, other_table)["test"]}, data=table)
    with pytest.raises(RecipeError, match=r"run: was scored on pictures for test, of which there are none here; "):
        finish_run(folder, {"validation": roles["validation"]}, data=table)
    assert (folder.model.read_bytes(), folder.scores.read_bytes()) == before
    assert known_pictures(folder) == digests_of_roles(recipe, table)


def test_a_head_without_answers_on_test_is_told_before_the_training(tmp_path, table_without_votes_on_test, recipe_file):
    recipe = read_recipe(recipe_file(), ["loop.epochs=1"])
    problem = r"split 'PrivateTest' for test: none of the 24 pictures has a label for head 'raf6' .*--set data\.test=''"
    with pytest.raises(DataError, match=problem):
        run_recipe(recipe, table_without_votes_on_test, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    none = read_recipe(recipe_file(), ["loop.epochs=1", "data.test=''"])
    assert run_recipe(none, table_without_votes_on_test, tmp_path / "run")[1]


def test_a_head_without_answers_on_validation_is_told_before_the_training(tmp_path, table_without_votes_on_test):
    path = tmp_path / "votes.toml"
    path.write_text("name = 'votes'\n[heads.ferplus8]\ntarget = 'votes'\nlabels = ['neutral', 'contempt']")
    recipe = read_recipe(path, ["loop.epochs=1"])  # learns from votes, and the table has no label that it could be
    with pytest.raises(DataError, match=r"split 'PublicTest' for validation: .*lacks contempt; choose another split"):
        run_recipe(recipe, table_without_votes_on_test, tmp_path / "run")


def test_digests_need_no_picture(table, recipe_file):
    for changes in ([], ["data.limit=10"], ["data.test=''"]):
        recipe = read_recipe(recipe_file(), changes)
        assert digests_of_roles(recipe, table) == digests_of(read_roles(recipe, table))


def test_a_fixed_threshold_is_kept(tmp_path, table, recipe_file):
    recipe = read_recipe(recipe_file(), ["heads.raf6.threshold=0.4"])
    folder, _ = run_recipe(recipe, table, tmp_path / "run")
    assert Session(folder.model).card.head("raf6").thresholds == (0.4,) * 6


def test_a_share_of_the_data(table, recipe_file):
    roles = read_roles(read_recipe(recipe_file(), ["data.limit=10"]), table)
    assert {role: len(samples) for role, samples in roles.items()} == dict.fromkeys(
        ("training", "validation", "test"), 10
    )
    again = read_roles(read_recipe(recipe_file(), ["data.limit=10"]), table)
    assert np.array_equal(roles["training"].ids, again["training"].ids)


@pytest.mark.parametrize("role", ["training", "validation", "test"])
def test_a_split_that_the_table_lacks(table, recipe_file, role):
    with pytest.raises(DataError, match=rf"no split 'val' for {role}; there are .* with data\.{role} in the recipe"):
        read_roles(read_recipe(recipe_file(), [f"data.{role}=val"]), table)


def test_a_table_without_the_usual_test_is_told(tmp_path, table_without_test, recipe_file, capsys):
    _, scores = run_recipe(read_recipe(recipe_file(), ["loop.epochs=1"]), table_without_test, tmp_path / "run")
    assert {score.role for score in scores} == {"validation"}
    assert "has no split 'PrivateTest', so nothing is scored on test\n" in capsys.readouterr().err


def test_two_processes_train_together(tmp_path, table, recipe_file):
    """Two processes on the CPU, started by Lightning's own launcher, as two GPUs would be."""
    command = [sys.executable, "-m", "mien", "train", str(recipe_file()), "--data", str(table)]
    two = ["--output", str(tmp_path / "two"), "--set", "loop.devices=2", "--set", "loop.device=cpu"]
    done = subprocess.run([*command, *two], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    folder = RunFolder(tmp_path / "two")
    assert read_curves(folder.curves).epochs == (1, 2)
    assert read_scores(folder.scores)
    assert done.stdout.count("use it: mien analyze") == 1

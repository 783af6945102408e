"""A finished run has its pictures: what has others does not take its place."""

import json

import numpy as np
import pytest

from mien.errors import RecipeError
from mien.training.run import train
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import check_pictures, digests_of, keep_pictures, known_pictures

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning warns about what small tests do on purpose


@pytest.fixture
def halves(drawn_samples):
    return drawn_samples.of_split("Training"), drawn_samples.of_split("PublicTest")


def turned(samples):
    return samples.take(np.arange(len(samples))[::-1])


def test_a_finished_run_has_its_pictures(tmp_path, small_recipe, halves):
    recipe, (training, validation) = small_recipe(1), halves
    folder = train(recipe, training, validation, tmp_path / "run")
    assert known_pictures(folder) == digests_of({"training": training, "validation": validation})
    with pytest.raises(RecipeError, match=r"run: was started with other pictures for training; .*another --output"):
        train(recipe, turned(training), validation, folder.path, resume=True)
    with pytest.raises(RecipeError, match=r"run: was started with other pictures for validation"):
        train(recipe, training, turned(validation), folder.path, resume=True)
    assert train(recipe, training, validation, folder.path, resume=True) == folder


def test_a_run_of_an_earlier_version_does_not_say(tmp_path, small_recipe, halves):
    recipe, (training, validation) = small_recipe(1), halves
    folder = train(recipe, training, validation, tmp_path / "run")
    facts = json.loads(folder.facts.read_text())
    del facts["pictures"]
    for text in (json.dumps(facts), "{", "[]"):
        folder.facts.write_text(text)
        assert train(recipe, turned(training), validation, folder.path, resume=True) == folder


def test_an_ensemble_has_its_pictures(tmp_path, small_recipe, halves):
    training, validation = halves
    member = train(small_recipe(1), training, validation, tmp_path / "member")
    both = small_recipe(1, model=f"kind = 'ensemble'\nmembers = {[str(member.path)] * 2}")
    folder = train(both, training, validation, tmp_path / "both")
    with pytest.raises(RecipeError, match=r"both: was started with other pictures for validation"):
        train(both, training, turned(validation), folder.path, resume=True)


def test_what_is_kept_is_added_to_what_is_there(tmp_path):
    folder = RunFolder(tmp_path)
    folder.facts.write_text('{"epoch": 3, "pictures": {"training": "a"}}')
    keep_pictures(folder, {"test": "b"})
    assert json.loads(folder.facts.read_text()) == {"epoch": 3, "pictures": {"training": "a", "test": "b"}}
    check_pictures(folder, {"training": "a", "validation": "c"})
    with pytest.raises(RecipeError, match=r"other pictures for test"):
        check_pictures(folder, {"test": "c"})

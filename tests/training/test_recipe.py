from pathlib import Path

import pytest

from mien.errors import RecipeError
from mien.training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_of_the_repository_are_right(path):
    assert read_recipe(path).name == path.stem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 'a'\n[optimiser]\nepoch = 3", r"unknown key 'optimiser\.epoch'.*Did you mean 'epochs'\?"),
        ("name = 'a'\n[optimizer]\nepochs = 3", r"unknown key 'optimizer'.*Did you mean 'optimiser'\?"),
        ("name = 'a'\n[optimiser]\nepochs = 0", r"optimiser\.epochs = 0: .*greater than 0"),
        ("name = 'a'\n[model]\nkind = 'resnet'", r"model\.kind = 'resnet'"),
        ("seed = 1", "name"),
        ("name = 'A B'", "name"),
        ("name = ", "is not a recipe in TOML"),
    ],
)
def test_wrong_recipes_are_explained_in_one_line(tmp_path, text, problem):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=problem) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_recipe(tmp_path):
    with pytest.raises(RecipeError, match="no such recipe"):
        read_recipe(tmp_path / "none.toml")

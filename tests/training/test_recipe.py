from pathlib import Path

import pytest

from mien.errors import RecipeError
from mien.training.recipe import Recipe
from mien.training.recipe_files import read_recipe, write_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_of_the_repository_are_right(path):
    assert read_recipe(path).name == path.stem


HEADS = "name = 'a'\n[heads.fer7]\n"
MULTI = HEADS + "task = 'multi'\ntarget = 'votes'\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEADS + "[loop]\nepoch = 3", r"unknown key 'loop\.epoch'.*Did you mean 'epochs'\?"),
        (HEADS + "[optimizer]\nepochs = 3", r"unknown key 'optimizer'.*Did you mean 'optimiser'\?"),
        (
            HEADS + "[heads.ferplus8]\ntargets = 'votes'",
            r"unknown key 'heads\.ferplus8\.targets'.*Did you mean 'target'",
        ),
        (HEADS + "[model]\nkind = 'cnn'\nstage = [[8]]", r"unknown key 'model\.stage'.*Did you mean 'stages'\?"),
        (
            HEADS + "[model]\nkind = 'mlp'\ndense = [{ unit = 8 }]",
            r"unknown key 'model\.dense\.0\.unit'.*Did you mean 'units'\?",
        ),
        (HEADS + "[loop]\nepochs = 0", r"loop\.epochs = 0: .*greater than 0"),
        (HEADS + "[model]\nkind = 'resnet'", r"model.*'resnet'.*'compact', 'lean', 'cnn', 'mlp', 'timm', 'ensemble'"),
        (HEADS + "target = 'present'", r"heads\.fer7: a single head learns from label or votes, not from present"),
        (HEADS + "labels = 'fer9'", r"'fer9' is no label set"),
        (
            HEADS + "task = 'multi'\ntarget = 'votes'\nlabels = 'ferplus8'\nprior_power = 0.5",
            r"heads\.fer7: prior_power is for heads of one label; a multi head has thresholds",
        ),
        (HEADS + "[data]\nshares = { not_face = 0.6, anger = 0.4 }", r"data\.shares.*leave something for other labels"),
        (HEADS + "[model]\nkind = 'cnn'\n[loop]\nsides = [32, 48]", "networks that pool, compact or lean, not cnn"),
        (HEADS + "[teacher]\neach_batch = true\n[loop]\nsides = [32, 48]", "look at whole crops: leave loop.sides out"),
        (HEADS + "[augmentation]\nmixup = 0.8\ncutmix = 0.4", "together they may be 1 at most"),
        ("name = 'a'\n[heads.'a.b']", r"heads: 'a\.b' is no name for a head; use letters, digits, blanks, - and _"),
        ("name = 'a'\n[heads.'a/b']", r"'a/b' is no name for a head"),
        ("name = 'a'\n[heads.type]\nlabels = 'fer7'", r"'type' is no name for a head: .*such as 'type-head'"),
        ("name = 'a'\n[heads.train]\nlabels = 'fer7'", r"'train' is no name for a head"),
        ("name = 'a'\n[heads.loss]\nlabels = 'fer7'", r"'loss' is no name for a head"),
        ("name = 'a'\n[heads.pixels]\nlabels = 'fer7'", r"'pixels' is no name for a head"),
        (HEADS + "labels = ['anger', 'fear', 'anger']", r"heads\.fer7: labels has 'anger' twice"),
        (HEADS + "[model]\nwidths = [0, 8]\ndepths = [1, 1]", r"model\.widths\.0 = 0: .*greater than 0"),
        (HEADS + "[model]\nwidths = []\ndepths = []", r"model\.widths = \[\]: .*at least 1"),
        (HEADS + "[model]\nkind = 'cnn'\nstages = [[8], [-8]]", r"model\.stages\.1\.0 = -8: .*greater than 0"),
        ("seed = 100000000000000000000\n" + HEADS, r"seed = 1.*less than 4294967296"),
        ("name = 'a'", "heads"),
        ("seed = 1", "name"),
        (
            "name = 'Mein_Modell'\n[heads.fer7]",
            "name = 'Mein_Modell': .*small letters, digits and hyphens, .*'mein-modell'",
        ),
        ("name = 3\n[heads.fer7]", "name = 3: Input should be a valid string"),
        ("name = 'a'\n[head.fer7]", r"unknown key 'head': .*Did you mean 'heads'\?"),
        (
            "name = 'a'\n[heads.mlp]\nlabls = 'fer7'\n[model]\nkind = 'mlp'",
            r"unknown key 'heads\.mlp\.labls': .*Did you mean 'labels'\?",
        ),
        (HEADS + "[model]\nkind = 'timm'", r"model\.backbone: Field required"),
        (HEADS + "labels = 5", r"heads\.fer7\.labels = 5: Input should be a valid string, or a valid list"),
        (HEADS + "labels = ['anger', 5]", r"heads\.fer7\.labels\.1 = 5: Input should be a valid string"),
        (HEADS + "labels = { a = 1 }", r"heads\.fer7\.labels: Input should be a valid string, or a valid list"),
        (HEADS + "labels = []", r"heads\.fer7: labels has none; a single head tells 2 or more apart"),
        (HEADS + "labels = ['anger']", r"heads\.fer7: labels has 1; a single head tells 2 or more apart"),
        (MULTI + "threshold = 'abc'", r"heads\.fer7\.threshold = 'abc': .*a valid number, .*, or 'tuned'"),
        (MULTI + "threshold = 5", r"heads\.fer7\.threshold = 5: .*less than or equal to 1, or 'tuned'"),
        (HEADS + "threshold = 0.4", r"heads\.fer7: threshold is for heads of several labels and gates"),
        (HEADS + "[loop]\nepochs = true", "loop: epochs takes neither true nor false"),
        (HEADS + "[loop]\nsides = [32, true]", "loop: sides takes neither true nor false"),
        (HEADS + "[augmentation]\nerase_pixels = [20, 6]", r"augmentation: erase_pixels = \[20, 6\]: .*is longer"),
        (HEADS + "[augmentation]\nerase_pixels = [-3, 0]", r"augmentation\.erase_pixels\.0 = -3: .*equal to 1"),
        (HEADS + "[augmentation]\nerase_pixels = [60, 90]", r"augmentation\.erase_pixels\.0 = 60: .*equal to 48"),
        (
            HEADS + "[data]\nvalidation = 'Training'",
            r"data: training and validation are both 'Training'; name another split",
        ),
        (HEADS + "[data]\ntest = 'Training'", r"training and test are both 'Training'; .*--set data\.test=''"),
        (HEADS + "[data]\nvalidation = 'PrivateTest'", r"validation and test are both 'PrivateTest'; .*data\.test=''"),
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


@pytest.mark.parametrize("number", ["inf", "nan"])
@pytest.mark.parametrize(
    "key",
    [
        *(f"optimiser.{key}" for key in ("rate", "weight_decay", "clip", "warmup_epochs")),
        *("augmentation.mixup_alpha", "teacher.temperature", "heads.fer7.weight", "heads.fer7.focal_gamma"),
    ],
)
def test_numbers_of_a_recipe_are_finite(tmp_path, key, number):
    (tmp_path / "r.toml").write_text(HEADS)
    with pytest.raises(RecipeError, match=rf"{key} = {number}: Input should be a finite number"):
        read_recipe(tmp_path / "r.toml", [f"{key}={number}"])


def test_a_switch_is_a_switch(tmp_path):
    (tmp_path / "r.toml").write_text(HEADS)
    read = read_recipe(
        tmp_path / "r.toml", ["loop.compile=true", "model.kind=timm", "model.backbone=x", "data.test=''"]
    )
    assert (read.loop.compile, read.model.pretrained, read.data.test) == (True, True, "")


def test_a_precision_may_be_a_number():
    assert Recipe(name="a", heads={"fer7": {}}, loop={"precision": 32}).loop.precision == "32"


def test_missing_recipe(tmp_path):
    with pytest.raises(RecipeError, match=r"no such recipe"):
        read_recipe(tmp_path / "none.toml")


def test_values_of_the_command_line_take_the_place_of_the_files(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(HEADS)
    changes = ["loop.epochs=3", "model.kind=cnn", "model.stages=[[8], [16, 16]]", "optimiser.kind=adam", "seed = 4"]
    read = read_recipe(path, changes)
    assert (read.loop.epochs, read.optimiser.kind, read.seed) == (3, "adam", 4)
    assert read.model.stages == ((8,), (16, 16))
    with pytest.raises(RecipeError, match=r"unknown key 'loop\.epoch'.*Did you mean 'epochs'"):
        read_recipe(path, ["loop.epoch=3"])
    with pytest.raises(RecipeError, match=r"is not KEY=VALUE"):
        read_recipe(path, ["loop.epochs"])
    with pytest.raises(RecipeError, match=r"'name' is a value of the recipe"):
        read_recipe(path, ["name.x=1"])


def test_a_recipe_holds_what_differs_from_the_one_that_it_extends(tmp_path):
    (tmp_path / "base.toml").write_text(
        HEADS + "smoothing = 0.1\n[heads.ferplus8]\ntarget = 'votes'\n[loop]\nepochs = 9"
    )
    (tmp_path / "between.toml").write_text("extends = 'base.toml'\nseed = 3\n[loop]\nbatch = 8")
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "r.toml"
    path.write_text("extends = '../between.toml'\nname = 'b'\n[heads.fer7]\nsmoothing = 0.2")
    read = read_recipe(path, ["loop.epochs=7"])
    assert (read.name, read.seed, read.loop.epochs, read.loop.batch) == ("b", 3, 7, 8)
    assert list(read.heads) == ["fer7", "ferplus8"]
    assert read.heads["fer7"].smoothing == 0.2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("extends = 'none.toml'", r"none\.toml: no such recipe, which .*r\.toml extends"),
        ("extends = 3", r"extends = 3: is not the path of a recipe"),
        ("extends = 'r.toml'", r"extends r\.toml, which extends it again"),
        ("extends = 'other.toml'", r"other\.toml: extends r\.toml, which extends it again"),
    ],
)
def test_what_cannot_be_extended_is_said(tmp_path, text, problem):
    (tmp_path / "r.toml").write_text(text)
    (tmp_path / "other.toml").write_text("extends = 'r.toml'")
    with pytest.raises(RecipeError, match=problem):
        read_recipe(tmp_path / "r.toml")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_what_is_written_is_read_again(path, tmp_path):
    recipe = read_recipe(path)
    write_recipe(recipe, tmp_path / "again.toml")
    assert read_recipe(tmp_path / "again.toml") == recipe


def test_the_written_recipe_spells_out_every_default(tmp_path):
    write_recipe(Recipe(name="a", heads={"fer7": {}}), tmp_path / "a.toml")
    text = (tmp_path / "a.toml").read_text()
    assert "[heads.fer7]" in text
    assert "weight_decay = 0.0005" in text


def test_words_of_any_kind_are_read_again(tmp_path):
    recipe = Recipe(
        name="a",
        about='a face 😀, "quoted", C:\\faces\n\ttab \x7f \x01 é',
        heads={"gefühl": {"labels": ("😀", "not face")}, "my head": {"labels": "fer7", "threshold": "tuned"}},
        data={"shares": {"not face": 0.1, "ärger": 0.05, "a.b": 0.01, "": 0.01, "plain": 0.01}},
        model={"kind": "mlp", "dense": [{"units": 8}]},
        optimiser={"weight_decay": 1e-7},
    )
    write_recipe(recipe, tmp_path / "a.toml")
    assert read_recipe(tmp_path / "a.toml") == recipe

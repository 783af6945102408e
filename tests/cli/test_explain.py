import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.labels import FER7

RECIPE = Path(__file__).parents[2] / "recipes" / "mien-compact.toml"


def test_the_explained_picture_is_written(mien, astronaut, tmp_path):
    target = tmp_path / "why.png"
    code, out, _ = mien("explain", astronaut, "-d", "haar", "--output", target)
    assert code == 0
    assert "face 1: happiness" in out
    assert "mouth" in out
    with Image.open(target) as picture, Image.open(astronaut) as before:
        assert picture.size == before.size
        assert (np.asarray(picture) != np.asarray(before.convert("RGB"))).any()


def test_without_a_face_nothing_is_said_to_be_explained(mien, tmp_path):
    Image.new("RGB", (100, 100)).save(tmp_path / "blank.png")
    code, out, _ = mien("explain", tmp_path / "blank.png", "-d", "haar", "--output", tmp_path / "why.png")
    assert (code, out.count("\n")) == (0, 1)
    assert "so there is nothing to explain" in out
    assert (tmp_path / "why.png").is_file()


def test_an_unsure_answer_is_called_so(mien, astronaut, tmp_path, monkeypatch):
    monkeypatch.setattr("mien.model_card.Head.is_unsure", lambda *_: True)
    words = ("explain", astronaut, "-d", "haar", "--method", "occlusion", "--output", tmp_path / "why.png")
    assert "face 1: unsure, happiness" in mien(*words)[1]
    assert "face 1: anger" in mien(*words, "--label", "anger")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "lime"), "unknown method 'lime': it is one of rise, occlusion, grad-cam"),
        (("--method", "grad-cam"), "--method grad-cam and --run DIR belong together"),
        (("--run", "runs/x"), "--method grad-cam and --run DIR belong together"),
        (("--output", "why.txt"), "a picture is saved as .png, .jpg or .webp"),
        (("--label", "joke", "-d", "haar"), "unknown label of head fer7 'joke'"),
    ],
)
def test_wrong_questions_are_one_line(mien, astronaut, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = mien("explain", astronaut, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_a_picture_that_is_too_long_for_the_kind_of_file(mien, tmp_path):
    Image.new("RGB", (17_000, 30)).save(tmp_path / "long.png")
    code, _, err = mien("explain", tmp_path / "long.png", "-d", "haar", "-o", tmp_path / "why.webp")
    assert (code, err.count("\n")) == (2, 1)
    assert "17000 x 30 is too large for such a file; choose a name in .png" in err
    assert not (tmp_path / "why.webp").exists()


def test_the_picture_itself_is_not_written_over(mien, astronaut, tmp_path):
    picture = tmp_path / "face.jpg"
    shutil.copy(astronaut, picture)
    code, _, err = mien("explain", picture, "-d", "haar", "-o", tmp_path / "." / "face.jpg")
    assert (code, "is the picture itself" in err) == (2, True)
    assert picture.read_bytes() == astronaut.read_bytes()


@pytest.fixture
def run(tmp_path):
    """A run with random weights: what is tested is the way from the folder to the picture."""
    pytest.importorskip("torch")
    pytest.importorskip("captum")
    from safetensors.torch import save_file

    from mien.training.networks.building import build_network
    from mien.training.recipe_files import read_recipe

    def make(recipe, *changes):
        folder = tmp_path / "run"
        folder.mkdir()
        text = recipe.read_text()
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (folder / "recipe.toml").write_text(text)
        network = build_network(read_recipe(folder / "recipe.toml"), load=False)
        save_file(network.state_dict(), folder / "best.safetensors")
        return folder

    return make


def test_gradients_of_a_run(mien, astronaut, tmp_path, run):
    run = run(RECIPE)
    target = tmp_path / "why.png"
    code, out, err = mien("explain", astronaut, "-d", "haar", "--method", "grad-cam", "--run", run, "-o", target)
    assert (code, err) == (0, "")
    assert "face 1: happiness" in out
    assert target.is_file()


def test_gradients_of_a_network_that_looks_at_the_mirror_image_too(mien, astronaut, tmp_path, run):
    words = ("explain", astronaut, "-d", "haar", "--method", "grad-cam", "-o", tmp_path / "why.png")
    code, _, err = mien(*words, "--run", run(RECIPE, ("mirrored = false", "mirrored = true")))
    assert (code, err) == (0, "")


OTHER_ORDER = (("[heads.fer7]", f"[heads.fer7]\nlabels = {list(reversed(FER7.labels))}"),)


@pytest.mark.parametrize(
    ("changes", "words", "message"),
    [
        ((), ("--labels", "multilabel8"), "has the heads fer7, ferplus8, not multilabel8; give the run that"),
        (
            OTHER_ORDER,
            (),
            "its head fer7 has the labels neutral, surprise, sadness, happiness, fear, disgust, anger, the model",
        ),
        ((("[model]", '[crop]\ncolor = "rgb"\n[model]'),), (), "crops of 3 x 48 x 48, the model's have 1 x 48 x 48"),
    ],
)
def test_the_run_of_another_model(mien, astronaut, tmp_path, run, changes, words, message):
    given = ("explain", astronaut, "-d", "haar", "--method", "grad-cam", "-o", tmp_path / "why.png", *words)
    code, _, err = mien(*given, "--run", run(RECIPE, *changes))
    assert (code, err.count("\n")) == (2, 1)
    assert message in err

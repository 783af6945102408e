import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
        (("--label", "joy", "-d", "haar"), "unknown label of head fer7 'joy'"),
    ],
)
def test_wrong_questions_are_one_line(mien, astronaut, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = mien("explain", astronaut, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_gradients_of_a_run(mien, astronaut, tmp_path, monkeypatch):
    """A run with random weights: what is tested is the way from the folder to the picture."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("captum")
    from safetensors.torch import save_file

    from mien.training.networks.building import build_network
    from mien.training.recipe_files import read_recipe

    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(RECIPE, run / "recipe.toml")
    torch.manual_seed(0)
    save_file(build_network(read_recipe(run / "recipe.toml"), load=False).state_dict(), run / "best.safetensors")
    target = tmp_path / "why.png"
    code, out, err = mien("explain", astronaut, "-d", "haar", "--method", "grad-cam", "--run", run, "-o", target)
    assert (code, err) == (0, "")
    assert "face 1: happiness" in out
    assert target.is_file()

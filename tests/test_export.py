from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from scipy.special import softmax
from typer.testing import CliRunner

from mien import export
from mien.cli import app
from mien.errors import RecipeError, UsageError, WeightsError
from mien.evaluation.calibration import fit_temperature
from mien.evaluation.predictions import predict
from mien.evaluation.truths import truth_of
from mien.inference.scores import probabilities
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.model_card import FER2013_CROP, Head
from mien.training.networks.building import build_network
from mien.training.recipe_files import read_recipe
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import keep_pictures
from mien.training.starting import start_from
from mien.training.weights_file import write_weights

pytestmark = pytest.mark.filterwarnings("ignore")  # the exporter's own deprecations


TEXT = """name = "random"
about = "Noise."
[model]
widths = [8, 16]
depths = [1, 1]
[heads.fer7]
[heads.ferplus8]
target = "votes"
[heads.raf6]
task = "multi"
target = "votes"
"""


@pytest.fixture
def run(tmp_path):
    """A finished run whose weights and statistics are random but not trivial."""
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.recipe.write_text(TEXT)
    network = build_network(read_recipe(folder.recipe))
    network.train()
    generator = torch.Generator().manual_seed(0)
    network(torch.randint(0, 256, (64, 1, 48, 48), generator=generator))
    save_file(network.state_dict(), folder.weights)
    return folder


def test_the_file_is_whole_carries_its_card_and_says_what_pytorch_says(run, drawn_samples, tmp_path):
    target = tmp_path / "random.onnx"
    card = export.export_run(run.path, drawn_samples, target)
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".onnx", ".data")] == ["random.onnx"]
    session = Session(target)
    assert session.card == card
    assert card.crop == FER2013_CROP
    assert [head.temperature != 1 for head in card.heads] == [True, True, True]
    assert [head.thresholds is None for head in card.heads] == [True, True, False]
    assert 0 <= card.metrics["PublicTest, Training/fer7/accuracy"] <= 1
    _, network = export.load_network(run)
    expected = export.torch_logits(network, drawn_samples.crops)
    for name, found in zip(expected, session.logits(drawn_samples.crops, list(expected)), strict=True):
        apart = found - expected[name]  # of heads of votes and of several labels a constant for each label
        assert np.abs(apart - apart[0]).max() <= 1e-4
        assert name != "fer7" or np.abs(apart).max() <= 1e-4
    text = str(onnx.load(target).graph)
    assert str(tmp_path) not in text
    assert "site-packages" not in text


def test_a_file_that_differs_is_not_written(run, drawn_samples, tmp_path, monkeypatch):
    heads = {"fer7": 7, "ferplus8": 8, "raf6": 6}
    monkeypatch.setattr(
        export,
        "torch_logits",
        lambda network, crops: {name: np.full((len(crops), n), 9.0) for name, n in heads.items()},
    )
    with pytest.raises(WeightsError, match="differs from PyTorch"):
        export.export_run(run.path, drawn_samples, tmp_path / "random.onnx")
    assert not (tmp_path / "random.onnx").exists()


def test_an_answer_that_would_be_wrong_too_often_is_unsure(run, drawn_samples, tmp_path):
    _, network = export.load_network(run)
    right = export.torch_logits(network, drawn_samples.crops)["fer7"].argmax(axis=1)
    wrong = np.arange(len(right)) % 3 == 0
    codes = np.where(wrong, (right + 1) % 7, right)
    samples = replace(drawn_samples, fer7=codes, codes=codes)
    head = export.export_run(run.path, samples, tmp_path / "random.onnx").head("fer7")
    made = predict(Session(tmp_path / "random.onnx"), samples, head="fer7")
    assert head.unsure_error == pytest.approx(0.2)
    sure = made.scores.max(axis=1) >= head.unsure_below
    assert 0 < sure.sum() < len(sure)
    assert (made.scores.argmax(axis=1) != made.targets)[sure].mean() <= 0.2


def test_the_prior_is_divided_out_within_the_graph(run, drawn_samples, tmp_path):
    plain = export.export_run(run.path, drawn_samples, tmp_path / "plain.onnx")
    run.recipe.write_text(TEXT.replace("[heads.fer7]", "[heads.fer7]\nprior_power = 0.5"))
    export.export_run(run.path, drawn_samples, tmp_path / "even.onnx")
    before, after = (Session(tmp_path / name) for name in ("plain.onnx", "even.onnx"))
    (fer7, votes), (shifted, same) = (
        each.logits(drawn_samples.crops, ["fer7", "ferplus8"]) for each in (before, after)
    )
    assert np.abs(votes - same).max() < 1e-5
    assert np.abs((shifted - fer7) - (shifted - fer7)[0]).max() < 1e-5
    # At the temperature of the likelihood the probabilities are exactly those over the square root of the prior.
    head = Head("fer7", "single", plain.head("fer7").labels, fit_temperature(fer7, drawn_samples.fer7))
    prior = (np.bincount(drawn_samples.fer7, minlength=7) + 1) / (len(drawn_samples) + 7)
    expected = probabilities(fer7, head) / np.sqrt(prior)
    found = probabilities(shifted, head)
    assert found == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)


def test_labels_of_votes_become_as_likely_as_they_are(run, drawn_samples, tmp_path):
    _, network = export.load_network(run)
    before = export.torch_logits(network, drawn_samples.crops)["ferplus8"]
    card = export.export_run(run.path, drawn_samples, tmp_path / "random.onnx")
    session = Session(tmp_path / "random.onnx")
    after = session.logits(drawn_samples.crops, ["ferplus8"])[0]
    shift = (after - before)[0]
    assert np.abs(after - before - shift).max() < 1e-5
    right = truth_of(card.head("ferplus8"), drawn_samples)
    targets = right.targets[right.known]

    def unlikely(logits):
        scores = softmax(logits[right.known] / fit_temperature(logits[right.known], targets), axis=1)
        return -np.log(scores[np.arange(len(targets)), targets]).mean()

    assert unlikely(after) < unlikely(before) - 0.05


def test_the_shipped_file_is_what_pytorch_computes_on_500_real_faces(public_test):
    """The weights are read back out of the ONNX file, so the test needs no checkpoint of the training."""
    path = emotion_model("mien-compact")
    recipe = read_recipe(Path(__file__).parent.parent / "recipes" / "mien-compact.toml")
    network = build_network(recipe)
    crops = public_test.crops[:500]
    start_from(network, "mien-compact", crops)
    expected = export.torch_logits(network, crops)
    for name, found in zip(expected, Session(path).logits(crops, list(expected)), strict=True):
        assert np.abs(found - expected[name]).max() <= 1e-4


def test_int8_is_smaller_and_says_nearly_the_same(run, drawn_samples, tmp_path):
    card = export.export_run(run.path, drawn_samples, tmp_path / "random.onnx")
    small = export.export_run(run.path, drawn_samples, tmp_path / "int8.onnx", int8_with=drawn_samples)
    assert small.source == f"{card.source}, int8"
    assert [head.name for head in small.heads] == [head.name for head in card.heads]
    graph = onnx.load(tmp_path / "int8.onnx").graph
    kinds = [tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4]
    assert set(kinds) == {onnx.TensorProto.FLOAT, onnx.TensorProto.INT8}
    assert kinds.count(onnx.TensorProto.FLOAT) == 1  # the first convolution
    assert_no_cpu_cuts_sums_off(graph)
    before, after = (Session(tmp_path / name) for name in ("random.onnx", "int8.onnx"))
    names = [head.name for head in card.heads]
    for exact, rough in zip(*(each.logits(drawn_samples.crops, names) for each in (before, after)), strict=True):
        assert 0 < np.abs(rough - exact).max() < 0.2 * np.ptp(exact)
        assert np.corrcoef(exact.ravel(), rough.ravel())[0, 1] > 0.99


def assert_no_cpu_cuts_sums_off(graph):
    """CPUs without VNNI keep the sum of two products in 16 bits."""
    weights = [numpy_helper.to_array(each) for each in graph.initializer if each.data_type == onnx.TensorProto.INT8]
    convolutions = [each.astype(int) for each in weights if each.ndim == 4]
    assert convolutions
    for each in convolutions:
        assert 2 * 255 * np.abs(each).max() < 2**15
        assert np.abs(each).max() > 60  # the seven bits are made use of


@pytest.mark.parametrize("name", ["mien-base", "mien-small", "mien-nano"])
def test_shipped_int8_files_say_the_same_on_every_cpu(name):
    assert_no_cpu_cuts_sums_off(onnx.load(emotion_model(name)).graph)


@pytest.mark.parametrize("name", ["mien-base", "mien-small"])
def test_a_mirror_image_gets_the_same_answer(name, drawn_samples):
    session = Session(emotion_model(name))
    heads = [head.name for head in session.card.heads]
    mirrored = np.ascontiguousarray(drawn_samples.crops[..., ::-1])
    for one, other in zip(session.logits(drawn_samples.crops, heads), session.logits(mirrored, heads), strict=True):
        # Means are summed in another order, so here and there an activation is rounded to its neighbour.
        assert np.abs(one - other).mean() < 0.01 * one.std()


def test_weights_in_half_precision_are_exported_without_a_run(run, tmp_path, small_fer2013):
    halves = {name: value.half() if value.ndim > 1 else value for name, value in load_file(run.weights).items()}
    weights, target = tmp_path / "half.safetensors", tmp_path / "half.onnx"
    write_weights(weights, halves, trained="7 epochs on an abacus")
    arguments = ["--data", str(small_fer2013), "--output", str(target)]
    result = CliRunner().invoke(app, ["export", str(run.recipe), "--weights", str(weights), *arguments])
    assert result.exit_code == 0, result.output
    assert "seed 0, 7 epochs on an abacus, mien " in Session(target).card.source
    crops = np.random.default_rng(0).integers(0, 256, (4, 1, 48, 48), dtype=np.uint8)
    exact = export.torch_logits(export.load_network(run)[1], crops)
    for head, found in zip(exact, Session(target).logits(crops, list(exact)), strict=True):
        apart = found - exact[head]  # but for what export adds to each label
        assert np.abs(apart - apart.mean(axis=0)).max() < 0.02 * np.abs(exact[head]).max()

    for wrong in (tmp_path / "none.safetensors", run.recipe):
        result = CliRunner().invoke(app, ["export", str(run.recipe), "--weights", str(wrong), *arguments])
        assert isinstance(result.exception, WeightsError)
        assert wrong.name in str(result.exception)
    result = CliRunner().invoke(app, ["export", str(run.recipe), *arguments])
    assert isinstance(result.exception, UsageError)
    assert "--weights" in str(result.exception)


def test_a_run_is_exported_with_its_own_pictures(run, tmp_path, small_fer2013):
    keep_pictures(run, {"validation": "digest of others"})
    target = tmp_path / "a.onnx"
    result = CliRunner().invoke(app, ["export", str(run.path), "--data", str(small_fer2013), "--output", str(target)])
    assert isinstance(result.exception, RecipeError)
    problem = "was started with other pictures for validation; give the table that it was made with"
    assert str(result.exception) == f"{run.path}: {problem}"
    assert not target.exists()


def test_int8_is_made_from_the_command_line(run, tmp_path, small_fer2013):
    target = tmp_path / "int8.onnx"
    result = CliRunner().invoke(
        app, ["export", str(run.path), "--data", str(small_fer2013), "--output", str(target), "--int8"]
    )
    assert result.exit_code == 0, result.output
    assert Session(target).card.source.endswith(", int8")

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mien.errors import WeightsError
from mien.export import export_run
from mien.inference.session import Session
from mien.training.networks.building import build_network
from mien.training.quantization import quantize
from mien.training.recipe import Recipe
from mien.training.recipe_files import write_recipe
from mien.training.run_folder import RunFolder
from mien.training.starting import start_from

CROPS = np.random.default_rng(0).integers(0, 256, (40, 1, 48, 48), dtype=np.uint8)
COMPACT = {"kind": "compact", "widths": [8, 16], "depths": [1, 1]}
LEAN = {"kind": "lean", "widths": [8, 16], "depths": [0, 1]}
CNN = {"kind": "cnn", "stages": [[8, 8], [16]], "dense": [{"units": 8, "batch_norm": True}]}


HEADS = {"fer7": {}, "raf6": {"task": "multi", "target": "votes"}}


def recipe(model, **more):
    return Recipe(name="a", heads=HEADS, model=model, **more)


def build(model, **more):
    return build_network(recipe(model, **more))


def trained(model):
    """A network whose weights and statistics are random, but not those it began with."""
    network = build(model, seed=5)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(3):
        network(torch.from_numpy(CROPS))["fer7"].square().mean().backward()
        optimiser.step()
    return network.eval()


@pytest.fixture
def exported(tmp_path, drawn_samples):
    def write(network, model):
        run = RunFolder(tmp_path / "run")
        run.path.mkdir()
        write_recipe(recipe(model), run.recipe)
        save_file(network.state_dict(), run.weights)
        export_run(run.path, drawn_samples, tmp_path / "old.onnx")
        return str(tmp_path / "old.onnx")

    return write


class TestRun:
    @pytest.fixture
    def kept(self, tmp_path):
        network = trained(LEAN)
        save_file(network.state_dict(), tmp_path / "best.safetensors")
        return tmp_path, network

    def test_a_run_s_folder_or_its_file(self, kept):
        folder, old = kept
        for start in (folder, folder / "best.safetensors"):
            new = build(LEAN, seed=6).eval()
            start_from(new, str(start), CROPS)
            assert torch.equal(new(torch.from_numpy(CROPS))["fer7"], old(torch.from_numpy(CROPS))["fer7"])

    def test_other_heads_begin_fresh(self, kept):
        folder, old = kept
        recipe = Recipe(name="a", heads={"fer7": {}, "ferplus8": {"target": "votes"}}, model=LEAN, seed=6)
        new = build_network(recipe)
        fresh = new.heads["ferplus8"].weight.clone()
        start_from(new, str(folder), CROPS)
        assert torch.equal(new.eval()(torch.from_numpy(CROPS))["fer7"], old(torch.from_numpy(CROPS))["fer7"])
        assert torch.equal(new.heads["ferplus8"].weight, fresh)

    def test_labels_in_another_order_are_the_same_head(self, kept, capsys):
        folder, old = kept
        write_recipe(recipe(LEAN), RunFolder(folder).recipe)
        there = recipe(LEAN).labels()["fer7"]
        new = build(LEAN, seed=6).eval()
        start_from(new, str(folder), CROPS, labels={"fer7": there[::-1], "raf6": recipe(LEAN).labels()["raf6"]})
        found, expected = (each(torch.from_numpy(CROPS)) for each in (new, old))
        assert torch.allclose(found["fer7"], expected["fer7"].flip(1), atol=1e-6)
        assert torch.equal(found["raf6"], expected["raf6"])
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("known", [True, False])
    def test_a_head_with_other_labels_begins_fresh_and_is_named(self, kept, capsys, known):
        folder, old = kept
        if known:
            write_recipe(recipe(LEAN), RunFolder(folder).recipe)
        few = Recipe(name="a", heads={**HEADS, "fer7": {"labels": ["fear", "anger"]}}, model=LEAN, seed=6)
        new = build_network(few)
        fresh = new.heads["fer7"].weight.clone()
        start_from(new, str(folder), CROPS, labels=few.labels())
        assert torch.equal(new.heads["fer7"].weight, fresh)
        assert torch.equal(new.heads["raf6"].weight, old.heads["raf6"].weight)
        both = r" \(anger, disgust, .* there, fear, anger here\)" if known else ""
        assert re.fullmatch(f"head fer7 begins fresh: its labels are others{both}\n", capsys.readouterr().err)

    def test_dense_layers_are_of_the_network_and_have_to_fit(self, tmp_path):
        old = {"kind": "cnn", "stages": [[8]], "dense": [{"units": 8}]}
        save_file(trained(old).state_dict(), tmp_path / "best.safetensors")
        deeper = Recipe(name="a", heads={"ferplus8": {}}, model={**old, "dense": [{"units": 8}, {"units": 8}]})
        with pytest.raises(WeightsError, match=r"no weights of this recipe's network \(.*heads\.shared\.4"):
            start_from(build_network(deeper), str(tmp_path), CROPS)

    def test_weights_that_do_not_fit(self, kept, tmp_path):
        wider = build({**LEAN, "widths": [8, 24]})
        with pytest.raises(WeightsError, match=r"no weights of this recipe's network \(.*size mismatch"):
            start_from(wider, str(kept[0]), CROPS)
        with pytest.raises(WeightsError, match=r"best\.safetensors does not exist; name the folder"):
            start_from(wider, str(tmp_path / "gone" / "best.safetensors"), CROPS)
        broken = tmp_path / "broken.safetensors"
        broken.write_bytes(b"x" * 40)
        with pytest.raises(WeightsError, match=r"no weights of this recipe's network"):
            start_from(wider, str(broken), CROPS)


@pytest.mark.filterwarnings("ignore")  # the exporter's own deprecations
class TestExportedModel:
    @pytest.mark.parametrize("model", [COMPACT, LEAN, CNN])
    def test_it_says_what_it_said(self, model, exported):
        file = exported(trained(model), model)
        new = build(model, seed=6).eval()
        start_from(new, file, CROPS)
        found = new(torch.from_numpy(CROPS))
        for name, logits in zip(found, Session(Path(file)).logits(CROPS, list(found)), strict=True):
            assert torch.allclose(found[name], torch.from_numpy(logits), atol=1e-4), name

    @pytest.mark.parametrize("model", [COMPACT, LEAN])
    def test_it_can_be_trained_on(self, model, exported):
        """In training mode batch norms normalise by the batch: unfolded without their statistics they would not fit."""
        old = trained(model)
        new = build({**model, "dropout": 0}, seed=6).train()
        start_from(new, exported(old, model), CROPS)
        assert new.training
        found = new(torch.from_numpy(CROPS))["fer7"]
        assert torch.allclose(found, old(torch.from_numpy(CROPS))["fer7"], atol=1e-3)

    def test_filters_are_as_large_as_those_of_trained_networks(self, exported):
        new = build(LEAN, seed=6)
        start_from(new, exported(trained(LEAN), LEAN), CROPS)
        for module in new.modules():
            if isinstance(module, nn.Conv2d):
                norms = module.weight.detach().flatten(1).norm(dim=1)
                assert norms.square().mean().sqrt() == pytest.approx(1.5, rel=1e-4)

    def test_other_heads_begin_fresh(self, exported):
        new = build_network(Recipe(name="a", heads={"fer7": {}, "ferplus8": {}}, model=LEAN, seed=6))
        fresh = new.heads["ferplus8"].weight.clone()
        start_from(new, exported(trained(LEAN), LEAN), CROPS)
        assert torch.equal(new.heads["ferplus8"].weight, fresh)

    def test_labels_of_the_file_are_told_apart(self, exported, capsys):
        file = exported(trained(LEAN), LEAN)
        here = {"fer7": recipe(LEAN).labels()["fer7"][::-1], "raf6": ("a", "b", "c", "d", "e", "f")}
        new = build(LEAN, seed=6).eval()
        fresh = new.heads["raf6"].weight.clone()
        start_from(new, file, CROPS, labels=here)
        (expected,) = Session(Path(file)).logits(CROPS, ["fer7"])
        assert np.allclose(new(torch.from_numpy(CROPS))["fer7"].detach(), expected[:, ::-1], atol=1e-4)
        assert torch.equal(new.heads["raf6"].weight, fresh)
        assert "head raf6 begins fresh: its labels are others (" in capsys.readouterr().err

    def test_another_network(self, exported):
        file = exported(trained(LEAN), LEAN)
        with pytest.raises(WeightsError, match=r"no weights of this recipe's network \(.*size mismatch"):
            start_from(build({**LEAN, "widths": [8, 24]}), file, CROPS)
        with pytest.raises(WeightsError, match=r"old\.onnx has no .*; give \[model\] the values"):
            start_from(build(COMPACT), file, CROPS)

    def test_int8_a_wrong_file_and_a_wrong_name(self, tmp_path, exported):
        quantize(Path(exported(trained(LEAN), LEAN)), CROPS, tmp_path / "int8.onnx")
        with pytest.raises(WeightsError, match=r"int8\.onnx: is quantized to int8, too coarse to train on"):
            start_from(build(LEAN), str(tmp_path / "int8.onnx"), CROPS)
        (tmp_path / "text.onnx").write_bytes(b"no model")
        with pytest.raises(WeightsError, match=r"text\.onnx: is no ONNX file"):
            start_from(build(LEAN), str(tmp_path / "text.onnx"), CROPS)
        with pytest.raises(WeightsError, match=r"gone\.onnx: no such weight file"):
            start_from(build(LEAN), str(tmp_path / "gone.onnx"), CROPS)
        with pytest.raises(WeightsError, match=r"mien-compcat does not exist.*or a model that ships"):
            start_from(build(LEAN), "mien-compcat", CROPS)

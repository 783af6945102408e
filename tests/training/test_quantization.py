import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mien.errors import RecipeError
from mien.training.networks.building import build_network
from mien.training.quantization import quantize
from mien.training.recipe import Recipe

CROPS = np.random.default_rng(0).integers(0, 256, (40, 1, 48, 48), dtype=np.uint8)
LEAN = {"kind": "lean", "widths": [8, 16], "depths": [0, 1]}
HEADS = {"fer7": {"prior_power": 0.25}, "raf6": {"task": "multi", "target": "votes"}}


def float32(model, path):
    """A network with random weights, as ONNX."""
    torch.manual_seed(0)
    network = build_network(Recipe(name="a", heads=HEADS, model=model)).eval()
    example = (torch.zeros(2, 1, 48, 48, dtype=torch.uint8),)
    shapes = {"pixels": {0: torch.export.Dim("faces")}}
    program = torch.onnx.export(
        network, example, input_names=["pixels"], dynamic_shapes=shapes, dynamo=True, verbose=False
    )
    program.save(str(path), external_data=False)
    return path


def reads(graph):
    """For every node its kind and the kinds of the nodes that it reads from."""
    makers = {output: node.op_type for node in graph.node for output in node.output}
    return [(node.op_type, [makers.get(name) for name in node.input]) for node in graph.node]


class TestQuantize:
    @pytest.mark.parametrize(
        "model",
        [
            LEAN,
            {**LEAN, "mirrored": True},
            {"kind": "compact", "widths": [8, 16], "depths": [1, 1]},
            {"kind": "cnn", "stages": [[8, 8], [16]], "dense": [{"units": 8, "batch_norm": True}]},
        ],
        ids=["lean", "mirrored", "compact", "cnn"],
    )
    def test_rounds_between_maps_once_and_nothing_else(self, tmp_path, model):
        quantize(float32(model, tmp_path / "a.onnx"), CROPS, tmp_path / "b.onnx")
        found = reads(onnx.load(tmp_path / "b.onnx").graph)
        first, *others = [sources for kind, sources in found if kind == "Conv"]
        assert first[0] not in ("DequantizeLinear", None)
        assert others
        assert all(sources[0] == "DequantizeLinear" for sources in others)
        # No ReLU of its own between two roundings, and neither what makes pictures alike nor the heads.
        whole = ("Relu", "Sub", "Pow", "Div", "Gemm")
        assert not any(kind in whole and "DequantizeLinear" in sources for kind, sources in found)
        assert all(sources[0] not in ("Sub", "Div", "Gemm") for kind, sources in found if kind == "QuantizeLinear")

    @pytest.mark.parametrize("count", [20, 100, 168])
    def test_of_any_number_of_crops(self, tmp_path, count):
        crops = np.resize(CROPS, (count, *CROPS.shape[1:]))
        quantize(float32(LEAN, tmp_path / "a.onnx"), crops, tmp_path / "b.onnx")
        assert (tmp_path / "b.onnx").stat().st_size < (tmp_path / "a.onnx").stat().st_size

    def test_answers_as_float32_does(self, tmp_path):
        source = float32(LEAN, tmp_path / "a.onnx")
        quantize(source, CROPS, tmp_path / "b.onnx")
        before, after = (
            np.concatenate(onnxruntime.InferenceSession(file).run(None, {"pixels": CROPS}), 1)
            for file in (source, tmp_path / "b.onnx")
        )
        assert 0 < np.abs(after - before).mean() < 0.02 * before.std()
        graph = onnx.load(tmp_path / "b.onnx").graph
        shapes = {each.name: tuple(each.dims) for each in graph.initializer}
        readers = [node.input for node in graph.node if node.op_type == "DequantizeLinear"]
        weights = [each for each in readers if len(shapes.get(each[0], ())) == 4]
        assert weights
        assert all(shapes[scale] == shapes[weight][:1] for weight, scale, *_ in weights)  # one for each channel

    def test_of_a_network_without_maps(self, tmp_path):
        with pytest.raises(RecipeError, match="networks of two convolutions and more"):
            quantize(float32({"kind": "mlp", "dense": [{"units": 8}]}, tmp_path / "a.onnx"), CROPS, tmp_path / "b.onnx")

"""A weight file in int8: a quarter of the size and half the time, for a little accuracy that has to be measured."""

import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from mien.errors import RecipeError

CALIBRATION_FACES = 256
"""So many crops are enough to read the ranges of the activations off. The activations of all of them are held in memory
at once: some 10 MB a crop of `mien-compact`."""
CALIBRATION_BATCH = 32
PERCENTILE = 99.999
OPERATORS = ["Conv", "Relu", "Add", "Mul", "MaxPool", "GlobalAveragePool", "ReduceMean"]
"""With ReLU, or what comes out of every convolution would be rounded once before it and once after it."""


def quantize(source: Path, crops: NDArray[np.uint8], target: Path) -> None:
    """Write a weight file again with 8-bit weights and activations (static quantization, Jacob et al. 2018).

    Weights are symmetric, one scale a channel; activations unsigned, their ranges cut at the 99.999th percentile: with
    the largest value as the end `mien-compact` lost 0.47 points on PublicTest, with the percentile 0.08. Signed
    activations are slower than float32 on CPUs without AMX.

    Weights keep to seven of the eight bits (-64 to 63): x86 CPUs without VNNI add two products up in 16 bits and cut
    off what does not fit. 2 x 255 x 127 does not, 2 x 255 x 64 does; so a file says the same on every CPU.

    Only what lies between maps is rounded: see `_between_maps`.

    Args:
        source: the float32 ONNX file.
        crops: (n, channels, size, size) uint8 to read the ranges off: some pictures of training.
        target: the ONNX file to write, without a card; may be the source.

    Raises:
        RecipeError: the network has no maps to round.
    """
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        prepared = Path(folder) / "prepared.onnx"
        # Batch norms are folded here; symbolic shapes would need another library and change nothing.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        between = _between_maps(model.graph)
        if not between:
            raise RecipeError("int8 is for networks of two convolutions and more, and this has fewer; leave it out")
        quantize_static(
            prepared,
            target,
            _Crops(crops, model.graph.input[0].name),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=CalibrationMethod.Percentile,
            op_types_to_quantize=OPERATORS,
            nodes_to_quantize=between,
            extra_options={"CalibPercentile": PERCENTILE},
        )


def _between_maps(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the nodes from the first convolution's maps to the last one's.

    What comes before is done in float32, the first convolution too: it has one channel or three to sum over, and with
    so few integers are slower. So is what comes after, the last pooling and the heads: it is small, and nothing comes
    after it that would hide its error.
    """
    makers = {output: node for node in graph.node for output in node.output}
    sources = {node.name: [makers[name] for name in node.input if name in makers] for node in graph.node}
    # The nodes of an ONNX file stand in the order in which they can be computed.
    before: set[str] = set()
    for node in reversed(graph.node):
        if node.op_type == "Conv" or node.name in before:
            before.update(source.name for source in sources[node.name])
    after: set[str] = set()
    between: list[str] = []
    for node in graph.node:
        if any(source.name in after for source in sources[node.name]):
            after.add(node.name)
            last = node.op_type in ("Relu", "Add") and all(source.name in between for source in sources[node.name])
            if node.op_type == "Conv" or node.name in before or last:
                between.append(node.name)
        elif node.op_type == "Conv":
            after.add(node.name)
    return between


class _Crops(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, crops: NDArray[np.uint8], name: str) -> None:
        # Parts of one size: the calibrator puts what it has seen of them into one array.
        parts = max(len(crops) // CALIBRATION_BATCH, 1)
        self._parts: Iterator[NDArray[np.uint8]] = iter(np.split(crops[: len(crops) // parts * parts], parts))
        self._name = name

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        part = next(self._parts, None)
        return None if part is None else {self._name: part}

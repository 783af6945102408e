"""Weights to begin with: those of a finished run, or of an exported model."""

import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from lightning.pytorch.utilities import rank_zero_only
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mien.errors import RecipeError, WeightsError
from mien.inference.session import Session
from mien.inference.weights import CATALOGUE, emotion_model
from mien.training.networks.parts import Shifted
from mien.training.recipe_files import read_recipe
from mien.training.run_folder import RunFolder

FOLDED = "_bias"
"""What PyTorch's exporter appends to the name of a layer's weights for the bias that was a batch norm."""

NORM = 1.5
"""Root mean square of the filters' norms, for layers before a batch norm.

The batch norm undoes any scale, so an exported file does not keep it; but the smaller the weights, the further a step
of the optimiser turns them. Trained networks of this size have 1 to 2.5.
"""

MEASURED = 4096
"""Crops that the statistics of unfolded batch norms are measured on."""

PART = 512


def start_from(
    network: nn.Module, start: str, crops: NDArray[np.uint8], *, labels: Mapping[str, tuple[str, ...]] | None = None
) -> None:
    """Give a network the weights of a trained model to begin with.

    Args:
        network: gets them in place; its heads that the weights lack, or have with other labels, stay as they are, and a
            line on standard error names the latter.
        start: the folder of a run, a .safetensors file of one, a float32 .onnx file made by `mien export`, or the name
            of a shipped model.
        crops: (n, channels, size, size) uint8, pictures to learn from. An exported file has its batch norms folded into
            the convolutions; to be trained on, they are unfolded, with statistics measured on these.
        labels: of each of the network's heads, in the order of its logits, which need not be that of the weights. The
            labels of the weights stand in the card of a file or in the recipe of a run; where neither is there, or
            this is None, heads are taken to be the same by their name and size.

    Raises:
        WeightsError: there are no such weights, or they are of another architecture.
    """
    exported = start.endswith(".onnx") or any(start == entry.name for entry in CATALOGUE)
    try:
        if exported:
            file = emotion_model(start)
            weights = _for_heads(_exported_weights(file), network, _labels_of_exported(file), labels)
            _unfold(network, file, weights, crops)
        else:
            file = _file_of(start)
            weights, own = _for_heads(load_file(file), network, _labels_of_run(file), labels), network.state_dict()
            network.load_state_dict(_fresh_heads(own, weights) | _of_heads(weights, own))
    except (RuntimeError, OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"start = {start!r}: are no weights of this recipe's network ({reason}); "
            "give [model] the values of the run that they come from"
        ) from error


def _file_of(start: str) -> Path:
    path = Path(start)
    file = RunFolder(path).weights if path.is_dir() else path
    if not file.is_file():
        raise WeightsError(
            f"start = {start!r}: {file} does not exist; name the folder of a finished run, or a model that ships"
        )
    return file


def _labels_of_run(file: Path) -> dict[str, tuple[str, ...]]:
    """The labels of each head of weights that stand in the folder of their run; none where nothing tells."""
    run = RunFolder(file.parent)
    if file not in (run.weights, run.last_weights):
        return {}
    try:
        return read_recipe(run.recipe).labels()
    except RecipeError:  # there is none, or it is of an earlier version
        return {}


def _labels_of_exported(file: Path) -> dict[str, tuple[str, ...]]:
    return {head.name: head.labels for head in Session(file).card.heads}


def _for_heads(
    weights: dict[str, Tensor],
    network: nn.Module,
    there: Mapping[str, tuple[str, ...]],
    here: Mapping[str, tuple[str, ...]] | None,
) -> dict[str, Tensor]:
    """Weights whose heads have their rows in the order of the network's labels, without heads of other labels."""
    own, here = network.state_dict(), here or {}
    fitting, left_out = {}, set()
    for name, value in weights.items():
        head = name.split(".")[-2] if _of_a_head(name) and name in own else ""
        before, now = there.get(head), here.get(head)
        if head and (set(before) != set(now) if before and now else len(value) != len(own[name])):
            left_out.add(head)
        elif head and before and now:
            fitting[name] = value[[before.index(label) for label in now]]
        else:
            fitting[name] = value
    for head in sorted(left_out):
        _say(f"head {head} begins fresh: its labels are others{_both(there.get(head), here.get(head))}")
    return fitting


def _both(there: tuple[str, ...] | None, here: tuple[str, ...] | None) -> str:
    return f" ({', '.join(there)} there, {', '.join(here)} here)" if there and here else ""


@rank_zero_only
def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fresh_heads(own: dict[str, Tensor], weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in own.items() if _of_a_head(name) and name not in weights}


def _of_heads(weights: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    # Heads that the recipe does not want are left behind; anything else that does not fit is an error.
    return {name: value for name, value in weights.items() if name in own or not _of_a_head(name)}


def _of_a_head(name: str) -> bool:
    # Of mien.training.networks.parts.Heads the dense layers are of the network, which has to be the same.
    return name.startswith("heads.") and not re.match(r"heads\.shared\.\d", name)


def _exported_weights(file: Path) -> dict[str, Tensor]:
    try:
        graph = onnx.load(str(file)).graph
    except Exception as error:  # what is no ONNX makes protobuf raise an error of its own, which onnx does not name
        raise WeightsError(f"{file}: is no ONNX file; name one made by `mien export`") from error
    if any(node.op_type == "DequantizeLinear" for node in graph.node):
        raise WeightsError(f"{file}: is quantized to int8, too coarse to train on; export its run again without --int8")
    return Shifted.within(
        {value.name: torch.from_numpy(numpy_helper.to_array(value).copy()) for value in graph.initializer}
    )


@torch.no_grad()
def _unfold(network: nn.Module, file: Path, weights: dict[str, Tensor], crops: NDArray[np.uint8]) -> None:
    was_training = network.training
    network.eval()
    own = network.state_dict()
    pairs = {norm: maker for norm, maker in _pairs(network, crops[:1]).items() if f"{maker}.weight{FOLDED}" in weights}
    loaded = _fresh_heads(own, weights)
    for name, value in own.items():
        norm, _, part = name.rpartition(".")
        if name in weights:
            loaded[name] = weights[name]
        elif norm in pairs:
            loaded[name] = weights[f"{pairs[norm]}.weight{FOLDED}"] if part == "bias" else _idle(part, value)
        elif name not in loaded:
            raise WeightsError(
                f"{file} has no {name}; give [model] the values that it was trained with, or name the folder of its "
                "run: exported files keep the weights of convolutions by their names, but not those of every layer"
            )
    network.load_state_dict(loaded)
    chosen = np.random.default_rng(0).permutation(len(crops))[:MEASURED]
    norms = _norms(network)
    for norm, (mean, variance) in _statistics(network, pairs, crops[chosen]).items():
        _put_back(norms[norm], network.get_submodule(pairs[norm]), mean, variance)
    network.train(was_training)


def _pairs(network: nn.Module, crops: NDArray[np.uint8]) -> dict[str, str]:
    """The batch norms that follow a convolution or dense layer, each with that layer, by their names."""
    made: list[tuple[Tensor, str]] = []
    pairs: dict[str, str] = {}

    def after(name: str, output: Tensor) -> None:
        made.append((output, name))

    def before(name: str, value: Tensor) -> None:
        for output, maker in made:
            if output is value:
                pairs[name] = maker

    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: after(name, output))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ] + _before_norms(network, before)
    _look(network, crops, hooks)
    return pairs


def _statistics(
    network: nn.Module, norms: Collection[str], crops: NDArray[np.uint8]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and variance of each channel of what batch norms get."""
    sums: dict[str, list[Tensor]] = {norm: [] for norm in norms}

    def before(name: str, value: Tensor) -> None:
        if name in sums:
            channels = value.double().transpose(0, 1).flatten(1)
            sums[name].append(torch.stack([channels.mean(1), channels.square().mean(1)]))

    _look(network, crops, _before_norms(network, before))
    found = {}
    for norm, parts in sums.items():
        mean, square = torch.stack(parts).mean(0)
        found[norm] = mean, square - mean.square()
    return found


def _before_norms(network: nn.Module, call: Callable[[str, Tensor], None]) -> list[RemovableHandle]:
    return [
        module.register_forward_pre_hook(lambda _, inputs, name=name: call(name, inputs[0]))
        for name, module in _norms(network).items()
    ]


def _norms(network: nn.Module) -> dict[str, nn.BatchNorm1d | nn.BatchNorm2d]:
    modules = network.named_modules()
    return {name: module for name, module in modules if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)}


def _look(network: nn.Module, crops: NDArray[np.uint8], hooks: list[RemovableHandle]) -> None:
    try:
        for first in range(0, len(crops), PART):
            network(torch.from_numpy(np.ascontiguousarray(crops[first : first + PART])))
    finally:
        for hook in hooks:
            hook.remove()


def _idle(part: str, value: Tensor) -> Tensor:
    """What makes a batch norm without a bias pass on what it gets, but for its epsilon."""
    return torch.ones_like(value) if part in ("weight", "running_var") else torch.zeros_like(value)


def _put_back(norm: nn.BatchNorm1d | nn.BatchNorm2d, layer: nn.Module, mean: Tensor, variance: Tensor) -> None:
    """Make a batch norm normalise what it gets and undo it, and the layer's weights as large as trained ones."""
    filters = layer.get_parameter("weight")
    scale = NORM / filters.flatten(1).norm(dim=1).square().mean().sqrt()
    filters.mul_(scale)
    norm.get_buffer("running_mean").copy_(mean * scale)
    norm.get_buffer("running_var").copy_(variance * scale.square())
    norm.get_parameter("weight").copy_((variance * scale.square() + norm.eps).sqrt() / scale)
    norm.get_parameter("bias").add_(mean)

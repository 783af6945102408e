"""What the network looked at inside: Grad-CAM on the checkpoint of a training run, by captum.

Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks" (arXiv:1610.02391). The weight file
that ships has no gradients; for it there is `mien.explain`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.errors import UsageError, WeightsError, import_extra
from mien.explain import Maps
from mien.model_card import Head
from mien.training.networks.building import load_network
from mien.training.networks.ensemble import Average
from mien.training.run_folder import RunFolder


def maps_of_run(run: Path, head: Head) -> Maps:
    """Return a maker of Grad-CAM maps by the checkpoint of a run.

    Args:
        run: folder of the finished run that the model was exported from.
        head: of the model, which answers.

    Raises:
        WeightsError: the folder holds no finished run.
        UsageError: the run has no such head or names other labels, or, once the maker sees crops, they are not of its
            kind.
    """
    recipe, network = load_network(RunFolder(run))
    spec, labels = recipe.crop.spec(), recipe.labels()
    remedy = "give the run that the model was exported from"
    if head.name not in labels:
        raise UsageError(f"{run}: has the heads {', '.join(labels)}, not {head.name}; {remedy}")
    if labels[head.name] != head.labels:
        raise UsageError(
            f"{run}: its head {head.name} has the labels {', '.join(labels[head.name])}, the model's "
            f"{', '.join(head.labels)}; {remedy}"
        )

    def maps(crops: NDArray[np.uint8], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        channels, *_, size = crops.shape[1:]
        if (channels, size) != (spec.channels, spec.size):
            raise UsageError(
                f"{run}: was trained on crops of {spec.channels} x {spec.size} x {spec.size}, the model's have "
                f"{channels} x {size} x {size}; {remedy}"
            )
        return grad_cam_maps(network, crops, codes, head=head.name)

    return maps


def grad_cam_maps(
    network: nn.Module, crops: NDArray[np.uint8], codes: NDArray[np.int64], *, head: str
) -> NDArray[np.float32]:
    """Return which places of the last convolution spoke for a label, by their gradients.

    Args:
        network: of `mien.training.networks.building.load_network`; crops in, logits by head out.
        crops: (n, channels, size, size) uint8.
        codes: (n,) index of the label to explain for each crop.
        head: name of the head.

    Returns:
        (n, size, size) float32, 0 where nothing spoke for the label. Of an ensemble it is the sum over its members, of
        a network that looks at the mirror image too the sum of both looks.

    Raises:
        MissingExtraError: captum is not installed.
        WeightsError: the network, or a member of it, has no convolution.
    """
    captum: Any = import_extra("captum.attr", extra="explain", purpose="Grad-CAM")

    def answer(pixels: Tensor) -> Tensor:
        logits: Tensor = network(pixels)[head]
        return logits

    network.eval()
    pixels, target = torch.from_numpy(crops).float(), torch.from_numpy(codes)
    total = torch.zeros(len(crops), 1, *crops.shape[-2:])
    for member in _members(network):
        maps = captum.LayerGradCam(answer, last_convolution(member)).attribute(pixels, target=target).detach()
        spoke, *mirrored = maps.split(len(crops))
        for look in mirrored:
            spoke = spoke + look.flip(3)
        total += captum.LayerAttribution.interpolate(spoke.relu(), crops.shape[-2:], interpolate_mode="bilinear")
    return np.asarray(total[:, 0].numpy(), np.float32)


def _members(network: nn.Module) -> list[nn.Module]:
    if not isinstance(network, Average):
        return [network]
    return [part for member in network.members for part in _members(member)]


def last_convolution(network: nn.Module) -> nn.Module:
    """Return the last convolution of a network that looks at more than one pixel.

    Raises:
        WeightsError: there is none.
    """
    found = [module for module in network.modules() if isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1]
    if not found:
        raise WeightsError("this network has no convolution that Grad-CAM could look at; use --method occlusion")
    return found[-1]

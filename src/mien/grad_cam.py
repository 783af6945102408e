"""What the network looked at inside: Grad-CAM on the checkpoint of a training run, by captum.

Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks" (arXiv:1610.02391). The weight file
that ships has no gradients; for it there is `mien.explain`.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.errors import WeightsError, import_extra
from mien.training.networks.ensemble import Average


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

import numpy as np
import pytest
import torch
from torch import nn

from mien.errors import WeightsError
from mien.grad_cam import grad_cam_maps, last_convolution
from mien.training.model_recipe import Lean
from mien.training.networks.ensemble import Average
from mien.training.networks.lean import LeanNet

pytest.importorskip("captum")


class Looker(nn.Module):
    """Says label 0 where the picture is bright, label 1 where it is dark."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(1, 2, 3, padding=1, stride=4, bias=False)
        with torch.no_grad():
            self.features.weight[0], self.features.weight[1] = 1 / 9, -1 / 9

    def forward(self, pixels):
        seen = torch.relu(self.features(pixels.float() / 255 - 0.5))
        return {"h": seen.mean(dim=(2, 3))}


def test_the_map_is_what_speaks_for_the_label():
    crops = np.full((2, 1, 48, 48), 10, np.uint8)
    crops[:, :, 24:, :24] = 250
    bright, dark = grad_cam_maps(Looker(), crops, np.array([0, 1]), head="h")
    assert bright[24:, :24].mean() > 5 * bright[:20].mean()
    assert dark[:20].mean() > 5 * dark[30:, :18].mean()
    assert bright.min() >= 0


def test_agrees_with_the_formula():
    """Grad-CAM by hand: the mean gradient of each channel weighs its activation."""
    network = Looker()
    crops = np.random.default_rng(0).integers(0, 256, (1, 1, 48, 48), dtype=np.uint8)
    activation = network.features(torch.from_numpy(crops).float() / 255 - 0.5).detach().requires_grad_()
    torch.relu(activation).mean(dim=(2, 3))[0, 0].backward()
    weights = activation.grad.mean(dim=(2, 3), keepdim=True)
    by_hand = torch.relu((weights * activation).sum(dim=1, keepdim=True))
    by_hand = nn.functional.interpolate(by_hand, (48, 48), mode="bilinear")[0, 0].detach().numpy()
    (found,) = grad_cam_maps(network, crops, np.array([0]), head="h")
    assert found == pytest.approx(by_hand, abs=1e-6)


def test_of_a_network_that_looks_at_the_mirror_image_too():
    torch.manual_seed(0)
    settings = Lean(kind="lean", widths=(8, 16), depths=(0, 1), mirrored=True)
    network = LeanNet(settings, {"h": 3}, channels=1)
    crops = np.random.default_rng(0).integers(0, 256, (2, 1, 48, 48), dtype=np.uint8)
    codes = np.array([0, 2])
    maps = grad_cam_maps(network, crops, codes, head="h")
    assert maps.shape == (2, 48, 48)
    assert (maps.max(axis=(1, 2)) > 0).all()
    flipped = grad_cam_maps(network, np.ascontiguousarray(crops[..., ::-1]), codes, head="h")
    assert flipped == pytest.approx(maps[..., ::-1], abs=1e-6)


def test_of_an_ensemble_all_members_are_asked():
    blind = Looker()
    with torch.no_grad():
        blind.features.weight.zero_()
    crops = np.full((1, 1, 48, 48), 10, np.uint8)
    crops[:, :, 24:, :24] = 250
    one, other = (
        grad_cam_maps(Average(members, []), crops, np.array([0]), head="h")
        for members in ([Looker(), blind], [blind, Looker()])
    )
    assert one.max() > 0
    assert one == pytest.approx(other)


def test_a_network_without_convolutions_cannot_be_asked():
    with pytest.raises(WeightsError, match="no convolution"):
        last_convolution(nn.Sequential(nn.Conv2d(1, 2, 1), nn.Linear(2, 2)))

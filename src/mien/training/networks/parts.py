"""What the networks share: their input layer, dense layers and heads."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mien.training.model_recipe import Layer


class Standardise(nn.Module):
    """Each picture minus its mean over its standard deviation, so that brightness and contrast do not matter.

    It is a layer, and so a part of the exported file, because a caller cannot get wrong what a caller does not do.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, c, h, w) pixels 0 to 255, any number type -> float32 of the same shape, mean 0, deviation 1."""
        x = pixels.float()
        centred = x - x.mean(dim=(1, 2, 3), keepdim=True)
        deviation = centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        return centred / deviation.clamp(min=1.0)  # a blank picture stays zero


class Heads(nn.Module):
    """Dense layers that all heads share, then one linear layer for each head.

    Args:
        inputs: number of features.
        dense: layers between the features and the heads.
        heads: number of logits of each head, by its name.
    """

    def __init__(self, inputs: int, dense: Sequence[Layer], heads: dict[str, int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for layer in dense:
            layers.append(nn.Linear(inputs, layer.units, bias=not layer.batch_norm))
            if layer.batch_norm:
                layers.append(nn.BatchNorm1d(layer.units))
            layers += [nn.ReLU(), nn.Dropout(layer.dropout)]
            inputs = layer.units
        self.shared = nn.Sequential(*layers)
        self.heads = nn.ModuleDict({name: nn.Linear(inputs, size) for name, size in heads.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """(n, features) -> logits of each head, (n, labels) float32."""
        shared = self.shared(features)
        return {name: head(shared).float() for name, head in self.heads.items()}


def channels_last(x: Tensor) -> Tensor:
    """Return a batch in the memory order that convolutions on the CPU are fastest with."""
    return x.contiguous(memory_format=torch.channels_last)

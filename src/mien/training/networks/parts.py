"""What the networks share: their input layer, dense layers and heads."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mien.training.model_recipe import Layer


class Standardise(nn.Module):
    """Each picture minus its mean over its standard deviation, so that brightness and contrast do not matter.

    It is a layer, and so a part of the exported file, because a caller cannot get wrong what a caller does not do.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, c, h, w) pixels 0 to 255, any number type -> float32 of the same shape, mean 0, deviation 1."""
        # No layer_norm, though it is one operation: onnxruntime's takes the mean of squares less the square of the
        # mean, which is not exact enough for pictures with little contrast.
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


class PooledNet(nn.Module):
    """What networks of one kind share: standardised pixels -> maps -> their mean -> one linear layer for each head.

    A subclass gives `maps`.

    Args:
        features: channels of the last maps.
        heads: number of logits of each head, by its name.
        dropout: before the heads, 0 to 1.
        mirrored: when not training, look at the picture and at its mirror image and average what is seen, so that both
            give the same answer. It doubles the work; the heads are linear, so this averages the logits.
    """

    def __init__(self, features: int, heads: dict[str, int], *, dropout: float, mirrored: bool) -> None:
        super().__init__()
        self.mirrored = mirrored
        self.standardise = Standardise()
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(features, size) for name, size in heads.items()})

    def maps(self, x: Tensor) -> Tensor:
        """(n, channels, size, size) standardised float32 -> (n, features, h, w)."""
        raise NotImplementedError

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(n, channels, size, size) pixels 0 to 255 -> logits of each head, (n, labels) float32."""
        x = self.standardise(pixels)
        both = self.mirrored and not self.training
        if both:
            x = torch.cat([x, x.flip(3)])
        features = self.maps(channels_last(x)).mean((2, 3))
        if both:
            features = features.reshape(2, -1, features.shape[1]).mean(0)
        features = self.dropout(features)
        return {name: head(features).float() for name, head in self.heads.items()}


class Shifted(nn.Module):
    """A network with a constant added to the logits of some heads.

    Args:
        network: any network of mien.
        shifts: (labels,) float32 for each of those heads.
    """

    def __init__(self, network: nn.Module, shifts: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = network
        self._names = tuple(shifts)
        for name, shift in shifts.items():
            self.register_buffer(f"shift_{name}", shift)

    @staticmethod
    def within(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of the network within, by its own names; the shifts are in the biases of its heads.

        Args:
            weights: by name, of a network with shifts or without.
        """
        shifts = {name.removeprefix("shift_"): value for name, value in weights.items() if name.startswith("shift_")}
        if not shifts:
            return dict(weights)
        own = {name.removeprefix("network."): value for name, value in weights.items()}
        for head, shift in shifts.items():
            bias = next(name for name in own if name.endswith(f"heads.{head}.bias"))
            own[bias] = own[bias] + shift
        return own

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(n, channels, size, size) pixels 0 to 255 -> logits of each head, (n, labels) float32."""
        logits: dict[str, Tensor] = self.network(pixels)
        return {
            name: values + self.get_buffer(f"shift_{name}") if name in self._names else values
            for name, values in logits.items()
        }


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch norm and ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def channels_last(x: Tensor) -> Tensor:
    """Return a batch in the memory order that convolutions on the CPU are fastest with."""
    return x.contiguous(memory_format=torch.channels_last)

"""The networks of the starting projects, one class each: a plain CNN and a multi-layer perceptron."""

from torch import Tensor, nn

from mien.training.model_recipe import Cnn, Mlp
from mien.training.networks.parts import Heads, Standardise, channels_last


class PlainCnn(nn.Module):
    """Convolution, batch norm, ReLU, pooling, dropout; then dense layers.

    Args:
        settings: stages and dense layers.
        heads: number of logits of each head, by its name.
        channels: 1 for gray crops, 3 for RGB.
        size: side of the crops; a dense layer on maps needs it fixed.
    """

    def __init__(self, settings: Cnn, heads: dict[str, int], *, channels: int, size: int) -> None:
        super().__init__()
        self.standardise = Standardise()
        layers: list[nn.Module] = []
        inputs = channels
        for stage in settings.stages:
            for outputs in stage:
                layers.append(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=not settings.batch_norm))
                if settings.batch_norm:
                    layers.append(nn.BatchNorm2d(outputs))
                layers.append(nn.ReLU())
                inputs = outputs
            layers.append(nn.MaxPool2d(2) if settings.pool == "max" else nn.AvgPool2d(2))
            layers.append(nn.Dropout(settings.dropout))
        self.features = nn.Sequential(*layers)
        side = size // 2 ** len(settings.stages)
        self.heads = Heads(inputs * side * side, settings.dense, heads)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(n, channels, size, size) pixels 0 to 255 -> logits of each head, (n, labels) float32."""
        features = self.features(channels_last(self.standardise(pixels)))
        logits: dict[str, Tensor] = self.heads(features.flatten(1))
        return logits


class Perceptron(nn.Module):
    """Dense layers on the standardised pixels.

    Args:
        settings: the layers.
        heads: number of logits of each head, by its name.
        channels: 1 for gray crops, 3 for RGB.
        size: side of the crops.
    """

    def __init__(self, settings: Mlp, heads: dict[str, int], *, channels: int, size: int) -> None:
        super().__init__()
        self.standardise = Standardise()
        self.heads = Heads(channels * size * size, settings.dense, heads)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(n, channels, size, size) pixels 0 to 255 -> logits of each head, (n, labels) float32."""
        logits: dict[str, Tensor] = self.heads(self.standardise(pixels).flatten(1))
        return logits

"""The network of the released models: a ResNet of nothing but what int8 is fast with.

Squeeze-and-excitation and shortcuts that change their shape take as long in int8 as the convolutions around them;
shortcuts that do not, take no time that could be measured (docs/experiments.md).
"""

from torch import Tensor, nn
from torch.nn import functional

from mien.training.model_recipe import Lean
from mien.training.networks.parts import PooledNet, convolution


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut that changes nothing (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape."""
        return functional.relu(self.norm(self.second(self.first(x))) + x)


class LeanNet(PooledNet):
    """A stem; then stages, each of which but the first begins with a convolution that halves the resolution.

    Args:
        settings: widths, depths, stride of the stem, dropout, and whether it looks at the mirror image too.
        heads: number of logits of each head, by its name.
        channels: 1 for gray crops, 3 for RGB.
    """

    def __init__(self, settings: Lean, heads: dict[str, int], *, channels: int) -> None:
        widths = settings.widths
        super().__init__(widths[-1], heads, dropout=settings.dropout, mirrored=settings.mirrored)
        layers: list[nn.Module] = [convolution(channels, widths[0], settings.stem_stride)]
        for stage, (width, depth) in enumerate(zip(widths, settings.depths, strict=True)):
            if stage > 0:
                layers.append(convolution(widths[stage - 1], width, 2))
            layers += [Residual(width) for _ in range(depth)]
        self.layers = nn.Sequential(*layers)

    def maps(self, x: Tensor) -> Tensor:
        """(n, channels, size, size) -> (n, features, h, w)."""
        maps: Tensor = self.layers(x)
        return maps

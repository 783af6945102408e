"""mien's own network: a small SE-ResNet that keeps the full resolution early."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.networks.parts import Standardise, channels_last


class SqueezeExcite(nn.Module):
    """Channel weights from the channels' means (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, max(channels // reduction, 4), 1)
        self.expand = nn.Conv2d(max(channels // reduction, 4), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape."""
        weights: Tensor = self.expand(functional.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * weights.sigmoid()


class Block(nn.Module):
    """Two 3x3 convolutions with squeeze-and-excitation around a shortcut; the shortcut shrinks by averaging."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.excite = SqueezeExcite(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride > 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.excite(self.norm2(self.conv2(y)))
        return functional.relu(y + self.shortcut(x))


class CompactNet(nn.Module):
    """A small SE-ResNet that keeps the full resolution early, because 48 pixels have none to spare.

    Args:
        heads: number of logits of each head, by the head's name.
        channels: 1 for gray crops, 3 for RGB.
        widths: channels of the stages; each stage after the first halves the resolution.
        depths: residual blocks of the stages.
        dropout: before the heads, 0 to 1.
        mirrored: when not training, look at the picture and at its mirror image and average what is seen, so that both
            give the same answer. It doubles the work; the heads are linear, so this averages the logits.
    """

    def __init__(
        self,
        heads: dict[str, int],
        *,
        channels: int = 1,
        widths: Sequence[int] = (24, 48, 96, 192),
        depths: Sequence[int] = (1, 2, 2, 2),
        dropout: float = 0.3,
        mirrored: bool = False,
    ) -> None:
        super().__init__()
        self.mirrored = mirrored
        self.standardise = Standardise()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for stage, (outputs, depth) in enumerate(zip(widths, depths, strict=True)):
            for number in range(depth):
                blocks.append(Block(inputs, outputs, 2 if stage > 0 and number == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(inputs, size) for name, size in heads.items()})

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(n, channels, size, size) pixels 0 to 255 -> logits of each head, (n, labels) float32."""
        x = self.standardise(pixels)
        both = self.mirrored and not self.training
        if both:
            x = torch.cat([x, x.flip(3)])
        features = self.blocks(self.stem(channels_last(x))).mean((2, 3))
        if both:
            features = features.unflatten(0, (2, -1)).mean(0)
        features = self.dropout(features)
        return {name: head(features).float() for name, head in self.heads.items()}

"""mien's own network: a small SE-ResNet that keeps the full resolution early."""

from torch import Tensor, nn
from torch.nn import functional

from mien.training.model_recipe import Compact
from mien.training.networks.parts import PooledNet, convolution


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


class Shrunk(nn.AvgPool2d):
    """Means of squares, as many as a convolution of this stride makes of a side: where one is left over, it repeats it.

    Args:
        stride: side of the squares.
    """

    def __init__(self, stride: int) -> None:
        super().__init__(stride)
        self._side = stride

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, h / stride, w / stride), rounded up."""
        # Not ceil_mode, with which onnxruntime divides by more than there is.
        high, wide = (-side % self._side for side in x.shape[2:])
        if high or wide:
            x = functional.pad(x, (0, wide, 0, high), mode="replicate")
        return super().forward(x)


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
                Shrunk(stride) if stride > 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.excite(self.norm2(self.conv2(y)))
        return functional.relu(y + self.shortcut(x))


class CompactNet(PooledNet):
    """A small SE-ResNet that keeps the full resolution early, because 48 pixels have none to spare.

    Args:
        settings: widths, depths, dropout, and whether it looks at the mirror image too.
        heads: number of logits of each head, by its name.
        channels: 1 for gray crops, 3 for RGB.
    """

    def __init__(self, settings: Compact, heads: dict[str, int], *, channels: int) -> None:
        widths = settings.widths
        stem = convolution(channels, widths[0])
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for stage, (outputs, depth) in enumerate(zip(widths, settings.depths, strict=True)):
            for number in range(depth):
                blocks.append(Block(inputs, outputs, 2 if stage > 0 and number == 0 else 1))
                inputs = outputs
        # The heads are drawn last: the same seed gives the weights that the released model began with.
        super().__init__(widths[-1], heads, dropout=settings.dropout, mirrored=settings.mirrored)
        self.stem = stem
        self.blocks = nn.Sequential(*blocks)

    def maps(self, x: Tensor) -> Tensor:
        """(n, channels, size, size) -> (n, features, size / 8, size / 8) for four stages."""
        maps: Tensor = self.blocks(self.stem(x))
        return maps

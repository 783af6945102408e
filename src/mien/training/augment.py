"""Random changes of whole batches of crops, on whatever device they lie.

All randomness comes from the generator that is given, so that a batch can be made again.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mien.training.augmentation_recipe import Augmentation

MOST_NOISE = 12.0
"""Largest standard deviation of sensor noise, in levels of 255."""

JPEG_QUALITY = (10.0, 60.0)

DETAIL = (0.2, 0.75)
"""How much of their side blurred crops keep as detail; the most is above the 30 of 48 pixels of small pictures."""

LUMINANCE_STEPS = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)
"""Quantization steps of brightness at quality 50, by vertical and horizontal frequency (ITU-T T.81, table K.1)."""

_COSINES = torch.tensor(
    [
        [math.sqrt((1 if i == 0 else 2) / 8) * math.cos((2 * j + 1) * i * math.pi / 16) for j in range(8)]
        for i in range(8)
    ]
)
"""The orthonormal cosine transform of eight values."""


def augment(pixels: Tensor, settings: Augmentation, generator: Generator, *, side: int = 0) -> Tensor:
    """Move, turn, scale, flip, blur, relight, compress and partly erase crops, each one differently.

    The order is that of a picture on its way: the face before the lens, the lens, the light, the sensor, the file; and
    something in front of it.

    Args:
        pixels: (n, channels, size, size) uint8.
        settings: how much of each.
        generator: on the device of the pixels.
        side: of the changed crops, pixels; 0 leaves it.

    Returns:
        (n, channels, side, side) float32, 0 to 255.
    """
    x = pixels.float()
    x = _warp(x, settings, generator, side or x.shape[-1])
    x = _blur(x, settings, generator)
    x = _relight(x, settings, generator)
    x = _noise(x, settings, generator)
    x = _compress(x, settings, generator)
    return _erase(x, settings, generator)


def mixup(x: Tensor, *, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Blend each crop with another one of the batch (Zhang et al. 2018, arXiv:1710.09412).

    Args:
        x: (n, channels, size, size) float32.
        share: of the crop itself in the blend, 0 to 1; its partner has the rest.
        generator: on the device of `x`.

    Returns:
        The blend, and the position (n,) of each crop's partner. The loss is the same blend of the losses against both
        targets.
    """
    partner = torch.randperm(len(x), generator=generator, device=x.device)
    return share * x + (1 - share) * x[partner], partner


def cutmix(x: Tensor, *, share: float, generator: Generator) -> tuple[Tensor, Tensor, float]:
    """Put a rectangle of another crop of the batch into each crop (Yun et al. 2019, arXiv:1905.04899).

    Args:
        x: (n, channels, size, size) float32.
        share: about how much of the crop stays its own, 0 to 1.
        generator: on the device of `x`.

    Returns:
        The crops, the position (n,) of each crop's partner, and the share that did stay.
    """
    partner = torch.randperm(len(x), generator=generator, device=x.device)
    height, width = x.shape[2:]
    side = math.sqrt(1 - share)
    high, wide = round(side * height), round(side * width)
    top = int(torch.randint(height - high + 1, (1,), generator=generator, device=x.device))
    left = int(torch.randint(width - wide + 1, (1,), generator=generator, device=x.device))
    mixed = x.clone()
    place = (..., slice(top, top + high), slice(left, left + wide))
    mixed[place] = x[partner][place]
    return mixed, partner, 1 - high * wide / (height * width)


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator, device=generator.device) * (high - low) + low


def _warp(x: Tensor, settings: Augmentation, generator: Generator, side: int) -> Tensor:
    count = len(x)
    angle = _uniform(count, -settings.rotation_degrees, settings.rotation_degrees, generator) * (math.pi / 180)
    zoom = 1 / _uniform(count, 1 - settings.scale, 1 + settings.scale, generator)
    mirror = torch.where(_uniform(count, 0, 1, generator) < settings.flip, -1.0, 1.0)
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    # grid_sample counts from -1 to 1: a shift by a share of the side is twice that share.
    shift_x = 2 * _uniform(count, -settings.shift, settings.shift, generator)
    shift_y = 2 * _uniform(count, -settings.shift, settings.shift, generator)
    theta = torch.stack(
        [torch.stack([mirror * cos, -mirror * sin, shift_x], 1), torch.stack([sin, cos, shift_y], 1)], 1
    )
    grid = functional.affine_grid(theta, [*x.shape[:2], side, side], align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _blur(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    if settings.blur == 0:
        return x
    blurred = _uniform(len(x), 0, 1, generator) < settings.blur
    shrink = float(_uniform(1, *DETAIL, generator))  # one strength a batch: pictures of a batch keep one size
    side = x.shape[2:]
    small = functional.interpolate(x, scale_factor=shrink, mode="bilinear", antialias=True)
    soft = functional.interpolate(small, size=side, mode="bilinear", align_corners=False)
    return torch.where(blurred[:, None, None, None], soft, x)


def _relight(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    contrast = _uniform(len(x), 1 - settings.contrast, 1 + settings.contrast, generator).view(-1, 1, 1, 1)
    brightness = _uniform(len(x), -settings.brightness, settings.brightness, generator).view(-1, 1, 1, 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return ((x - mean) * contrast + mean + 255 * brightness).clamp(0, 255)


def _noise(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    if settings.noise == 0:
        return x
    noisy = _uniform(len(x), 0, 1, generator) < settings.noise
    deviation = torch.where(noisy, _uniform(len(x), 0, MOST_NOISE, generator), 0).view(-1, 1, 1, 1)
    return (x + deviation * torch.randn(x.shape, generator=generator, device=x.device)).clamp(0, 255)


def _compress(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    if settings.jpeg == 0:
        return x
    compressed = _uniform(len(x), 0, 1, generator) < settings.jpeg
    quality = _uniform(len(x), *JPEG_QUALITY, generator)
    # How the library of the Independent JPEG Group scales the table by quality.
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50).view(-1, 1, 1, 1, 1, 1)
    steps = (LUMINANCE_STEPS.to(x.device).view(1, 1, 1, 8, 1, 8) * scale).round().clamp(1, 255)
    high, wide = (-side % 8 for side in x.shape[2:])
    padded = functional.pad(x, (0, wide, 0, high), mode="replicate")
    count, channels, height, width = padded.shape
    blocks = padded.reshape(count, channels, height // 8, 8, width // 8, 8) - 128
    cosines = _COSINES.to(x.device)
    frequencies = torch.einsum("ij,ncyjxk,lk->ncyixl", cosines, blocks, cosines)
    kept = (frequencies / steps).round() * steps
    blocks = torch.einsum("ij,ncyixl,lk->ncyjxk", cosines, kept, cosines) + 128
    decoded = blocks.reshape(count, channels, height, width)[..., : x.shape[2], : x.shape[3]].clamp(0, 255)
    return torch.where(compressed[:, None, None, None], decoded, x)


def _erase(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    count, _, height, width = x.shape
    low, high = (side * width / 48 for side in settings.erase_pixels)
    erased_w = _uniform(count, low, high, generator)
    erased_h = _uniform(count, low, high, generator)
    left = _uniform(count, 0, 1, generator) * (width - erased_w)
    top = _uniform(count, 0, 1, generator) * (height - erased_h)
    chosen = _uniform(count, 0, 1, generator) < settings.erase
    columns = torch.arange(width, device=x.device)
    rows = torch.arange(height, device=x.device)
    in_columns = (columns >= left[:, None]) & (columns < (left + erased_w)[:, None])
    in_rows = (rows >= top[:, None]) & (rows < (top + erased_h)[:, None])
    hole = in_rows[:, None, :, None] & in_columns[:, None, None, :] & chosen[:, None, None, None]
    return torch.where(hole, x.mean(dim=(1, 2, 3), keepdim=True), x)

"""Random changes of whole batches of crops, on whatever device they lie.

All randomness comes from the generator that is given, so that a batch can be made again.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mien.training.recipe import Augmentation


def augment(pixels: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Move, turn, scale, flip, relight and partly erase crops, each one differently.

    Args:
        pixels: (n, channels, size, size) uint8.
        settings: how much of each.
        generator: on the device of the pixels.

    Returns:
        float32 of the same shape, 0 to 255.
    """
    x = pixels.float()
    x = _warp(x, settings, generator)
    x = _blur(x, settings, generator)
    x = _relight(x, settings, generator)
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


def _warp(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
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
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _blur(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    if settings.blur == 0:
        return x
    blurred = _uniform(len(x), 0, 1, generator) < settings.blur
    shrink = float(_uniform(1, 0.2, 0.5, generator))  # one strength a batch: pictures of a batch keep one size
    side = x.shape[2:]
    small = functional.interpolate(x, scale_factor=shrink, mode="bilinear", antialias=True)
    soft = functional.interpolate(small, size=side, mode="bilinear", align_corners=False)
    return torch.where(blurred[:, None, None, None], soft, x)


def _relight(x: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    contrast = _uniform(len(x), 1 - settings.contrast, 1 + settings.contrast, generator).view(-1, 1, 1, 1)
    brightness = _uniform(len(x), -settings.brightness, settings.brightness, generator).view(-1, 1, 1, 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return ((x - mean) * contrast + mean + 255 * brightness).clamp(0, 255)


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

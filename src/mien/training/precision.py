"""In which precision a machine trains fastest."""

import time
from functools import cache
from typing import Literal

import torch
from torch.nn import functional

from mien.training.recipe import Loop

WORTH_IT = 1.2
"""So many times as fast bf16 has to be on a CPU, for it costs digits."""


def on_gpu(loop: Loop) -> bool:
    """Return whether a recipe trains on a GPU of this machine."""
    return loop.device == "gpu" or (loop.device == "auto" and torch.cuda.is_available())


def precision_of(loop: Loop) -> Literal["bf16", "16", "32"]:
    """Return the precision that a recipe is trained in on this machine."""
    if loop.precision != "auto":
        return loop.precision
    if on_gpu(loop):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "32"
    return "bf16" if bf16_gain() > WORTH_IT else "32"


@cache
def bf16_gain() -> float:
    """Return how many times as fast as in float32 this CPU convolves in bf16, measured in a tenth of a second.

    What a CPU says of itself does not tell: of two with AVX512-BF16 and without AMX, one took half the time of float32
    and the other twice as long.
    """
    seconds = {}
    for precision in (torch.float32, torch.bfloat16):
        maps = torch.ones(32, 64, 24, 24, dtype=precision).to(memory_format=torch.channels_last)
        weights = torch.ones(64, 64, 3, 3, dtype=precision).to(memory_format=torch.channels_last)
        times = []
        for _ in range(12):  # the first one prepares; the least of the others is what nothing else disturbed
            started = time.perf_counter()
            functional.conv2d(maps, weights, padding=1)
            times.append(time.perf_counter() - started)
        seconds[precision] = min(times[1:])
    return seconds[torch.float32] / seconds[torch.bfloat16]

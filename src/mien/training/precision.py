"""In which precision a machine trains fastest."""

import time
from functools import cache
from typing import Literal

import torch
from torch.nn import functional

from mien.training.recipe import Loop

Precision = Literal["bf16", "16", "32"]

WORTH_IT = 1.2
"""So many times as fast bf16 has to be on a CPU, for it costs digits."""


def on_gpu(loop: Loop) -> bool:
    """Return whether a recipe trains on a GPU of this machine."""
    return loop.device == "gpu" or (loop.device == "auto" and torch.cuda.is_available())


def precision_of(loop: Loop) -> Precision:
    """Return the precision that a recipe is trained in on this machine."""
    if loop.precision != "auto":
        return loop.precision
    if on_gpu(loop):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "32"
    return "bf16" if bf16_gain() > WORTH_IT else "32"


@cache
def bf16_gain() -> float:
    """Return how many times as fast as in float32 this CPU convolves in bf16, measured in some hundredths of a second.

    What a CPU says of itself does not tell: of two with AVX512-BF16 and without AMX, one took half the time of float32
    and the other twice as long.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for each other where other work is going on
    try:
        return _seconds(torch.float32) / _seconds(torch.bfloat16)
    finally:
        torch.set_num_threads(threads)


def _seconds(dtype: torch.dtype) -> float:
    maps = torch.ones(4, 64, 24, 24, dtype=dtype).to(memory_format=torch.channels_last)
    weights = torch.ones(64, 64, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    times = []
    for _ in range(20):
        started = time.perf_counter()
        functional.conv2d(maps, weights, padding=1)
        times.append(time.perf_counter() - started)
    return min(times)  # what nothing else disturbed

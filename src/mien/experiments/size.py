"""How large and how fast a network is."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mien.inference.session import Session
from mien.training.recipe import Recipe


@dataclass(frozen=True)
class NetworkSize:
    """What a network costs.

    Attributes:
        parameters: numbers that are learnt.
        multiply_adds: multiplications, each with its addition, for one crop.
    """

    parameters: int
    multiply_adds: int


def network_size(network: nn.Module, recipe: Recipe) -> NetworkSize:
    """Count a network's parameters, and its multiply-adds by PyTorch's own counter.

    Args:
        network: takes crops as the recipe says.
        recipe: says which crops.
    """
    spec = recipe.crop.spec()
    crop = torch.zeros(1, spec.channels, spec.size, spec.size, dtype=torch.uint8)
    network.eval()
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        network(crop)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return NetworkSize(parameters, int(counter.get_total_flops()) // 2)


def latency_ms(session: Session, *, repeats: int = 100) -> float:
    """Return the median time of one crop through an exported file, in milliseconds of the clock.

    Args:
        session: opened with one thread, so that machines can be compared.
        repeats: crops to time, after ten that are not.
    """
    spec = session.card.crop
    crop = np.random.default_rng(0).integers(0, 256, (1, spec.channels, spec.size, spec.size), dtype=np.uint8)
    heads = [head.name for head in session.card.heads]
    times = []
    for _ in range(repeats + 10):
        started = time.perf_counter()
        session.logits(crop, heads)
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times[10:]))

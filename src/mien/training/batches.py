"""Batches out of memory: pictures stay bytes until they are on the device."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mien.training.targets import Targets

Batch = tuple[Tensor, Targets]


@dataclass(frozen=True)
class Pictures:
    """Pictures in memory with their right answers.

    Attributes:
        crops: (n, channels, size, size) uint8.
        targets: of the same pictures.
    """

    crops: Tensor
    targets: Targets

    def __deepcopy__(self, memo: dict[int, Any]) -> "Pictures":
        return self  # the averaging of weights copies the whole module, and pictures never change


class Batches:
    """Batches of one epoch; the order depends on seed and epoch only, so a resumed run repeats it.

    Args:
        pictures: what to draw from.
        batch: pictures a batch. The last, smaller one of a shuffled epoch is left out: its statistics are noisy.
        order: seed and epoch of a shuffled pass, None for a pass in order with nothing left out.
        part: which part of a shuffled pass this process takes, and of how many.
    """

    def __init__(
        self,
        pictures: Pictures,
        *,
        batch: int,
        order: tuple[int, int] | None = None,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        self.pictures = pictures
        self.batch = batch
        self.order = order
        self.part = part

    def __len__(self) -> int:
        count = len(self.pictures.crops) / (self.batch * self.part[1])
        return math.ceil(count) if self.order is None else max(int(count), 1)

    def __iter__(self) -> Iterator[Batch]:
        index = torch.arange(len(self.pictures.crops))
        if self.order is not None:
            seed, epoch = self.order
            index = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed * 100_003 + epoch))
            index = index[self.part[0] :: self.part[1]]
        for number in range(len(self)):
            chosen = index[number * self.batch : (number + 1) * self.batch]
            yield self.pictures.crops[chosen], self.pictures.targets.take(chosen)

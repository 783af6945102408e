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
        shares: groups of pictures, each as positions (m,) int64 with its share of an epoch: so many of them are drawn
            for every epoch, which has to be no more than there are, see `mien.training.targets.check_shares`. Pictures
            of no group are all seen in every epoch.
    """

    crops: Tensor
    targets: Targets
    shares: tuple[tuple[Tensor, float], ...] = ()

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
        count = (self._always() + sum(self._drawn())) / (self.batch * self.part[1])
        return math.ceil(count) if self.order is None else max(int(count), 1)

    def __iter__(self) -> Iterator[Batch]:
        index = torch.arange(len(self.pictures.crops))
        if self.order is not None:
            seed, epoch = self.order
            index = self._shuffled(torch.Generator().manual_seed(seed * 100_003 + epoch))
            index = index[self.part[0] :: self.part[1]]
        for number in range(len(self)):
            chosen = index[number * self.batch : (number + 1) * self.batch]
            yield self.pictures.crops[chosen], self.pictures.targets.take(chosen)

    def _shuffled(self, generator: torch.Generator) -> Tensor:
        seen = torch.ones(len(self.pictures.crops), dtype=torch.bool)
        for (group, _), count in zip(self.pictures.shares, self._drawn(), strict=True):
            seen[group[torch.randperm(len(group), generator=generator)[count:]]] = False
        order = torch.randperm(len(seen), generator=generator)
        return order[seen[order]]

    def _always(self) -> int:
        return len(self.pictures.crops) - sum(len(group) for group, _ in self.pictures.shares)

    def _drawn(self) -> list[int]:
        shares = self.pictures.shares
        if self.order is None:
            return [len(group) for group, _ in shares]
        total = self._always() / (1 - sum(share for _, share in shares))
        return [round(share * total) for _, share in shares]

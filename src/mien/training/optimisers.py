"""A recipe's optimiser and its schedule."""

import math
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau

from mien.training.recipe import Optimiser


def build_optimiser(network: nn.Module, settings: Optimiser, *, steps: int, epochs: int) -> dict[str, Any]:
    """Return what Lightning's `configure_optimizers` should return.

    Args:
        network: whose weights are learnt; weights that are frozen now are included, for they may thaw.
        settings: which optimiser and schedule.
        steps: optimiser steps an epoch.
        epochs: passes in all.
    """
    optimizer = _optimizer(parameter_groups(network, settings), settings)
    total = steps * epochs
    if settings.schedule == "plateau":
        plateau = ReduceLROnPlateau(optimizer, factor=0.1, patience=3)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": plateau, "interval": "epoch", "monitor": "validation/loss"},
        }
    if settings.schedule == "one-cycle":
        one_cycle = OneCycleLR(optimizer, max_lr=settings.rate, total_steps=total)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": one_cycle, "interval": "step"}}
    warmup = settings.warmup_epochs * steps
    falls = settings.schedule == "cosine"
    schedule = LambdaLR(optimizer, lambda step: rate_share(step, warmup=warmup, total=total, falls=falls))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rate_share(step: int, *, warmup: float, total: int, falls: bool = True) -> float:
    """Return which share of the full rate a step has: it rises evenly, then falls to nothing as a cosine.

    Args:
        step: number of this one, from 0 on.
        warmup: in how many steps it rises.
        total: of all steps.
        falls: whether it falls afterwards; otherwise it stays.
    """
    if step < warmup:
        return min((step + 1) / warmup, 1.0)  # it may end within a step
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1))) if falls else 1.0


def kept_share(decay: float, step: int) -> float:
    """Return which share of itself a moving average of the weights keeps at a step, from 0 on.

    Its memory is short at first: the random weights of the start would otherwise stay in the average for epochs.

    Args:
        decay: the share when many steps are made.
        step: number of this one, from 0 on.
    """
    return min(decay, (1 + step) / (10 + step))


def parameter_groups(network: nn.Module, settings: Optimiser) -> list[dict[str, Any]]:
    """Return a network's weights as optimisers want them: matrices decay, biases and norms do not."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _optimizer(groups: list[dict[str, Any]], settings: Optimiser) -> Optimizer:
    if settings.kind == "sgd":
        return torch.optim.SGD(groups, lr=settings.rate, momentum=settings.momentum, nesterov=settings.momentum > 0)
    if settings.kind == "adam":
        return torch.optim.Adam(groups, lr=settings.rate)
    return torch.optim.AdamW(groups, lr=settings.rate)

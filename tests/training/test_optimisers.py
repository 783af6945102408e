"""Schedules step by step, against their definitions; and which weights decay."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from mien.training.optimisers import build_optimiser, parameter_groups
from mien.training.recipe import Optimiser

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")  # nothing is learnt here, so no step of it is made


def rates(settings, *, steps, epochs):
    """The rate of every step."""
    built = build_optimiser(nn.Linear(2, 2), settings, steps=steps, epochs=epochs)
    assert built["lr_scheduler"]["interval"] == "step"
    found = []
    for _ in range(steps * epochs):
        found.append(built["optimizer"].param_groups[0]["lr"])
        built["lr_scheduler"]["scheduler"].step()
    return found


def test_a_cosine_rises_for_its_warm_up_and_falls_to_nothing():
    found = rates(Optimiser(rate=0.4, schedule="cosine", warmup_epochs=2), steps=5, epochs=10)
    assert found[:10] == pytest.approx([0.04 * step for step in range(1, 11)])
    assert found[10:] == pytest.approx([0.2 * (1 + math.cos(math.pi * step / 40)) for step in range(40)])
    assert found[30] == pytest.approx(0.2)


def test_a_constant_rate_stays_after_its_warm_up():
    within_a_step = rates(Optimiser(rate=0.4, schedule="constant", warmup_epochs=0.625), steps=4, epochs=1)
    assert within_a_step == pytest.approx([0.16, 0.32, 0.4, 0.4])
    found = rates(Optimiser(rate=0.4, schedule="constant", warmup_epochs=1), steps=4, epochs=3)
    assert found == pytest.approx([0.1, 0.2, 0.3] + [0.4] * 9)


def test_one_cycle_rises_to_the_rate_and_ends_with_the_last_step():
    found = rates(Optimiser(kind="adam", rate=0.4, schedule="one-cycle"), steps=10, epochs=10)
    top = found.index(max(found))
    assert found[top] == pytest.approx(0.4, rel=1e-3)
    assert 20 < top < 40
    assert found == [*sorted(found[:top]), *sorted(found[top:], reverse=True)]
    assert found[0] < 0.05
    assert found[-1] < 1e-4


def test_one_cycle_moves_the_momentum_itself():
    built = build_optimiser(nn.Linear(2, 2), Optimiser(schedule="one-cycle"), steps=10, epochs=10)
    found = []
    for _ in range(100):
        found.append(built["optimizer"].param_groups[0]["momentum"])
        built["lr_scheduler"]["scheduler"].step()
    assert (found[0], min(found), found[-1]) == (pytest.approx(0.95), pytest.approx(0.85), pytest.approx(0.95))
    with pytest.raises(ValidationError, match=r"momentum = 0\.8 is not used: .*leave momentum out, or choose another"):
        Optimiser(schedule="one-cycle", momentum=0.8)
    assert Optimiser(schedule="one-cycle", momentum=0.9).momentum == 0.9  # as the recipes of runs spell it out


def test_on_a_plateau_the_rate_falls_to_a_tenth_after_three_epochs_without_a_gain():
    built = build_optimiser(nn.Linear(2, 2), Optimiser(rate=0.4, schedule="plateau"), steps=5, epochs=10)
    assert (built["lr_scheduler"]["interval"], built["lr_scheduler"]["monitor"]) == ("epoch", "validation/loss")
    found = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0):
        built["lr_scheduler"]["scheduler"].step(loss)
        found.append(built["optimizer"].param_groups[0]["lr"])
    assert found == pytest.approx([0.4] * 5 + [0.04])


def test_matrices_decay_and_biases_and_norms_do_not():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    decay, rest = parameter_groups(network, Optimiser(weight_decay=0.01))
    assert (decay["weight_decay"], rest["weight_decay"]) == (0.01, 0.0)
    assert [tuple(each.shape) for each in decay["params"]] == [(4, 1, 3, 3), (2, 4)]
    assert all(each.ndim == 1 for each in rest["params"])
    assert len(rest["params"]) == 4


@pytest.mark.parametrize(
    ("kind", "made"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_the_optimiser_is_the_recipes(kind, made):
    built = build_optimiser(nn.Linear(2, 2), Optimiser(kind=kind, rate=0.1, momentum=0.8), steps=1, epochs=1)
    assert type(built["optimizer"]) is made
    if kind == "sgd":
        group = built["optimizer"].param_groups[0]
        assert (group["momentum"], group["nesterov"]) == (0.8, True)

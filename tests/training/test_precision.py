import pytest
import torch

from mien.training import precision
from mien.training.precision import bf16_gain, precision_of
from mien.training.recipe import Loop


@pytest.mark.parametrize(("gain", "chosen"), [(2.2, "bf16"), (1.1, "32"), (0.6, "32")])
def test_the_precision_is_the_one_that_the_cpu_is_fast_in(monkeypatch, gain, chosen):
    monkeypatch.setattr(precision, "bf16_gain", lambda: gain)
    assert precision_of(Loop(device="cpu")) == chosen
    assert precision_of(Loop(device="cpu", precision="bf16")) == "bf16"


@pytest.mark.parametrize(("slow", "faster"), [(torch.float32, True), (torch.bfloat16, False)])
def test_the_cpu_is_tried_out(monkeypatch, slow, faster):
    clock = [0.0]

    def convolve(maps, weights, padding):
        clock[0] += 3.0 if maps.dtype == slow else 1.0

    monkeypatch.setattr(precision.functional, "conv2d", convolve)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    bf16_gain.cache_clear()
    try:
        assert bf16_gain() == pytest.approx(3.0 if faster else 1 / 3)
    finally:
        bf16_gain.cache_clear()


@pytest.mark.parametrize(("able", "chosen"), [(True, "bf16"), (False, "32")])
def test_the_precision_is_the_one_that_the_gpu_has(monkeypatch, able, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able)
    assert precision_of(Loop(device="gpu")) == chosen

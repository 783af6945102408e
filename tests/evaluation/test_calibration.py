import numpy as np
import pytest
from scipy.special import expit, softmax

from mien.evaluation.calibration import (
    fit_sharpening,
    fit_shifts,
    fit_temperature,
    reliability,
    uncalibrated,
)
from mien.evaluation.predictions import Predictions
from mien.inference.scores import sharpened


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_finds_the_temperature_that_the_labels_were_drawn_with(temperature):
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3, (20_000, 5))
    chances = softmax(logits / temperature, axis=1)
    targets = (chances.cumsum(axis=1) < draw.random((len(logits), 1))).sum(axis=1)
    found = fit_temperature(logits, targets)
    assert found == pytest.approx(temperature, rel=0.05)

    def error(by):
        scores = softmax(logits / by, axis=1)
        return reliability(scores, targets).error

    assert error(found) < 0.02
    assert error(found) <= error(1.0) + 0.005


def test_finds_the_temperature_of_independent_labels():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3, (20_000, 3))
    targets = draw.random(logits.shape) < expit(logits / 2.5)
    assert fit_temperature(logits, targets) == pytest.approx(2.5, rel=0.05)


def test_finds_what_each_of_several_labels_says_too_little():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 2, (20_000, 3))
    short = np.array([-1.0, 0.0, 2.0])
    targets = draw.random(logits.shape) < expit((logits + short) / 2)
    assert fit_shifts(logits, targets) == pytest.approx(short, abs=0.1)


def test_finds_what_each_label_of_one_says_too_little():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 2, (20_000, 3))
    short = np.array([-1.0, 0.0, 2.0])
    chances = softmax((logits + short) / 2, axis=1)
    targets = (chances.cumsum(axis=1) < draw.random((len(logits), 1))).sum(axis=1)
    found = fit_shifts(logits, targets)
    assert found - found.mean() == pytest.approx(short - short.mean(), abs=0.1)


def test_a_few_pictures_make_no_large_shifts():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 2, (6, 2))
    never = np.zeros(logits.shape, bool)
    found = fit_shifts(logits, never)
    assert (found < 0).all()
    assert (found > -100).all()


def test_finds_how_the_temperature_depends_on_the_entropy():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3, (20_000, 5))
    chances = sharpened(logits / 0.8, 0.3)
    targets = (chances.cumsum(axis=1) < draw.random((len(logits), 1))).sum(axis=1)
    temperature, power = fit_sharpening(logits, targets)
    assert (temperature, power) == pytest.approx((0.8, 0.3), abs=0.03)


def test_sharpening_weighs_the_brier_score_and_three_tenths_of_the_likelihood():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3, (2000, 4))
    targets = np.where(draw.random(2000) < 0.1, draw.integers(0, 4, 2000), logits.argmax(axis=1))  # mistaken labels

    def loss(temperature, power):
        scores = sharpened(logits / temperature, power)
        right = scores[np.arange(2000), targets]
        brier = 1 - 2 * right + (scores**2).sum(axis=1)
        return brier.mean() - 0.3 * np.log(np.maximum(right, 1e-12)).mean()

    best = min(loss(by, power) for by in np.geomspace(0.2, 5, 30) for power in np.linspace(0, 1, 21))
    assert loss(*fit_sharpening(logits, targets)) <= best + 1e-5


@pytest.mark.parametrize("power", [0.0, 0.1, 0.5])
def test_the_scores_before_the_temperature_of_each_picture_come_back(power):
    logits = np.random.default_rng(0).normal(0, 1, (200, 4))
    scores = sharpened(logits / 0.7, power)
    made = Predictions(
        np.arange(200).astype(str),
        np.zeros(200, int),
        scores,
        tuple("abcd"),
        "m",
        temperature=0.7,
        entropy_power=power,
    )
    assert uncalibrated(made) == pytest.approx(softmax(logits, axis=1), abs=1e-6)


def test_the_scores_before_the_temperature_come_back():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3, (50, 4))
    single = Predictions(
        np.arange(50).astype(str), np.zeros(50, int), softmax(logits / 0.7, axis=1), tuple("abcd"), "m", temperature=0.7
    )
    assert uncalibrated(single) == pytest.approx(softmax(logits, axis=1))
    several = Predictions(
        single.ids, logits > 0, expit(logits / 0.7), tuple("abcd"), "m", task="multi", temperature=0.7
    )
    assert uncalibrated(several) == pytest.approx(expit(logits))


def test_reliability_counts_every_label_where_there_are_several():
    bins = reliability(np.array([[0.9, 0.05], [0.8, 0.95]]), np.array([[True, False], [False, True]]))
    assert bins.counts.sum() == 4
    assert bins.error == pytest.approx((abs(0.9 + 0.95 - 2) + abs(0.05) + 0.8) / 4, abs=0.01)

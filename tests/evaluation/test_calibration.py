from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax

from mien.evaluation.calibration import (
    accuracy_of_surest,
    classwise_error,
    fit_sharpening,
    fit_shifts,
    fit_temperature,
    fit_unsure,
    reliability,
    risk_coverage,
    stated_and_found,
    stated_error,
    uncalibrated,
    with_unsure,
)
from mien.evaluation.metrics import calibration_error
from mien.evaluation.predictions import Predictions
from mien.inference.scores import sharpened
from mien.model_card import Head


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
        return calibration_error(Predictions(targets.astype(str), targets, scores, tuple("abcde"), "m"))

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


def answers(confidences, right):
    """Two labels; the answer is always the first one."""
    scores = np.array([[value, 1 - value] for value in confidences])
    targets = np.where(right, 0, 1)
    return Predictions(np.arange(len(scores)).astype(str), targets, scores, ("a", "b"), "m")


FIVE = answers([0.95, 0.9, 0.8, 0.7, 0.6], [True, True, False, True, False])


def test_risk_grows_with_coverage_and_its_area_is_the_mean():
    curve = risk_coverage(FIVE)
    assert curve.thresholds.tolist() == [0.95, 0.9, 0.8, 0.7, 0.6]
    assert curve.coverage == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])
    assert curve.risk == pytest.approx([0, 0, 1 / 3, 1 / 4, 2 / 5])
    assert curve.area == pytest.approx((1 / 3 + 1 / 4 + 2 / 5) / 5)
    assert accuracy_of_surest(FIVE, 0.8) == 0.75
    assert accuracy_of_surest(FIVE, 0.81) == pytest.approx(0.6)


def test_equal_confidences_are_taken_together():
    curve = risk_coverage(answers([0.9, 0.7, 0.7, 0.7], [True, False, True, True]))
    assert curve.coverage == pytest.approx([0.25, 1])
    assert curve.area == pytest.approx(0.25 * 0 + 0.75 * 0.25)


def test_unsure_answers_as_often_as_the_stated_rate_allows():
    assert fit_unsure(FIVE, 0.0) == 0.9
    assert fit_unsure(FIVE, 0.25) == 0.7
    assert fit_unsure(FIVE, 0.4) == 0.0
    assert fit_unsure(answers([0.9, 0.8], [False, True]), 0.3) is None
    assert stated_error(FIVE) == 0.25
    head = with_unsure(Head("h", "single", ("a", "b")), FIVE)
    assert (head.unsure_below, head.unsure_error) == (0.7, 0.25)
    kept = [value >= 0.7 for value in (0.95, 0.9, 0.8, 0.7, 0.6)]
    assert [not head.is_unsure(value) for value in (0.95, 0.9, 0.8, 0.7, 0.6)] == kept
    impossible = with_unsure(Head("h", "single", ("a", "b")), answers([0.9, 0.8], [False, True]), error_rate=0.3)
    assert (impossible.unsure_below, impossible.unsure_error) == (None, None)


def test_what_the_verdict_does_is_told_of_both_sides():
    found = stated_and_found(replace(FIVE, unsure_below=0.75, unsure_error=0.2))
    assert found == pytest.approx(
        {"below": 0.75, "stated_error": 0.2, "unsure": 0.4, "error": 1 / 3, "error_of_unsure": 1 / 2}
    )


def test_classwise_error_is_the_mean_over_classes():
    # Every picture has a bin of its own, and the second class is the mirror image of the first.
    assert classwise_error(FIVE) == pytest.approx((0.05 + 0.1 + 0.8 + 0.3 + 0.6) / 5)

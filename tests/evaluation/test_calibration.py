import numpy as np
import pytest
from scipy.special import expit, softmax

from mien.evaluation.calibration import fit_temperature, reliability, uncalibrated
from mien.evaluation.metrics import calibration_error
from mien.evaluation.predictions import Predictions


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

import numpy as np
import pytest
from scipy.special import softmax

from mien.evaluation.calibration import fit_temperature
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

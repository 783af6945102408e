from dataclasses import replace

import numpy as np
import pytest

from mien.evaluation.metrics import metrics_of
from mien.evaluation.predictions import Predictions
from mien.evaluation.selective import fit_unsure, risk_coverage, stated_and_found, stated_error, with_unsure
from mien.model_card import Head


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
    found = metrics_of(FIVE)
    assert found["risk_coverage_area"] == pytest.approx((1 / 3 + 1 / 4 + 2 / 5) / 5)
    assert found["accuracy_of_surest_80"] == 0.75


def test_equal_confidences_are_taken_together():
    equal = answers([0.9, 0.7, 0.7, 0.7], [True, False, True, True])
    assert risk_coverage(equal).coverage == pytest.approx([0.25, 1])
    assert metrics_of(equal)["risk_coverage_area"] == pytest.approx(0.25 * 0 + 0.75 * 0.25)


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
    assert metrics_of(FIVE)["classwise_ece"] == pytest.approx((0.05 + 0.1 + 0.8 + 0.3 + 0.6) / 5)

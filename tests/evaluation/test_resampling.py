"""Metrics of resamples against scikit-learn's on the pictures that were drawn, one resample after the other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from mien.evaluation import resampling
from mien.evaluation.against_votes import compare_with_votes
from mien.evaluation.metrics import measure, metrics_of
from mien.evaluation.predictions import Predictions
from mien.evaluation.resampling import Statistics, draw_weights
from mien.labels import FERPLUS8


def single(seed, count=150):
    draw = np.random.default_rng(seed)
    scores = draw.dirichlet([0.6] * 8, count)
    scores[: count // 3] = scores[count // 3 : 2 * (count // 3)]  # equal scores
    targets = np.where(draw.random(count) < 0.5, scores.argmax(axis=1), draw.integers(0, 8, count))
    votes = draw.multinomial(10, draw.dirichlet([0.4] * 10), count).astype(np.float32)
    votes[:5] = np.nan
    return Predictions(np.arange(count).astype(str), targets, scores, FERPLUS8.labels, "m", votes=votes)


def several(seed, count=150, task="multi"):
    draw = np.random.default_rng(seed)
    targets = draw.random((count, 3)) < [0.5, 0.2, 0.05]
    scores = np.round(np.clip(0.6 * draw.random((count, 3)) + 0.3 * targets, 0, 1), 2)
    width = 1 if task == "gate" else 3
    return Predictions(
        np.arange(count).astype(str),
        targets[:, :width],
        scores[:, :width],
        ("a", "b", "c")[:width],
        "m",
        task=task,
        thresholds=(0.4, 0.35, 0.3)[:width],
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from(["single", "multi", "gate"]))
@example(8305, "single")  # a resample in which all annotators agree alike
def test_a_weighted_metric_is_the_metric_of_the_drawn_pictures(seed, task):
    predictions = single(seed) if task == "single" else several(seed, task=task)
    (weights,) = draw_weights(len(predictions), resamples=4, seed=seed)
    found = Statistics(predictions)(weights)
    assert set(found) == set(metrics_of(predictions)) | {name for name in found if "/" in name}
    for number, counts in enumerate(weights.astype(int)):
        drawn = predictions.take(np.repeat(np.arange(len(predictions)), counts))
        expected = metrics_of(drawn)
        assert {name: found[name][number] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_what_a_resample_lacks_is_left_out_of_the_interval():
    predictions = single(3)
    rare = predictions.targets.copy()
    rare[rare == 7] = 0
    rare[0] = 7  # in about a third of the resamples no picture of this class is drawn
    found = measure(Predictions(predictions.ids, rare, predictions.scores, FERPLUS8.labels, "m"), resamples=200)
    assert all(np.isfinite([estimate.low, estimate.high]).all() for estimate in found.values())
    assert found["recall/contempt"].low == found["recall/contempt"].high


def test_entropy_correlation_is_spearmans():
    predictions = single(5)
    rows = compare_with_votes(predictions)
    expected = spearmanr(rows.predicted_entropy, rows.annotators_entropy).statistic
    assert metrics_of(predictions)["entropy_correlation"] == pytest.approx(expected)


def test_votes_by_hand():
    votes = np.zeros((3, 10), np.float32)
    votes[0, :2] = [6, 4]  # neutral, happiness
    votes[1, [2, 8]] = [9, 1]  # surprise, one unknown
    votes[2] = np.nan
    scores = np.full((3, 8), 0.4 / 6)
    scores[:, 0], scores[:, 2] = [0.4, 0.2, 0.3], [0.2, 0.4, 0.3]
    scores /= scores.sum(axis=1, keepdims=True)
    targets = np.array([0, 2, 0])
    found = metrics_of(Predictions(targets.astype(str), targets, scores, FERPLUS8.labels, "m", votes=votes))
    p = scores
    cross = [-(0.6 * np.log(p[0, 0]) + 0.4 * np.log(p[0, 1])), -np.log(p[1, 2])]
    entropy = [-(0.6 * np.log(0.6) + 0.4 * np.log(0.4)), 0]
    assert found["vote_cross_entropy"] == pytest.approx(np.mean(cross))
    assert found["vote_divergence"] == pytest.approx(np.mean(cross) - np.mean(entropy))
    assert found["annotator_accuracy"] == pytest.approx((0.6 + 0.9) / 2)
    # Of six neutral votes each sees five neutral against four; each of four happy ones sees six neutral.
    assert found["human_accuracy"] == pytest.approx((0.6 + 0.9) / 2)


def test_an_annotator_is_compared_with_the_others_and_not_with_himself():
    votes = np.zeros((1, 10), np.float32)
    votes[0, :2] = 5  # of the other nine five say what he does not
    targets = np.zeros(1, int)
    found = metrics_of(Predictions(np.array(["a"]), targets, np.eye(8)[:1], FERPLUS8.labels, "m", votes=votes))
    assert found["human_accuracy"] == 0


@pytest.mark.parametrize("faces", [False, True])
def test_a_gate_is_scored_where_all_or_none_are_faces(faces):
    scores = np.random.default_rng(0).random((60, 1))
    targets = np.full((60, 1), faces)
    found = measure(Predictions(np.arange(60).astype(str), targets, scores, ("face",), "m", task="gate"), resamples=50)
    assert found["accuracy"].low < found["accuracy"].value < found["accuracy"].high
    assert "roc_auc" not in found


@pytest.mark.parametrize("task", ["single", "gate"])
def test_a_resample_of_one_class_has_no_roc_area_rather_than_one_of_zero(task):
    other = np.arange(7) == 6  # a third of the resamples miss it
    scores = np.where(other[:, None], [[0.1, 0.9]], [[0.9, 0.1]])
    if task == "single":
        found = measure(Predictions(np.arange(7).astype(str), other.astype(int), scores, ("a", "b"), "m"))
    else:
        gate = Predictions(np.arange(7).astype(str), ~other[:, None], scores[:, :1], ("face",), "m", task="gate")
        found = measure(gate)
    assert (found["roc_auc"].value, found["roc_auc"].low, found["roc_auc"].high) == (1, 1, 1)


def test_pictures_of_one_class_that_are_all_right_have_a_kappa_of_zero_and_an_interval():
    scores = np.tile([0.9, 0.1], (5, 1))
    found = measure(Predictions(np.arange(5).astype(str), np.zeros(5, int), scores, ("a", "b"), "m"), resamples=20)
    assert (found["kappa"].value, found["kappa"].low, found["kappa"].high) == (0, 0, 0)


@pytest.mark.filterwarnings("error")
def test_a_resample_without_votes_is_left_out():
    predictions = single(4, count=12)
    votes = np.full((12, 10), np.nan, np.float32)
    votes[3:5] = [[0, 8, 2, 0, 0, 0, 0, 0, 0, 0], [6, 2, 2, 0, 0, 0, 0, 0, 0, 0]]
    found = Statistics(replace(predictions, votes=votes))(np.array([[2.0] * 3 + [0.0] * 2 + [1.0] * 7, [1.0] * 12]))
    for name in ("vote_cross_entropy", "annotator_accuracy", "human_accuracy", "entropy_correlation"):
        assert np.isnan(found[name]).tolist() == [True, False]


def test_of_many_pictures_fewer_resamples_come_together_and_they_are_the_same(monkeypatch):
    together = np.concatenate(list(draw_weights(40, resamples=12, seed=3)))
    monkeypatch.setattr(resampling, "MOST_WEIGHTS", 200)
    parts = list(draw_weights(40, resamples=12, seed=3))
    assert [len(part) for part in parts] == [5, 5, 2]
    assert (np.concatenate(parts) == together).all()
    monkeypatch.setattr(resampling, "MOST_WEIGHTS", 10)
    assert [len(part) for part in draw_weights(40, resamples=2, seed=3)] == [1, 1]

"""Metrics of all pictures and of resamples against scikit-learn's on the pictures that were drawn."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from mien.evaluation.against_votes import compare_with_votes
from mien.evaluation.metrics import measure, metrics_of
from mien.evaluation.predictions import Predictions
from mien.evaluation.resampling import draw_weights
from mien.evaluation.weighted_metrics import Statistics
from mien.labels import FERPLUS8
from tests.evaluation.by_scikit_learn import metrics_by_scikit_learn


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
    assert set(found) == set(metrics_by_scikit_learn(predictions)) | {name for name in found if "/" in name}
    for number, counts in enumerate(weights.astype(int)):
        drawn = predictions.take(np.repeat(np.arange(len(predictions)), counts))
        expected = metrics_by_scikit_learn(drawn)
        assert {name: found[name][number] for name in expected} == pytest.approx(expected, abs=1e-9)


def of_one_class(made):
    return replace(made, targets=np.full(len(made), 3))


def never(made, column):
    return replace(made, targets=made.targets & (np.arange(made.targets.shape[1]) != column))


def always(made):
    return replace(made, targets=np.ones_like(made.targets))


def alike(made):
    return replace(made, scores=np.full(made.scores.shape, 0.125))


def first_label(made):
    return replace(
        made, targets=made.targets[:, :1], scores=made.scores[:, :1], labels=("a",), thresholds=made.thresholds[:1]
    )


def of_labels(count):
    scores = np.random.default_rng(count).dirichlet([0.6] * count, 60)
    return Predictions(np.arange(60).astype(str), np.arange(60) % count, scores, tuple("abc"[:count]), "m")


ALL, GATE, SEVERAL = single(1), several(1, task="gate"), several(1)
EDGES = {
    "one label": ALL,
    "a class is missing": replace(ALL, targets=ALL.targets % 7),
    "only one class": of_one_class(ALL),
    "only one class, always said": of_one_class(replace(ALL, scores=np.eye(8)[np.full(len(ALL), 3)])),
    "only one class, never said": of_one_class(replace(ALL, scores=np.eye(8)[np.full(len(ALL), 4)])),
    "equal probabilities": alike(ALL),
    "one picture": ALL.take(np.array([7])),
    "one picture without votes": ALL.take(np.array([0])),
    "no votes": replace(ALL, votes=None),
    "votes of one emotion only": replace(ALL, votes=np.tile(np.eye(10, dtype=np.float32)[1] * 10, (len(ALL), 1))),
    "two labels": of_labels(2),
    "three labels": of_labels(3),
    "several labels": SEVERAL,
    "no thresholds": replace(SEVERAL, thresholds=None),
    "a label is missing": never(SEVERAL, 2),
    "no label at all": replace(SEVERAL, targets=np.zeros_like(SEVERAL.targets)),
    "every label": always(SEVERAL),
    "several labels, equal probabilities": alike(SEVERAL),
    "several labels, nothing said": replace(SEVERAL, thresholds=(1.0, 1.0, 1.0)),
    "several labels, one picture": SEVERAL.take(np.array([7])),
    "a lone label": first_label(SEVERAL),
    "a lone label that is missing": first_label(never(SEVERAL, 0)),
    "a gate": GATE,
    "a gate without threshold": replace(GATE, thresholds=None),
    "a gate, equal probabilities": alike(GATE),
    "a gate, no face": never(GATE, 0),
    "a gate, faces only": always(GATE),
    "a gate, one picture": GATE.take(np.array([7])),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@pytest.mark.parametrize("case", EDGES)
def test_all_pictures_have_the_metrics_that_scikit_learn_gives_and_in_the_order_of_the_files(case):
    expected = metrics_by_scikit_learn(EDGES[case])
    found = metrics_of(EDGES[case])
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, abs=1e-12)


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

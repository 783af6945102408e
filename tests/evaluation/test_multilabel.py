"""Several labels: each metric against its definition written out, thresholds against every possible one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import label_ranking_loss

from mien.evaluation.metrics import measure, metrics_of
from mien.evaluation.multilabel import (
    NEVER,
    fit_gate_threshold,
    fit_thresholds,
    ranking_loss_rows,
)
from mien.evaluation.predictions import Predictions


def random_predictions(seed, count=40, labels=4):
    draw = np.random.default_rng(seed)
    targets = draw.random((count, labels)) < [0.6, 0.3, 0.2, 0.1][:labels]
    targets[:2] = [[True] * labels, [False] * labels]
    scores = np.round(np.clip(draw.random((count, labels)) * 0.7 + 0.3 * targets, 0, 1), 2)  # rounded: ties
    names = tuple("abcd"[:labels])
    return Predictions(
        np.arange(count).astype(str), targets, scores, names, "m", task="multi", thresholds=(0.3, 0.4, 0.6, 0.7)
    )


def f1(said, true):
    hits = sum(s and t for s, t in zip(said, true, strict=True))
    return 2 * hits / (sum(said) + sum(true)) if sum(said) + sum(true) else 0


def slow(predictions, thresholds):
    scores, targets = predictions.scores.tolist(), predictions.targets.tolist()
    said = [[s >= t for s, t in zip(row, thresholds, strict=True)] for row in scores]
    pairs = [(s, t) for row, right in zip(said, targets, strict=True) for s, t in zip(row, right, strict=True)]
    columns = list(zip(zip(*said, strict=True), zip(*targets, strict=True), strict=True))
    rows = list(zip(said, targets, strict=True))
    losses, precisions = [], []
    for row, right in zip(scores, targets, strict=True):
        on = [s for s, t in zip(row, right, strict=True) if t]
        off = [s for s, t in zip(row, right, strict=True) if not t]
        losses.append(sum(a <= b for a in on for b in off) / (len(on) * len(off)) if on and off else 0)
    for label in range(len(predictions.labels)):
        column = sorted({row[label] for row in scores}, reverse=True)
        area, recall = 0, 0
        for threshold in column:
            over = [right[label] for row, right in zip(scores, targets, strict=True) if row[label] >= threshold]
            now = sum(over) / sum(right[label] for right in targets)
            area, recall = area + (now - recall) * sum(over) / len(over), now
        precisions.append(area)
    return {
        "hamming_loss": sum(s != t for s, t in pairs) / len(pairs),
        "subset_accuracy": sum(s == t for s, t in rows) / len(rows),
        "micro_f1": f1(*zip(*pairs, strict=True)),
        "macro_f1": sum(f1(s, t) for s, t in columns) / len(columns),
        "sample_f1": sum(1 if not any(s) and not any(t) else f1(s, t) for s, t in rows) / len(rows),
        "said_cardinality": sum(map(sum, said)) / len(rows),
        "cardinality": sum(map(sum, targets)) / len(rows),
        "ranking_loss": sum(losses) / len(losses),
        "map": sum(precisions) / len(precisions),
    }


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_metrics_are_what_their_definitions_say(seed):
    predictions = random_predictions(seed)
    found = metrics_of(predictions)
    fixed = slow(predictions, [0.5] * 4)
    assert {name: found[name] for name in fixed} == pytest.approx(fixed)
    tuned = slow(predictions, predictions.thresholds)
    assert {name: found[f"tuned_{name}"] for name in tuned if f"tuned_{name}" in found} == pytest.approx(
        {name: tuned[name] for name in tuned if f"tuned_{name}" in found}
    )
    assert "tuned_macro_f1" in found


def rare(draw, count):
    """Return scores that mean what they say, and where the label is present: in about one of twenty."""
    probabilities = draw.beta(0.2, 3.8, (count, 1))
    return probabilities, draw.random((count, 1)) < probabilities


def f1_at(threshold, scores, targets):
    said = scores >= threshold
    return 2 * (said & targets).sum() / (said.sum() + targets.sum())


def test_the_best_threshold_of_honest_scores_is_half_of_the_f1_that_it_gives():
    # Lipton, Elkan & Narayanaswamy 2014, theorem 1.
    scores, targets = rare(np.random.default_rng(0), 40_000)
    (threshold,) = fit_thresholds(scores, targets)
    assert threshold == pytest.approx(f1_at(threshold, scores, targets) / 2, abs=0.02)


def test_scores_that_say_too_little_choose_the_same_pictures():
    scores, targets = rare(np.random.default_rng(0), 4000)
    timid = 1 / (1 + np.exp(1 + 0.5 * np.log(1 / scores - 1)))
    (threshold,), (lower,) = fit_thresholds(scores, targets), fit_thresholds(timid, targets)
    assert lower < threshold
    assert (timid >= lower).sum() == pytest.approx((scores >= threshold).sum(), rel=0.02)


def test_on_new_pictures_of_a_rare_label_it_beats_the_threshold_that_was_best_on_validation():
    draw = np.random.default_rng(0)
    better = []
    for _ in range(40):
        (scores, targets), (new, right) = rare(draw, 300), rare(draw, 4000)
        (fitted,) = fit_thresholds(scores, targets)
        best = max(scores[:, 0], key=lambda at, s=scores, t=targets: f1_at(at, s, t))
        better.append(f1_at(fitted, new, right) - f1_at(best, new, right))
    assert np.mean(better) > 0.01


def test_thresholds_stand_between_scores_and_never_below_what_nobody_has():
    scores = np.array([[0.9, 0.5], [0.6, 0.4], [0.2, 0.3], [0.1, 0.2]])
    targets = np.array([[True, False], [True, False], [False, False], [False, False]])
    threshold, never = fit_thresholds(scores, targets)
    assert threshold == pytest.approx(0.4)
    assert never == NEVER
    close = np.array([[0.5], [np.nextafter(0.5, 0)]])
    assert fit_gate_threshold(close, np.array([[True], [False]])) == (0.5,)


def test_of_thresholds_that_are_equally_good_the_lowest_is_taken():
    scores, targets = np.array([[0.9], [0.7], [0.5], [0.3]]), np.array([[True], [False], [True], [False]])
    assert fit_gate_threshold(scores, targets) == pytest.approx((0.4,))  # one half of both sides at 0.8 and at 0.4


def test_labels_of_equal_scores_are_in_the_wrong_order():
    draw = np.random.default_rng(0)
    scores, targets = np.round(draw.random((200, 4)), 1), draw.random((200, 4)) < 0.4
    predictions = Predictions(np.arange(200).astype(str), targets, scores, tuple("abcd"), "m", task="multi")
    expected = [label_ranking_loss(targets[[n]], scores[[n]]) for n in range(200)]
    assert ranking_loss_rows(predictions) == pytest.approx(expected)


def test_a_label_that_every_picture_has_is_always_said():
    (threshold,) = fit_thresholds(np.array([[1.0], [0.4], [0.0]]), np.ones((3, 1), bool))
    assert threshold == 0


def test_a_gate_is_measured_as_yes_or_no():
    targets = np.array([[True], [True], [True], [False]])
    scores = np.array([[0.9], [0.8], [0.3], [0.4]])
    gate = Predictions(np.arange(4).astype(str), targets, scores, ("face",), "m", task="gate", thresholds=(0.35,))
    found = metrics_of(gate)
    assert {name: found[name] for name in found if name not in ("nll", "brier", "ece")} == pytest.approx(
        {
            "accuracy": 0.5,
            "balanced_accuracy": (2 / 3 + 0) / 2,
            "precision": 2 / 3,
            "recall": 2 / 3,
            "f1": 2 / 3,
            "roc_auc": 2 / 3,
            "average_precision": (1 + 1 + 3 / 4) / 3,
        }
    )


def test_the_threshold_of_a_gate_weighs_both_sides_alike():
    draw = np.random.default_rng(0)
    targets = np.arange(400) % 20 > 0  # nineteen faces for one other thing
    scores = np.clip(draw.normal(np.where(targets, 0.7, 0.3), 0.15), 0, 1)[:, None]
    (threshold,) = fit_gate_threshold(scores, targets[:, None])

    def balanced(at):
        said = scores[:, 0] >= at
        return (said[targets].mean() + (~said[~targets]).mean()) / 2

    assert balanced(threshold) == pytest.approx(max(balanced(at) for at in scores[:, 0]))
    assert threshold > fit_thresholds(scores, targets[:, None])[0]


def test_one_label_alone_is_measured_as_one_of_several():
    targets, scores = np.array([[True], [True], [False], [False]]), np.array([[0.9], [0.2], [0.6], [0.1]])
    found = measure(
        Predictions(np.arange(4).astype(str), targets, scores, ("happiness",), "m", task="multi", thresholds=(0.15,)),
        resamples=50,
    )
    values = {name: each.value for name, each in found.items()}
    at_half = {"hamming_loss": 0.5, "subset_accuracy": 0.5, "micro_f1": 0.5, "macro_f1": 0.5, "sample_f1": 0.5}
    assert {name: values[name] for name in at_half} == at_half
    assert (values["precision/happiness"], values["recall/happiness"], values["said_cardinality"]) == (0.5, 0.5, 0.5)
    assert values["tuned_f1/happiness"] == values["tuned_macro_f1"] == pytest.approx(0.8)
    assert all(each.low <= each.high for each in found.values())

"""Each metric against an implementation of its own, written out the slow way."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.evaluation.metrics import confusion, measure, metrics_of
from mien.evaluation.predictions import Predictions


def random_predictions(seed, count=60, labels=4):
    draw = np.random.default_rng(seed)
    scores = draw.dirichlet([0.5] * labels, count)
    targets = draw.integers(0, labels, count)
    names = tuple("abcdefgh"[:labels])
    return Predictions(np.array([f"p{n}" for n in range(count)]), targets, scores, names, "m")


def slow(predictions):
    rows = list(zip(predictions.scores.tolist(), predictions.targets.tolist(), strict=True))
    guesses = [scores.index(max(scores)) for scores, _ in rows]
    classes = sorted({target for _, target in rows})
    recalls, f1s = [], []
    for c in classes:
        hits = sum(g == t == c for g, (_, t) in zip(guesses, rows, strict=True))
        actual = sum(t == c for _, t in rows)
        said = guesses.count(c)
        recalls.append(hits / actual)
        f1s.append(2 * hits / (actual + said) if actual + said else 0)
    bins = [[] for _ in range(15)]
    for guess, (scores, target) in zip(guesses, rows, strict=True):
        bins[min(int(max(scores) * 15), 14)].append((max(scores), guess == target))
    gaps = (abs(sum(c for c, _ in b) / len(b) - sum(h for _, h in b) / len(b)) * len(b) for b in bins if b)
    return {
        "accuracy": sum(g == t for g, (_, t) in zip(guesses, rows, strict=True)) / len(rows),
        "balanced_accuracy": sum(recalls) / len(recalls),
        "macro_f1": sum(f1s) / len(f1s),
        "top3_accuracy": sum(sum(s > scores[t] for s in scores) < 3 for scores, t in rows) / len(rows),
        "nll": sum(-math.log(max(scores[t], 1e-12)) for scores, t in rows) / len(rows),
        "ece": sum(gaps) / len(rows),
    }


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_metrics_are_what_their_definitions_say(seed):
    predictions = random_predictions(seed)
    expected = slow(predictions)
    found = metrics_of(predictions)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_perfect_and_hopeless():
    targets = np.array([0, 1, 2, 3] * 5)
    perfect = Predictions(targets.astype(str), targets, np.eye(4)[targets], tuple("abcd"), "m")
    expected = {"accuracy": 1, "balanced_accuracy": 1, "macro_f1": 1, "top3_accuracy": 1, "nll": 0, "ece": 0}
    found = metrics_of(perfect)
    assert {name: found[name] for name in expected} == expected
    hopeless = Predictions(targets.astype(str), (targets + 1) % 4, perfect.scores, tuple("abcd"), "m")
    found = metrics_of(hopeless)
    assert (found["accuracy"], found["ece"]) == (0, 1)
    assert found["nll"] == pytest.approx(-math.log(1e-12))


def test_intervals_hold_the_value_are_reproducible_and_shrink():
    small, large = random_predictions(1, 60), random_predictions(1, 2000)
    a, b = measure(small, resamples=200), measure(small, resamples=200)
    assert a == b
    accuracy = a["accuracy"]
    assert accuracy.low < accuracy.value < accuracy.high
    exact = 1.96 * math.sqrt(accuracy.value * (1 - accuracy.value) / 60)
    assert (accuracy.high - accuracy.low) / 2 == pytest.approx(exact, rel=0.25)
    wide, narrow = (e.high - e.low for e in (accuracy, measure(large, resamples=200)["accuracy"]))
    assert narrow < wide / 3


def test_an_interval_is_that_of_95_percent_of_the_resamples():
    predictions = random_predictions(3, 300)
    right = predictions.scores.argmax(axis=1) == predictions.targets
    draw = np.random.default_rng(6)
    drawn = sorted(right[draw.integers(300, size=300)].mean() for _ in range(1000))
    found = measure(predictions, seed=6)["accuracy"]
    assert drawn[24] <= found.low <= drawn[25] < drawn[974] <= found.high <= drawn[975]


def test_confusion_counts_what_was_said_for_what_was_right():
    predictions = random_predictions(2)
    counts = confusion(predictions)
    assert counts.sum() == len(predictions)
    assert np.trace(counts) / 60 == pytest.approx(metrics_of(predictions)["accuracy"])
    assert counts.sum(axis=1).tolist() == np.bincount(predictions.targets, minlength=4).tolist()

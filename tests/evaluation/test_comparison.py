from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from mien.errors import DataError
from mien.evaluation.comparison import compare
from mien.evaluation.predictions import Predictions


def model(name, seed, skill, count=400):
    draw = np.random.default_rng(0)
    targets = draw.integers(0, 3, count)
    noise = np.random.default_rng(seed).dirichlet([1, 1, 1], count)
    scores = skill * np.eye(3)[targets] + (1 - skill) * noise
    return Predictions(np.arange(count).astype(str), targets, scores, ("a", "b", "c"), name, head="h", truth="label")


def test_a_better_model_is_better():
    worse, better = model("worse", 1, 0.1), model("better", 2, 0.3)
    found = compare(worse, better, resamples=300)
    right = [each.scores.argmax(axis=1) == each.targets for each in (worse, better)]
    assert found.only_a == (right[0] & ~right[1]).sum()
    assert found.only_b == (right[1] & ~right[0]).sum()
    assert found.p == pytest.approx(binomtest(found.only_a, found.only_a + found.only_b).pvalue)
    assert found.p < 0.001
    accuracy = found.differences["accuracy"]
    assert (accuracy.a, accuracy.b) == tuple(
        accuracy_score(each.targets, each.scores.argmax(axis=1)) for each in (worse, better)
    )
    assert accuracy.is_shown
    assert accuracy.low < accuracy.b - accuracy.a < accuracy.high


def test_the_same_model_does_not_differ_from_itself():
    a = model("a", 1, 0.2)
    found = compare(a, a, resamples=50)
    assert (found.only_a, found.only_b, found.p) == (0, 0, 1)
    assert all(each.low == each.high == 0 and not each.is_shown for each in found.differences.values())


def test_models_of_one_name_are_told_apart():
    a, b = model("nano", 1, 0.2), model("nano", 2, 0.2)
    found = compare(a, b, resamples=2)
    assert (found.a, found.b) == ("nano, the first", "nano, the second")
    found = compare(replace(a, sha256="1" * 64), replace(b, sha256="2" * 64), resamples=2)
    assert (found.a, found.b) == ("nano 11111111", "nano 22222222")


def test_order_of_pictures_and_labels_does_not_matter():
    a, b = model("a", 1, 0.1), model("b", 2, 0.3)
    turn, columns = np.random.default_rng(3).permutation(400), [2, 0, 1]
    turned = Predictions(
        b.ids[turn],
        np.argsort(columns)[b.targets[turn]],
        b.scores[turn][:, columns],
        tuple(b.labels[column] for column in columns),
        "b",
        head="h",
        truth="label",
    )
    assert compare(a, turned, resamples=50) == compare(a, b, resamples=50)


def test_the_interval_of_a_difference_is_that_of_95_percent_of_the_resamples():
    a, b = model("a", 1, 0.2), model("b", 2, 0.3)
    gain = (b.scores.argmax(axis=1) == b.targets).astype(int) - (a.scores.argmax(axis=1) == a.targets)
    draw = np.random.default_rng(7)
    drawn = sorted(gain[draw.integers(400, size=400)].mean() for _ in range(1000))
    found = compare(a, b, seed=7).differences["accuracy"]
    within = 1e-9  # differences of two shares, against shares of differences
    assert drawn[24] - within <= found.low <= drawn[25] + within
    assert drawn[974] - within <= found.high <= drawn[975] + within


def test_pairing_narrows_the_interval():
    a = model("a", 1, 0.2)
    scores = a.scores.copy()
    scores[:5] = np.eye(3)[(a.targets[:5] + 1) % 3]
    found = compare(a, replace(a, scores=scores, model="b"), resamples=300).differences["accuracy"]
    assert found.high - found.low < 0.03  # unpaired it would be about 0.13


def test_what_cannot_be_compared():
    a = model("a", 1, 0.2)
    with pytest.raises(DataError, match="compare heads of the same labels"):
        compare(a, replace(a, labels=("a", "b", "d"), model="b"))
    with pytest.raises(DataError, match=r"a has 400 pictures and b 399, not the same ones \(0 is one\)"):
        compare(a, replace(a.take(np.arange(1, 400)), model="b"))
    with pytest.raises(DataError, match="other truths"):
        compare(a, replace(a, targets=(a.targets + 1) % 3, model="b"))


def test_repeated_names_are_refused():
    a = model("a", 1, 0.2)
    twice = replace(a, ids=(np.arange(400) // 2).astype(str), model="b")
    for one, other in ((twice, twice), (a, twice), (twice, a)):
        with pytest.raises(DataError, match="predictions of b: names of pictures repeat, such as 0; prepare or merge"):
            compare(one, other)

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from mien.evaluation.consistency import consistency
from mien.evaluation.metrics import measure, metrics_of
from mien.evaluation.predictions import Predictions


def calibrated(count, seed=0, *, sharper=1.0):
    """Truths drawn by probabilities; `sharper` than 1 says more than is so."""
    draw = np.random.default_rng(seed)
    chances = draw.dirichlet([0.6] * 4, count)
    targets = (chances.cumsum(axis=1) < draw.random((count, 1))).sum(axis=1)
    said = chances**sharper
    said /= said.sum(axis=1, keepdims=True)
    return Predictions(np.arange(count).astype(str), targets, said, tuple("abcd"), "m")


def test_equal_answers_are_off_by_what_the_binomial_distribution_says():
    scores = np.tile([0.3, 0.7], (100, 1))
    found = consistency(
        Predictions(np.arange(100).astype(str), np.zeros(100, int), scores, ("a", "b"), "m"), draws=4000
    )
    hits = binom(100, 0.7)
    meant = sum(hits.pmf(k) * abs(k / 100 - 0.7) for k in range(101))
    assert found.errors["ece"].mean() == pytest.approx(meant, rel=0.05)
    # What one label has too much, the other lacks.
    assert found.errors["classwise_ece"] == pytest.approx(found.errors["ece"])
    place = int(0.7 * 15)
    assert [found.low[place], found.high[place]] == pytest.approx(
        [hits.ppf(0.025) / 100, hits.ppf(0.975) / 100], abs=0.01
    )
    assert np.isnan(np.delete(found.low, place)).all()


def test_labels_that_are_independent_are_counted_each_for_itself():
    scores = np.tile([0.2, 0.2], (50, 1))
    none = np.zeros((50, 2), bool)
    found = consistency(Predictions(np.arange(50).astype(str), none, scores, ("a", "b"), "m", task="multi"), draws=4000)
    hits = binom(100, 0.2)
    meant = sum(hits.pmf(k) * abs(k / 100 - 0.2) for k in range(101))
    assert set(found.errors) == {"ece"}
    assert found.errors["ece"].mean() == pytest.approx(meant, rel=0.05)


def test_tells_a_calibrated_model_from_one_that_is_too_sure():
    right = sum(
        metrics_of(model)["ece"] <= np.quantile(consistency(model, draws=200).errors["ece"], 0.975)
        for model in (calibrated(800, seed) for seed in range(40))
    )
    assert right >= 35  # of 40, 39 on the mean
    boastful = calibrated(800, sharper=1.8)
    assert metrics_of(boastful)["ece"] > consistency(boastful, draws=200).errors["ece"].max()


def test_the_truth_itself_is_not_looked_at_and_a_seed_repeats():
    model = calibrated(200)
    other = replace(model, targets=3 - model.targets)
    one, two = (consistency(each, draws=20, seed=3).errors for each in (model, other))
    assert (one["ece"] == two["ece"]).all()
    assert (one["ece"] != consistency(model, draws=20, seed=4).errors["ece"]).any()


@pytest.mark.parametrize("name", ["ece", "classwise_ece"])
def test_the_interval_of_a_calibration_error_is_where_other_samples_have_it(name):
    found = [measure(calibrated(400, seed), resamples=100)[name] for seed in range(60)]
    assert all(each.low <= each.value <= each.high for each in found)
    mean = np.mean([each.value for each in found])
    assert sum(each.low <= mean <= each.high for each in found) >= 54  # of 60, 57 meant; of plain percentiles 52 and 2


def test_what_a_calibrated_model_shows_stands_beside_what_was_measured():
    found = measure(calibrated(400), resamples=100)
    names = list(found)
    for name in ("ece", "classwise_ece"):
        assert names[names.index(name) + 1] == f"{name}_if_calibrated"
        beside = found[f"{name}_if_calibrated"]
        assert 0 < beside.low < beside.value < beside.high < 0.2

import numpy as np
import pytest
from scipy.stats import fisher_exact

from mien.errors import UsageError
from mien.evaluation.audit import LEVEL, audit
from mien.evaluation.groups import in_three
from mien.evaluation.predictions import Predictions


def grouped(groups, right):
    targets = np.where(right, 0, 1)
    scores = np.tile([0.8, 0.2], (len(targets), 1))
    named = {name: np.asarray(values) for name, values in groups.items()}
    return Predictions(np.arange(len(targets)).astype(str), targets, scores, ("a", "b"), "m", groups=named)


def many(*groups):
    """Groups of (name, pictures, right ones)."""
    names = np.concatenate([[name] * count for name, count, _ in groups])
    right = np.concatenate([np.arange(count) < hits for _, count, hits in groups])
    return grouped({"source": names}, right)


def test_a_gap_that_the_sample_supports_is_claimed():
    a, b = audit(many(("a", 400, 320), ("b", 400, 240)))
    assert (a.verdict, b.verdict) == ("higher", "lower")
    assert (a.n, a.accuracy, a.gap) == (400, 0.8, pytest.approx(0.2))
    assert a.low < 0.8 < a.high
    assert a.p == pytest.approx(fisher_exact([[320, 80], [240, 160]]).pvalue)


def test_the_same_gap_in_a_small_sample_is_not():
    a, b = audit(many(("a", 40, 32), ("b", 40, 24)))
    assert (a.verdict, b.verdict) == ("no difference shown", "no difference shown")
    assert a.gap == pytest.approx(0.2)
    assert a.detectable > 0.2
    few, others = audit(many(("a", 20, 2), ("b", 400, 300)))
    assert (few.verdict, few.p, others.verdict) == ("too few pictures", None, "too few pictures")


def test_many_groups_of_chance_are_rarely_claimed():
    draw = np.random.default_rng(0)
    claimed = 0
    for _ in range(20):
        right = draw.random(3000) < 0.7
        rows = audit(grouped({"source": draw.integers(0, 20, 3000).astype(str)}, right))
        assert len(rows) == 20
        claimed += any(row.verdict in ("lower", "higher") for row in rows)
    assert claimed <= 3  # without the correction, 20 groups at 5 % would give some in most of the runs


def test_a_column_that_is_not_there_or_too_fine():
    data = grouped({"subject": np.arange(100).astype(str)}, np.ones(100, bool))
    assert audit(data) == []
    with pytest.raises(UsageError, match="no column 'age' to audit by: there are subject"):
        audit(data, ["age"])
    with pytest.raises(UsageError, match="more than 40 groups"):
        audit(data, ["subject"])


def test_three_parts_keep_equal_values_together():
    assert in_three(np.arange(9.0)).tolist() == ["low"] * 3 + ["middle"] * 3 + ["high"] * 3
    assert set(in_three(np.ones(5)).tolist()) == {"low"}


@pytest.mark.parametrize(("groups", "others", "tests"), [(2, 0, 1), (3, 0, 3), (3, 4, 15), (2, 4, 7)])
def test_the_gap_that_would_show_shows_four_times_out_of_five(groups, others, tests):
    draw = np.random.default_rng(0)
    rows = np.arange(1000)
    place = np.where(rows < 200, "a", np.where((rows < 600) | (groups == 2), "b", "c"))
    chance = {f"chance {number}": draw.integers(0, 3, 1000).astype(str) for number in range(others)}
    gap = audit(grouped({"place": place, **chance}, rows % 10 < 7))[0].detectable
    ours, theirs = draw.binomial(200, 0.7 - 0.8 * gap, 300), draw.binomial(800, 0.7 + 0.2 * gap, 300)
    # What is corrected has to be below the level: the smallest of several, alone, times their number.
    p = [fisher_exact([[a, 200 - a], [b, 800 - b]]).pvalue for a, b in zip(ours, theirs, strict=True)]
    assert 0.72 < np.mean(np.array(p) * tests < LEVEL) < 0.86

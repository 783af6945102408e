import numpy as np
import pytest

from mien.data.sources.fer2013 import read_fer2013
from mien.data.votes import MISSING, VOTE_COLUMNS, majority, plurality, vote_distribution
from mien.labels import FERPLUS8
from mien.model_card import FER2013_CROP


def votes(**counts):
    return np.array([[counts.get(name, 0) for name in VOTE_COLUMNS]], np.float32)


NONE = np.full((1, 10), np.nan, np.float32)


@pytest.mark.parametrize(
    ("row", "by_majority", "by_plurality"),
    [
        (votes(anger=6, neutral=4), "anger", "anger"),
        (votes(anger=5, neutral=5), None, "neutral"),  # of equals the first; no majority
        (votes(anger=5, neutral=4, fear=1), "anger", "anger"),  # the single vote is dropped: 5 of 9
        (votes(anger=4, neutral=3, fear=3), None, "anger"),
        (votes(unknown=6, anger=4), None, None),
        (votes(not_face=10), None, None),
        (votes(anger=4, unknown=3, neutral=3), None, "anger"),
        (NONE, None, None),
    ],
)
def test_rules(row, by_majority, by_plurality):
    for rule, expected in ((majority, by_majority), (plurality, by_plurality)):
        assert rule(row).tolist() == [MISSING if expected is None else FERPLUS8.index(expected)]


def test_distribution_drops_single_votes_and_sums_to_one():
    (row,) = vote_distribution(votes(anger=6, neutral=2, fear=1, unknown=1))
    assert row[FERPLUS8.index("anger")] == pytest.approx(0.75)
    assert row[FERPLUS8.index("fear")] == 0
    assert row.sum() == pytest.approx(1)


def test_missing_votes_stay_missing():
    assert np.isnan(vote_distribution(NONE)).all()
    assert np.isnan(vote_distribution(votes(not_face=9, anger=1))).all()


def test_private_test_keeps_what_the_papers_keep(shared):
    samples = read_fer2013(shared / "data" / "fer2013.parquet", spec=FER2013_CROP, splits=["PrivateTest"])
    assert len(samples) == 3589
    assert (majority(samples.votes) != MISSING).sum() == 3153
    assert (plurality(samples.votes) != MISSING).sum() == 3546

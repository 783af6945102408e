"""The rules that make targets of FER+'s votes, and the numbers of pictures that the field knows them by."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.data.votes import MISSING, VOTE_COLUMNS, majority, multilabel, plurality, vote_distribution
from mien.labels import FERPLUS8


@pytest.fixture(scope="module")
def private_test(shared: Path) -> NDArray[np.float32]:
    """The votes of PrivateTest, NaN rows where there are none."""
    import pyarrow.parquet as pq

    names = [f"votes_{name}" for name in VOTE_COLUMNS]
    table = pq.read_table(shared / "data" / "fer2013.parquet", columns=["usage", *names])
    chosen = np.array(table["usage"].to_pylist()) == "PrivateTest"
    return np.stack([np.array(table[name].to_pylist(), np.float32) for name in names], axis=1)[chosen]


def test_rules_keep_the_published_numbers_of_test_pictures(private_test: NDArray[np.float32]) -> None:
    assert len(private_test) == 3589
    assert (majority(private_test) != MISSING).sum() == 3153
    assert (plurality(private_test) != MISSING).sum() == 3546


def test_three_of_ten_votes_give_the_published_labels_a_picture(private_test: NDArray[np.float32]) -> None:
    present = multilabel(private_test[plurality(private_test) != MISSING], at_least=3)
    labels = present.sum(axis=1)
    assert round(labels[labels > 0].mean(), 2) == 1.24
    assert np.bincount(labels).tolist() == [5, 2707, 825, 9]
    positives = dict(zip(FERPLUS8.labels, present.sum(axis=0).tolist(), strict=True))
    assert (positives["neutral"], positives["happiness"], positives["contempt"]) == (1461, 1010, 42)


def test_an_emotion_is_present_with_three_votes_and_not_with_two() -> None:
    present = multilabel(votes(anger=5, fear=3, sadness=2))[0]
    assert {name for name, there in zip(FERPLUS8.labels, present, strict=True) if there} == {"anger", "fear"}
    assert multilabel(votes(anger=5, fear=3, sadness=2), at_least=2)[0].sum() == 3


def votes(**counts: int) -> NDArray[np.float32]:
    """One picture with these votes."""
    return np.array([[counts.get(name, 0) for name in VOTE_COLUMNS]], np.float32)


def test_majority_drops_single_votes_before_it_counts_half() -> None:
    # 4 of 8 is not more than half, but the two single votes go first: 4 of 6 is.
    assert majority(votes(anger=4, sadness=2, fear=1, disgust=1))[0] == FERPLUS8.index("anger")
    assert majority(votes(anger=4, sadness=4, fear=2))[0] == MISSING


def test_unknown_and_not_a_face_win_only_where_they_are_kept() -> None:
    for name, index in (("unknown", 8), ("not_face", 9)):
        assert majority(votes(**{name: 8}, anger=2))[0] == MISSING
        assert plurality(votes(**{name: 8}, anger=2))[0] == MISSING
        assert majority(votes(**{name: 8}, anger=2), keep_non_emotions=True)[0] == index
        assert plurality(votes(**{name: 8}, anger=2), keep_non_emotions=True)[0] == index


def test_no_votes_are_missing_and_not_neutral() -> None:
    nobody = np.full((1, 10), np.nan, np.float32)
    assert majority(nobody)[0] == MISSING
    assert plurality(nobody)[0] == MISSING
    assert not multilabel(nobody).any()
    assert np.isnan(vote_distribution(nobody)).all()


def test_distribution_sums_to_one_without_single_votes() -> None:
    shares = vote_distribution(votes(anger=6, fear=2, sadness=1, unknown=1))[0]
    assert shares[FERPLUS8.index("anger")] == pytest.approx(0.75)
    assert shares[FERPLUS8.index("sadness")] == 0
    assert shares.sum() == pytest.approx(1)


def test_ten_zeros_are_nobodys_votes_and_not_neutral() -> None:
    assert plurality(votes())[0] == MISSING
    assert majority(votes())[0] == MISSING

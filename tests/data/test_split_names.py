"""One place knows what the name of a split says."""

import pytest

from mien.data.split_names import FER2013_SPLITS, is_training, role_of, spelled_split, training_rank


def test_fer2013s_own_names_stay() -> None:
    assert [spelled_split(name) for name in FER2013_SPLITS] == list(FER2013_SPLITS)
    assert [role_of(name) for name in FER2013_SPLITS] == ["training", "validation", "test"]


@pytest.mark.parametrize(
    ("word", "split"),
    [
        (" Train ", "train"),
        ("dev", "validation"),
        ("testing", "test"),
        ("privatetest", "PrivateTest"),
        ("PUBLICTEST", "PublicTest"),
        ("all", "all"),
        ("x", None),
    ],
)
def test_spellings(word: str, split: str | None) -> None:
    assert spelled_split(word) == split


@pytest.mark.parametrize("split", ["Training", "train", "TRAIN", "train_clean"])
def test_what_begins_with_train_is_training(split: str) -> None:
    assert is_training(split)


def test_ranks_of_splits() -> None:
    splits = ["PrivateTest", "test", "PublicTest", "validation", "val", "all", "all faces", "Training", "train"]
    assert [training_rank(split) for split in splits] == [0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert not any(is_training(split) for split in splits[:-2])

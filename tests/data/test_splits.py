"""Splits keep shares, people and twins."""

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.data.splits import grouped_split, parse_shares, shared_subjects, stratified_split
from mien.errors import UsageError
from mien.labels import FER7

LABELS = st.lists(st.sampled_from(["anger", "fear", "happiness", None]), max_size=200)


def test_shares_are_read() -> None:
    assert parse_shares("80/10/10") == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert parse_shares("75/25") == {"train": 0.75, "test": 0.25}


@pytest.mark.parametrize(
    "text", ["80/10", "80", "50/50/0", "80/10/10/0", "a/b", "", "120/-20", "nan/10", "nan/nan", "inf/-inf"]
)
def test_other_shares_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="are no shares: give two or three positive numbers that sum to 100"):
        parse_shares(text)


def test_eighty_ten_ten_in_every_class() -> None:
    labels = ["anger"] * 1000 + ["disgust"] * 50 + ["fear"] * 10
    splits = stratified_split(labels, seed=1)
    counts = Counter(zip(labels, splits, strict=True))
    assert [counts["anger", name] for name in ("train", "validation", "test")] == [800, 100, 100]
    assert [counts["disgust", name] for name in ("train", "validation", "test")] == [40, 5, 5]
    assert [counts["fear", name] for name in ("train", "validation", "test")] == [8, 1, 1]


def test_the_largest_remainder_gets_the_picture_that_is_left() -> None:
    # 7.2 / 0.9 / 0.9 of 9 pictures, 1.6 / 0.2 / 0.2 of 2.
    assert Counter(stratified_split(["fear"] * 9, seed=0)) == {"train": 7, "validation": 1, "test": 1}
    splits = stratified_split(["anger"] * 10 + ["fear"] * 2, seed=0)
    assert splits[10:] == ["train"] * 2


@pytest.mark.parametrize(
    ("size", "expected"), [(5, (28, 4, 3)), (15, (84, 11, 10)), (4, (21, 4, 3)), (6, (35, 4, 3)), (25, (140, 18, 17))]
)
def test_equal_remainders_go_to_the_split_that_has_got_least(size: int, expected: tuple[int, ...]) -> None:
    labels = [label for label in FER7.labels for _ in range(size)]
    for splits in (stratified_split(labels, seed=1), grouped_split(labels, range(len(labels)), seed=1)):
        counts = Counter(splits)
        assert (counts["train"], *sorted((counts["validation"], counts["test"]), reverse=True)) == expected
    for name, share in {"train": 0.8, "validation": 0.1, "test": 0.1}.items():
        by_label = Counter(label for label, split in zip(labels, splits, strict=True) if split == name)
        assert all(abs(by_label[label] - share * size) < 1 + 1e-9 for label in FER7.labels)


def test_a_split_that_would_stay_empty_is_refused() -> None:
    labels = [label for label in FER7.labels for _ in range(3)]
    with pytest.raises(UsageError, match="validation would stay empty: 21 pictures in 7 classes are too few for 80/10"):
        stratified_split(labels, seed=0)
    # The two ways out that it names.
    shares = {"train": 0.6, "validation": 0.2, "test": 0.2}
    assert set(stratified_split(labels, seed=0, shares=shares)) == set(shares)
    assert Counter(grouped_split(labels, range(21), seed=0)) == {"train": 19, "validation": 1, "test": 1}


def test_the_seed_decides() -> None:
    labels = ["anger", "fear"] * 100
    assert stratified_split(labels, seed=1) == stratified_split(labels, seed=1)
    assert stratified_split(labels, seed=1) != stratified_split(labels, seed=2)


@given(labels=LABELS, seed=st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_every_class_is_within_one_picture_of_its_shares(labels: list[str | None], seed: int) -> None:
    labels = ["neutral"] * 10 + labels  # a class in which every split has a picture
    splits = stratified_split(labels, seed=seed)
    assert len(splits) == len(labels)
    counts = Counter(zip(labels, splits, strict=True))
    for label, total in Counter(labels).items():
        for name, share in {"train": 0.8, "validation": 0.1, "test": 0.1}.items():
            assert abs(counts[label, name] - share * total) < 1 + 1e-9


@given(groups=st.lists(st.integers(0, 30), min_size=60, max_size=200), seed=st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_no_group_is_ever_parted(groups: list[int], seed: int) -> None:
    if len(set(groups)) < 3:
        return
    labels = ["anger" if number % 3 else "fear" for number in range(len(groups))]
    splits = grouped_split(labels, groups, seed=seed)
    for group in set(groups):
        assert len({split for split, other in zip(splits, groups, strict=True) if other == group}) == 1
    assert set(splits) == {"train", "validation", "test"}


def test_groups_come_close_to_the_shares_in_every_class() -> None:
    # 120 people with 5 pictures each, every person with the same two classes.
    groups = [person for person in range(120) for _ in range(5)]
    labels = ["anger" if number % 5 < 2 else "happiness" for number in range(600)]
    counts = Counter(zip(labels, grouped_split(labels, groups, seed=0), strict=True))
    for label, total in (("anger", 240), ("happiness", 360)):
        for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
            assert counts[label, name] == pytest.approx(share * total, abs=0.02 * total)


def test_the_seed_decides_about_groups_too() -> None:
    groups = [person for person in range(50) for _ in range(4)]
    labels = ["anger"] * 200
    assert grouped_split(labels, groups, seed=1) == grouped_split(labels, groups, seed=1)
    assert grouped_split(labels, groups, seed=1) != grouped_split(labels, groups, seed=2)


@pytest.mark.parametrize("seed", range(5))
def test_no_split_stays_empty(seed: int) -> None:
    # Six people with 7 pictures each: 4.2 for the test, which none comes close to.
    splits = grouped_split(["anger", "fear"] * 21, [number // 7 for number in range(42)], seed=seed)
    assert Counter(splits) == {"train": 28, "validation": 7, "test": 7}
    # The one that moves is the smallest that may.
    sizes = (8, 7, 7, 7, 7, 6)
    people = [person for person, size in enumerate(sizes) for _ in range(size)]
    splits = grouped_split(["anger"] * 42, people, seed=seed)
    assert Counter(splits) == {"train": 29, "validation": 6, "test": 7}
    assert splits[0] == "train"


def test_as_many_groups_as_splits_make_one_each() -> None:
    shares = {"train": 0.98, "validation": 0.01, "test": 0.01}
    assert set(grouped_split(["anger"] * 3, ["a", "b", "c"], seed=0, shares=shares)) == set(shares)


def test_too_few_groups() -> None:
    with pytest.raises(UsageError, match="2 groups cannot be split into train, validation, test"):
        grouped_split(["anger"] * 4, ["a", "a", "b", "b"], seed=0)


def test_subjects_in_two_splits_are_named() -> None:
    subjects = ["a", "a", "b", "b", None, None]
    assert shared_subjects(subjects, ["train", "test", "train", "train", "train", "test"]) == {"a": ("test", "train")}


def test_the_work_grows_with_the_number_of_groups_and_not_with_its_square() -> None:
    # As in a table without duplicates, where every picture is a group of its own.
    count = 60_000
    start = time.process_time()
    splits = grouped_split(["anger", "fear"] * (count // 2), range(count), seed=0)
    assert time.process_time() - start < 10  # half a second; with the square of them half a minute
    assert Counter(splits) == {"train": 0.8 * count, "validation": 0.1 * count, "test": 0.1 * count}

"""Who trains and who tests: splits that keep the classes' shares, and splits that keep people or twins together."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from mien.errors import UsageError

EIGHTY_TEN_TEN = {"train": 0.8, "validation": 0.1, "test": 0.1}

DIGITS = 6
"""Parts of a picture that agree to so many digits are equal: 0.8 of 10 is no exact number to a computer."""


def parse_shares(text: str) -> dict[str, float]:
    """Read shares such as ``"80/10/10"``: training, validation, test; two of them are training and test.

    Raises:
        UsageError: not two or three positive numbers that sum to 100.
    """
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    fit = len(numbers) in (2, 3) and all(math.isfinite(number) and number > 0 for number in numbers)
    if not fit or abs(sum(numbers) - 100) > 1e-6:
        raise UsageError(
            f"{text!r} are no shares: give two or three positive numbers that sum to 100, such as 80/10/10 "
            "(training/validation/test) or 90/10 (training/test)"
        )
    names = ("train", "validation", "test") if len(numbers) == 3 else ("train", "test")
    return {name: number / 100 for name, number in zip(names, numbers, strict=True)}


def stratified_split(
    labels: Sequence[Hashable], *, seed: int, shares: Mapping[str, float] = EIGHTY_TEN_TEN
) -> list[str]:
    """Draw splits so that every class has the same shares in each of them.

    Args:
        labels: the class of each picture; no label counts as a class of its own.
        seed: the same seed gives the same splits.
        shares: part of each split, 0 to 1, in sum 1.

    Returns:
        The name of a split for each picture. Within a class, the numbers are the shares rounded by largest remainder;
        of equal remainders the first is that of the split which the classes before have left shortest.

    Raises:
        UsageError: the classes are so small that a split stays empty.
    """
    random = np.random.default_rng(seed)
    members: dict[Hashable, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        members[label].append(position)
    split = [""] * len(labels)
    lack = dict.fromkeys(shares, 0.0)
    for label in sorted(members, key=str):
        counts = _counts(len(members[label]), shares, lack)
        for name, share in shares.items():
            lack[name] += share * len(members[label]) - counts[name]
        names = [name for name, count in counts.items() for _ in range(count)]
        for position, name in zip(random.permutation(members[label]).tolist(), names, strict=True):
            split[position] = name
    if empty := [name for name in shares if name not in split]:
        raise UsageError(
            f"{empty[0]} would stay empty: {len(labels)} pictures in {len(members)} classes are too few for "
            f"{'/'.join(f'{100 * share:g}' for share in shares.values())} in every class; give it a larger share with "
            "--shares, or split with --together duplicates, which leaves no split empty"
        )
    return split


def grouped_split(
    labels: Sequence[Hashable],
    groups: Sequence[Hashable],
    *,
    seed: int,
    shares: Mapping[str, float] = EIGHTY_TEN_TEN,
) -> list[str]:
    """Draw splits that never part a group, with classes as even as the groups allow.

    The largest groups are placed first, each where it brings the numbers of its classes closest to the shares. Where
    two splits come as close, it is the one that lacks more pictures in all. A split that got none, as a small share of
    few people may, takes the smallest group of a split that has several.

    Args:
        labels: the class of each picture.
        groups: what must stay together: the subject of each picture, or the number of its group of duplicates.
        seed: the same seed gives the same splits.
        shares: part of each split, 0 to 1, in sum 1.

    Returns:
        The name of a split for each picture.

    Raises:
        UsageError: there are fewer groups than splits.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    if len(members) < len(shares):
        raise UsageError(
            f"{len(members)} groups cannot be split into {', '.join(shares)}: give fewer --shares, or split by picture"
        )
    random = np.random.default_rng(seed)
    names = list(members)
    shuffled = [names[index] for index in random.permutation(len(names))]
    wanted = {
        name: {label: share * count for label, count in Counter(labels).items()} for name, share in shares.items()
    }
    lack = {name: share * len(labels) for name, share in shares.items()}
    placed: dict[str, list[Hashable]] = {name: [] for name in shares}
    for group in sorted(shuffled, key=lambda group: -len(members[group])):
        counts = Counter(labels[position] for position in members[group])
        # The split where the sum of squares of what is missing falls the most.
        fall = {
            name: sum(count * missing[label] for label, count in counts.items()) for name, missing in wanted.items()
        }
        chosen = max(shares, key=lambda name: (round(fall[name], DIGITS), round(lack[name], DIGITS)))
        lack[chosen] -= len(members[group])
        for label, count in counts.items():
            wanted[chosen][label] -= count
        placed[chosen].append(group)
    for name in shares:
        if not placed[name]:
            several = [those for those in placed.values() if len(those) > 1]
            # The last group of a split is its smallest.
            placed[name].append(min(several, key=lambda those: len(members[those[-1]])).pop())
    split_of = {group: name for name, those in placed.items() for group in those}
    return [split_of[group] for group in groups]


def shared_subjects(subjects: Sequence[str | None], splits: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the subjects that stand in more than one split, with those splits."""
    seen: dict[str, set[str]] = defaultdict(set)
    for subject, split in zip(subjects, splits, strict=True):
        if subject is not None:
            seen[subject].add(split)
    return {subject: tuple(sorted(names)) for subject, names in sorted(seen.items()) if len(names) > 1}


def _counts(total: int, shares: Mapping[str, float], lack: Mapping[str, float]) -> dict[str, int]:
    counts = {name: int(total * share + 1e-9) for name, share in shares.items()}
    remainder = {name: round(total * share - counts[name], DIGITS) for name, share in shares.items()}
    first = sorted(shares, key=lambda name: (-remainder[name], -round(lack[name], DIGITS)))
    for name in first[: total - sum(counts.values())]:
        counts[name] += 1
    return counts

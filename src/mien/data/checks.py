"""What is wrong, or merely worth knowing, about a table: balance, blanks, duplicates, leaks."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mien.data.duplicates import Duplicates, find_duplicates, fingerprints
from mien.data.progress import Track, silent
from mien.data.record import Record
from mien.data.split_names import training_rank
from mien.data.splits import shared_subjects
from mien.data.table import Table
from mien.errors import DataError, PictureError
from mien.inference.image import read_picture

BLANK_SPREAD = 2
"""A picture is blank when its brightest and darkest values differ by at most so much, in every channel."""


@dataclass(frozen=True)
class Leak:
    """Pictures of one split that stand in another split, too.

    Attributes:
        split: whose pictures they are; of two splits the one farther from training.
        other: where they stand, too.
        pictures: number of pictures of `split`.
        exact: number of pictures of `split` whose very pixels stand in `other`.
        near: the same with near duplicates, the exact ones included.
    """

    split: str
    other: str
    pictures: int
    exact: int
    near: int


@dataclass(frozen=True)
class Row:
    """What the checks keep of a row.

    Attributes:
        path: name of the picture.
        label: its label, None where there is none.
        labels: every label that applies, None where nobody asked.
        split: its split.
        subject: who is on it, None where that is not known.
        size: width and height in pixels.
        is_gray: whether its three channels are the same.
        is_blank: whether it shows a single colour.
    """

    path: str
    label: str | None
    labels: tuple[str, ...] | None
    split: str
    subject: str | None
    size: tuple[int, int]
    is_gray: bool
    is_blank: bool


@dataclass(frozen=True)
class Findings:
    """What the checks found.

    Attributes:
        rows: of the table, in order.
        duplicates: positions of rows that show the same picture.
    """

    rows: list[Row]
    duplicates: Duplicates

    @property
    def splits(self) -> list[str]:
        """The splits, in order of appearance."""
        return list(dict.fromkeys(row.split for row in self.rows))

    @property
    def balance(self) -> dict[str, Counter[str | None]]:
        """Number of pictures of each label, for each split."""
        counts: dict[str, Counter[str | None]] = {split: Counter() for split in self.splits}
        for row in self.rows:
            counts[row.split][row.label] += 1
        return counts

    @property
    def blank(self) -> list[str]:
        """Names of the pictures that show a single colour."""
        return [row.path for row in self.rows if row.is_blank]

    @property
    def labels_a_picture(self) -> float | None:
        """Mean number of labels of the pictures that have any in the multi-label column, None without such."""
        counts = [len(row.labels) for row in self.rows if row.labels]
        return sum(counts) / len(counts) if counts else None

    @property
    def shared_subjects(self) -> dict[str, tuple[str, ...]]:
        """Subjects in more than one split, with those splits."""
        return shared_subjects([row.subject for row in self.rows], [row.split for row in self.rows])

    def conflicts(self, *, near: bool) -> list[tuple[int, ...]]:
        """Return the groups of duplicates whose labels differ."""
        groups = self.duplicates.near if near else self.duplicates.exact
        return [group for group in groups if len({self.rows[member].label for member in group}) > 1]

    @property
    def leaks(self) -> list[Leak]:
        """The pictures of each split that stand in another one; empty when the splits are clean."""
        found = []
        pictures = {split: sum(counts.values()) for split, counts in self.balance.items()}
        for other, split in combinations(sorted(self.splits, key=training_rank, reverse=True), 2):
            exact = self._members_also_in(split, other, self.duplicates.exact)
            near = self._members_also_in(split, other, self.duplicates.near)
            if near:
                found.append(Leak(split, other, pictures[split], exact, near))
        return found

    def _members_also_in(self, split: str, other: str, groups: Sequence[tuple[int, ...]]) -> int:
        count = 0
        for group in groups:
            splits = [self.rows[member].split for member in group]
            if other in splits:
                count += splits.count(split)
        return count


def check_table(table: Table, *, track: Track = silent) -> Findings:
    """Look at every picture of a table.

    Args:
        table: what to check.
        track: shows progress.

    Raises:
        DataError: a picture cannot be decoded, or the table is damaged.
    """
    rows: list[Row] = []
    prints = fingerprints(_decoded(table, rows, track))
    return Findings(rows, find_duplicates(prints, track=track))


def is_blank(picture: NDArray[np.uint8]) -> bool:
    """Return whether a picture (height, width, 3) shows a single colour."""
    flat = picture.reshape(-1, picture.shape[-1])
    return bool((flat.max(axis=0).astype(int) - flat.min(axis=0) <= BLANK_SPREAD).all())


def _decoded(table: Table, rows: list[Row], track: Track) -> Iterator[NDArray[np.uint8]]:
    for record in track(table.records(), what="looking at pictures", total=table.count):
        try:
            picture = read_picture(record.image)
        except PictureError as error:
            raise DataError(
                f"{table.path}: picture {record.path}: {error}; prepare the table again with `mien data prepare`"
            ) from error
        rows.append(_row(record, picture))
        yield picture


def _row(record: Record, picture: NDArray[np.uint8]) -> Row:
    return Row(
        path=record.path,
        label=record.label,
        labels=record.labels,
        split=record.split,
        subject=record.subject,
        size=(picture.shape[1], picture.shape[0]),
        is_gray=bool((picture[..., :1] == picture).all()),
        is_blank=is_blank(picture),
    )

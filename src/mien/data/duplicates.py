"""The same picture twice: exactly, nearly, or mirrored.

Exact duplicates have the same decoded pixels. Near duplicates are found by perceptual hash (64 bits: the signs of the
low frequencies of a 32x32 cosine transform against their median) and confirmed by the correlation of the 32x32 pictures
at the best of 49 shifts: a watermark, another brightness, or another crop by a pixel of FER-2013's 48 does not hide
them (by two pixels on every side it mostly does), and two people before the same background are not taken for one. The
thresholds were set by looking at pairs of FER-2013: see docs/duplicates.md.

Every hash is compared with every other by matrix products, in blocks: 36,000 pictures take seconds, the work grows with
the square of their number, the memory does not.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.data.progress import Track, silent
from mien.data.samples import Samples
from mien.data.split_names import training_rank

MAX_BITS = 12
"""Two hashes are alike when at most so many of their 64 bits differ."""

MIN_CORRELATION = 0.92
"""Alike hashes are near duplicates when their thumbnails correlate at least so much, at the best shift."""

SIDE = 32
"""Side of the thumbnails in pixels."""

SHIFT = 3
"""Thumbnails are shifted against each other by up to so many pixels, 9 % of the side, in both directions."""

MIN_CONTRAST = 1.0
"""A thumbnail whose gray levels have a smaller standard deviation shows nothing that could be compared."""

BLOCK = 2048

_MIRROR = np.where(np.arange(8) % 2, -1, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """What is kept of each picture to find it again; 1.2 kB a picture.

    Attributes:
        digests: of the decoded pixels and their shape; the same for the same picture only.
        hashes: (n, 64) bool, the perceptual hash.
        mirrored: (n, 64) bool, the perceptual hash of the mirrored picture.
        thumbs: (n, 32, 32) uint8, the gray picture made small.
    """

    digests: list[bytes]
    hashes: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]
    thumbs: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True)
class Duplicates:
    """Groups of pictures that are the same, as positions in the order in which they came, sorted.

    Attributes:
        exact: groups with the same pixels.
        near: groups of near duplicates, the exact ones included; no picture is in two groups.
    """

    exact: list[tuple[int, ...]]
    near: list[tuple[int, ...]]

    def repeats(self, splits: Sequence[str], *, near: bool) -> set[int]:
        """Return the pictures to leave out so that one of each group stays.

        The one that stays is of a test split before a validation split before a training split, and the first one
        among equals: a test set stays comparable, and nothing of it is left in training.

        Args:
            splits: of every picture.
            near: whether near duplicates go, too.
        """
        return {
            member
            for group in (self.near if near else self.exact)
            for member in sorted(group, key=lambda member: (training_rank(splits[member]), member))[1:]
        }


def fingerprints(pictures: Iterable[NDArray[np.uint8]]) -> Fingerprints:
    """Take the fingerprints of pictures.

    Args:
        pictures: uint8, RGB (height, width, 3) or gray (height, width).
    """
    digests, hashes, mirrored, thumbs = [], [], [], []
    for picture in pictures:
        digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
        digest.update(picture.tobytes())
        digests.append(digest.digest())
        gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        thumb = np.asarray(cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        low = np.asarray(cv2.dct(thumb.astype(np.float32))[:8, :8], np.float32)
        low[0, 0] = 0  # the mean brightness says nothing about what is seen
        hashes.append(_signs(low))
        # Mirroring a picture turns the sign of every odd horizontal frequency.
        mirrored.append(_signs(low * _MIRROR))
        thumbs.append(thumb)
    return Fingerprints(
        digests,
        np.array(hashes, bool).reshape(-1, 64),
        np.array(mirrored, bool).reshape(-1, 64),
        np.array(thumbs, np.uint8).reshape(-1, SIDE, SIDE),
    )


def find_duplicates(prints: Fingerprints, *, track: Track = silent) -> Duplicates:
    """Find all groups of pictures that are the same.

    Pictures of a single colour are exact duplicates of their like and near duplicates of nothing.

    Args:
        prints: of the pictures.
        track: shows progress.
    """
    by_digest: dict[bytes, list[int]] = defaultdict(list)
    for position, digest in enumerate(prints.digests):
        by_digest[digest].append(position)
    exact = [tuple(group) for group in by_digest.values() if len(group) > 1]
    firsts = np.array([group[0] for group in by_digest.values()], np.int64)
    groups = _Groups(len(prints))
    for group in exact:
        for member in group[1:]:
            groups.join(group[0], member)
    join_near(prints, firsts, groups, track=track)
    return Duplicates(exact, groups.found())


def join_near(prints: Fingerprints, among: NDArray[np.int64], groups: "_Groups", *, track: Track = silent) -> None:
    """Join the near duplicates, mirrored ones included, among some of the pictures.

    Pictures that others have joined already are not compared again: of the thousand frames of a face that hardly moves
    one is compared with each, and not each with each.

    Args:
        prints: of all pictures.
        among: the positions of those that are compared.
        groups: what is the same picture; grows.
        track: shows progress.
    """
    middle = prints.thumbs[:, SHIFT:-SHIFT, SHIFT:-SHIFT]
    blocks = np.split(among, range(BLOCK, len(among), BLOCK))
    among = np.concatenate([block[middle[block].std(axis=(1, 2)) >= MIN_CONTRAST] for block in blocks])
    signs = _plus_minus(prints.hashes[among])
    turned = _plus_minus(prints.mirrored[among])
    starts = range(0, len(among), BLOCK)
    for start in track(starts, what="comparing pictures", total=len(starts)):
        rows = slice(start, start + BLOCK)
        for begin in range(start, len(among), BLOCK):
            for others, is_turned in ((signs, False), (turned, True)):
                alike = signs[rows] @ others[begin : begin + BLOCK].T >= 64 - 2 * MAX_BITS
                first, second = np.nonzero(alike)
                first, second = among[first + start].tolist(), among[second + begin].tolist()
                for one, other in zip(first, second, strict=True):
                    if (
                        one < other
                        and groups.root(one) != groups.root(other)
                        and _correlation(middle[one], prints.thumbs[other], is_turned) >= MIN_CORRELATION
                    ):
                        groups.join(one, other)


def near_repeated_in(samples: Samples, others: Samples) -> NDArray[np.bool_]:
    """Return a mask over `samples`: true where the picture, or a near duplicate of it, stands in `others`.

    Evaluation leaves such pictures out when `others` is what the model was trained on.
    """
    both = [crop.transpose(1, 2, 0) for part in (samples, others) for crop in part.crops]
    groups = find_duplicates(fingerprints(crop[:, :, 0] if crop.shape[2] == 1 else crop for crop in both)).near
    mask = np.zeros(len(samples), bool)
    for group in groups:
        if group[-1] >= len(samples):
            mask[[member for member in group if member < len(samples)]] = True
    return mask


def _signs(low: NDArray[np.float32]) -> NDArray[np.bool_]:
    return (low > np.median(low)).ravel()


def _plus_minus(bits: NDArray[np.bool_]) -> NDArray[np.float32]:
    # The product of two such rows is 64 minus twice the number of bits that differ.
    return np.where(bits, 1, -1).astype(np.float32)


def _correlation(middle: NDArray[np.uint8], thumb: NDArray[np.uint8], is_turned: bool) -> float:
    other = np.ascontiguousarray(thumb[:, ::-1]) if is_turned else thumb
    return float(cv2.matchTemplate(other, middle, cv2.TM_CCOEFF_NORMED).max())


class _Groups:
    """Pictures that are the same, as groups that grow."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, member: int) -> int:
        """Return the first of the group that a picture is in."""
        parent = self._parent
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    def join(self, one: int, other: int) -> None:
        """Make the groups of two pictures one."""
        a, b = self.root(one), self.root(other)
        self._parent[max(a, b)] = min(a, b)

    def found(self) -> list[tuple[int, ...]]:
        """Return the groups of more than one picture, by their first."""
        members: dict[int, list[int]] = defaultdict(list)
        for member in range(len(self._parent)):
            members[self.root(member)].append(member)
        return [tuple(group) for group in members.values() if len(group) > 1]

"""Layout ``raf-ml``: RAF-ML, 4,908 aligned pictures with a distribution over six emotions.

    EmoLabel/distribution.txt       a line a picture: 0001.jpg 0.02 0.11 0.45 0.00 0.20 0.22
    EmoLabel/partition_label.txt    a line a picture: 0001.jpg 0 (0 train, 1 test)
    Image/aligned/0001_aligned.jpg

The six columns are surprise, fear, disgust, happiness, sadness, anger. Source: Li & Deng 2019, "Blended Emotion
in-the-Wild" (IJCV 127, 884-906), and the readme that comes with the data (whdeng.cn/RAF/model3.html). By default an
emotion is present when its share is above the mean of the distribution, which is 1/6: the rule that the same group
states for RAF-DB (Li, Deng & Du 2017, p_k > p_mean). Whether RAF-ML's paper uses the very same could not be checked.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from mien.data.problems import Problems
from mien.data.record import Record, TableMeta
from mien.data.sources.raf_db import LICENSE, NAMED_TWICE, AlignedPictures, aligned_folder, find_below, label_lines
from mien.data.sources.source import Source, SourceOptions, need_folder
from mien.errors import UsageError
from mien.labels import RAF6

SUM_TOLERANCE = 0.01
"""How far a distribution may be from summing to one: six shares rounded to three digits stay well below."""

PARTITIONS = {"0": "train", "1": "test"}


def open_raf_ml(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open RAF-ML.

    The label is the most frequent emotion; the multi-label column holds every emotion whose share is above the
    threshold; the vote columns hold the shares.

    Args:
        path: the folder RAF-ML, or any that holds the two label files and the aligned pictures.
        options: `threshold`, a share from 0 to below 1; by default the mean of the distribution.
        problems: collects lines that cannot be used, and pictures that are missing or broken.

    Raises:
        UsageError: a threshold above or below all shares.
        DataError: no such folder, or a label file or the folder of pictures is not in it.
    """
    if options.threshold is not None and not 0 <= options.threshold < 1:
        raise UsageError(f"threshold is {options.threshold:g}: shares lie between 0 and 1; give 0 to below 1")
    need_folder(path, "raf-ml")
    shares = find_below(path, ("distribution.txt",), layout="raf-ml")
    parts = find_below(path, ("partition_label.txt",), layout="raf-ml")
    pictures = aligned_folder(path, layout="raf-ml")
    lines = label_lines(shares)
    splits = _splits(parts, problems)
    above = "the mean" if options.threshold is None else f"{options.threshold:g}"
    meta = TableMeta(
        label_set=RAF6,
        license=LICENSE,
        layout="raf-ml",
        votes=RAF6.labels,
        preparation=(f"labels of shares above {above}",),
    )
    return Source(meta, len(lines), _records(lines, shares, pictures, splits, options, problems))


def _splits(file: Path, problems: Problems) -> dict[str, str]:
    splits: dict[str, str] = {}
    for number, words in label_lines(file):
        split = PARTITIONS.get(words[-1], "")
        if splits.setdefault(words[0], split) != split:
            problems.add(f"{file}, line {number}", NAMED_TWICE, words[0])
    return splits


def _records(
    lines: list[tuple[int, list[str]]],
    file: Path,
    pictures: Path,
    splits: dict[str, str],
    options: SourceOptions,
    problems: Problems,
) -> Iterator[Record]:
    aligned = AlignedPictures(pictures, problems)
    for number, (name, *words) in lines:
        place = f"{file}, line {number}"
        shares = _shares(words, place, problems)
        if shares is None:
            continue
        if not splits.get(name):
            problems.add(place, "partition_label.txt does not say 0 or 1 for it", name)
            continue
        content = aligned.content(name, place)
        if content is None:
            continue
        mean = sum(shares) / len(shares)
        above = mean if options.threshold is None else options.threshold
        yield Record(
            image=content,
            path=name,
            label=RAF6.labels[shares.index(max(shares))],
            labels=tuple(label for label, share in zip(RAF6.labels, shares, strict=True) if share > above),
            votes=shares,
            split=splits[name],
            source="raf-ml",
        )


def _shares(words: list[str], place: str, problems: Problems) -> tuple[float, ...] | None:
    try:
        shares = tuple(float(word) for word in words)
    except ValueError as error:
        problems.add(place, f"is not a file name and {len(RAF6)} shares", str(error))
        return None
    if len(shares) != len(RAF6) or not all(math.isfinite(share) and share >= 0 for share in shares):
        problems.add(place, f"is not a file name and {len(RAF6)} shares", " ".join(words)[:60])
        return None
    if abs(sum(shares) - 1) > SUM_TOLERANCE:
        problems.add(place, "the distribution does not sum to one", f"{sum(shares):.4g}")
        return None
    return shares

"""Layout ``ferplus``: fer2013.csv with the votes of FER+ in fer2013new.csv.

fer2013new.csv has one row for each row of fer2013.csv, in the same order: Usage, Image name (``fer0000000.png``, empty
where FER+ dropped the picture), then the votes of ten annotators as neutral, happiness, surprise, sadness, anger,
disgust, fear, contempt, unknown, NF (not a face). Source: Barsoum et al. 2016 (arXiv:1608.01041) and the file published
with it. Pictures without a single vote have none, which is missing and not neutral.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from mien.data.fer2013_columns import LICENSE
from mien.data.problems import Problems
from mien.data.record import Record, TableMeta
from mien.data.sources import fer2013_csv
from mien.data.sources.source import Source, SourceOptions
from mien.data.votes import VOTE_COLUMNS, majority, plurality
from mien.errors import DataError, unknown_name
from mien.labels import FER7, FERPLUS10

CSV_VOTES = (*VOTE_COLUMNS[:-1], "NF")
COLUMNS = ("Usage", "Image name", *CSV_VOTES)
RULES = ("fer2013", "majority", "plurality")


def open_ferplus(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open fer2013.csv with fer2013new.csv.

    The label is FER-2013's own with rule ``"fer2013"``. With ``"majority"`` and ``"plurality"`` it is FER+'s, and
    pictures whose winner is unknown or not a face are kept under ``"unknown"`` and ``"not_face"``; where the rule finds
    no winner the label is empty. The multi-label column always names what at least `options.at_least` annotators saw.

    Args:
        path: fer2013.csv, or a folder with it and fer2013new.csv.
        options: `other` is fer2013new.csv, unless it lies beside fer2013.csv; `rule` and `at_least`.
        problems: collects the rows that are left out.

    Raises:
        DataError: a file is missing, is another dataset's, or the two do not belong together.
        UsageError: there is no such rule.
    """
    if options.rule not in RULES:
        raise unknown_name("rule for FER+ labels", options.rule, RULES)
    faces = fer2013_csv.find_file(path, "fer2013.csv", "ferplus")
    votes = options.other or fer2013_csv.find_file(faces.parent, "fer2013new.csv", "ferplus")
    fer2013_csv.check_header(faces, fer2013_csv.COLUMNS)
    fer2013_csv.check_header(votes, COLUMNS)
    total = fer2013_csv.count_lines(faces) - 1
    if (voted := fer2013_csv.count_lines(votes) - 1) != total:
        raise DataError(
            f"{votes}: has {voted} rows and {faces} has {total}; they belong together row by row, "
            "give the two files of one download"
        )
    label_set = FER7 if options.rule == "fer2013" else FERPLUS10
    meta = TableMeta(
        label_set=label_set,
        license=LICENSE,
        layout="ferplus",
        votes=VOTE_COLUMNS,
        preparation=(f"rule {options.rule}", f"labels of at least {options.at_least} votes"),
        present_set=FERPLUS10,
    )
    return Source(meta, total, _records(faces, votes, options, problems))


def label_by(rule: str, votes: tuple[float, ...] | None) -> str | None:
    """Return FER+'s label of one picture, unknown and not a face included; None where there is no winner.

    Args:
        rule: ``"majority"`` or ``"plurality"``.
        votes: ten counts in the order of `mien.data.votes.VOTE_COLUMNS`.
    """
    if votes is None:
        return None
    counts = np.array([votes], np.float32)
    # The two rules leave unknown and not-a-face out; here such pictures keep their name.
    winner = int((majority if rule == "majority" else plurality)(counts, keep_non_emotions=True)[0])
    return FERPLUS10.labels[winner] if winner >= 0 else None


def _records(faces: Path, votes: Path, options: SourceOptions, problems: Problems) -> Iterator[Record]:
    voted = fer2013_csv.open_csv(votes)
    next(voted)
    for face, row in zip_longest(fer2013_csv.numbered_rows(faces, problems), voted):
        if face is None or row is None:  # they have as many lines
            raise DataError(
                f"{votes if row is None else faces}: has fewer rows than lines, a quote in it is not closed; "
                "give the two files of one download"
            )
        number, record = face
        if record is None:
            continue
        place = f"{votes}, row {number + 2}"
        if missing := [name for name in COLUMNS if name not in row]:
            problems.add(place, "ends before its last column", f"{missing[0]} is missing")
            continue
        if row["Usage"].strip() != record.split:
            raise DataError(
                f"{place}: Usage is {row['Usage']!r}, in {faces} it is {record.split!r}; the rows of the two files do "
                "not belong together, give the two files of one download"
            )
        try:
            counts = tuple(float(int(row[name])) for name in CSV_VOTES)
        except ValueError as error:
            problems.add(place, "votes are not ten whole numbers", str(error))
            continue
        if min(counts) < 0:
            problems.add(place, "votes are not ten whole numbers", f"{min(counts):g} is negative")
            continue
        given = counts if any(counts) else None
        yield replace(
            record,
            path=row["Image name"].strip() or record.path,
            label=record.label if options.rule == "fer2013" else label_by(options.rule, given),
            labels=None if given is None else _present(given, options.at_least),
            votes=given,
        )


def _present(votes: tuple[float, ...], at_least: int) -> tuple[str, ...]:
    return tuple(name for name, count in zip(VOTE_COLUMNS, votes, strict=True) if count >= at_least)

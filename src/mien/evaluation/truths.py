"""What counts as the right answer: chosen by the labels of the head, out of what the data carries."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.data.votes import MISSING, VOTE_COLUMNS, majority, multilabel, plurality
from mien.errors import DataError, unknown_name
from mien.labels import FACE2, FERPLUS8, LabelSet
from mien.model_card import Head

TRUTHS = ("label", "labels", "arg-max", "majority", "3 votes")
"""The names of all truths, see `Truth.name`."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The right answers of some pictures, in the order of a head's labels.

    Attributes:
        name: which rule: ``label`` (the data's own label), ``labels`` (its own label sets), ``arg-max`` (the most
            frequent vote of FER+), ``majority`` (the rule of FER+'s authors), ``3 votes`` (present with at least 3 of
            10 votes).
        targets: for a single-label head (n,) int64, `mien.data.votes.MISSING` where unknown; for several labels and
            for a gate (n, labels) bool.
        known: (n,) bool, where there is a right answer.
    """

    name: str
    targets: NDArray[Any]
    known: NDArray[np.bool_]


def truths_of(head: Head, samples: Samples) -> dict[str, Truth]:
    """Return every truth that these pictures have for a head, the default one first.

    A table's own labels count where its label set holds all labels of the head: otherwise pictures of a label that the
    table lacks would be counted as mistakes. Pictures of a label that the head lacks have no truth. The truths of FER+
    need its ten votes: ``arg-max`` and ``majority`` are for heads of all its eight emotions, ``3 votes`` also for heads
    of some of them, such as the six of RAF-ML.

    Args:
        head: its task and labels choose.
        samples: labelled pictures.
    """
    if head.task == "single":
        found = _single(head, samples)
    elif head.task == "multi":
        found = _multi(head, samples)
    else:
        found = _gate(head, samples)
    return {truth.name: truth for truth in found if truth.known.any()}


def truth_of(head: Head, samples: Samples, name: str | None = None) -> Truth:
    """Return one truth.

    Args:
        head: its task and labels choose.
        samples: labelled pictures.
        name: see `Truth.name`; None takes the default.

    Raises:
        UsageError: the pictures have no truth of that name for this head.
        DataError: they have none at all.
    """
    found = truths_of(head, samples)
    if not found:
        raise DataError(
            f"none of the {len(samples)} pictures has a label for head {head.name!r} ({', '.join(head.labels)}): "
            f"{_what_is_there(head, samples)}"
        )
    if name is not None and name not in found:
        raise unknown_name(f"truth for head {head.name}", name, found)
    return found[name or next(iter(found))]


def _single(head: Head, samples: Samples) -> list[Truth]:
    found = []
    if set(head.labels) == set(FERPLUS8.labels):
        for name, rule in (("arg-max", plurality), ("majority", majority)):
            found.append(_coded(name, rule(samples.votes), FERPLUS8, head))
    own = samples.meta.label_set
    if set(head.labels) <= set(own.labels):
        found.append(_coded("label", samples.codes, own, head))
    return found


def _multi(head: Head, samples: Samples) -> list[Truth]:
    found = []
    own = samples.meta.multi_set
    if set(head.labels) <= set(own.labels):
        found.append(Truth("labels", _columns(samples.present, own, head), samples.asked))
    if set(head.labels) <= set(FERPLUS8.labels):
        present = multilabel(samples.votes)
        found.append(Truth("3 votes", _columns(present, FERPLUS8, head), ~np.isnan(samples.votes[:, 0])))
    return found


def _gate(head: Head, samples: Samples) -> list[Truth]:
    codes = samples.face_codes()
    if codes is None or not set(head.labels) <= set(FACE2.labels):
        return []
    targets = np.stack([codes == (label == "face") for label in head.labels], axis=1)
    return [Truth("label", targets, codes != MISSING)]


def _coded(name: str, codes: NDArray[np.int64], labels: LabelSet, head: Head) -> Truth:
    place = [head.labels.index(label) if label in head.labels else MISSING for label in labels.labels]
    # The last entry is what the code MISSING, which is -1, looks up.
    targets = np.array([*place, MISSING], np.int64)[codes]
    return Truth(name, targets, targets != MISSING)


def _columns(present: NDArray[np.bool_], labels: LabelSet, head: Head) -> NDArray[np.bool_]:
    return present[:, [labels.index(label) for label in head.labels]]


def _what_is_there(head: Head, samples: Samples) -> str:
    labels = samples.meta.label_set
    lacking = [label for label in head.labels if label not in labels.labels]
    votes = "votes of FER+" if not np.isnan(samples.votes).all() else f"no votes ({len(VOTE_COLUMNS)} columns of FER+)"
    told = f"the data's label set is {labels.name} ({', '.join(labels.labels)}), with {votes}"
    return f"{told}; it lacks {', '.join(lacking)}" if lacking else told

"""What evaluation reads: the probabilities of a model beside the truth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.data.votes import MISSING, majority, plurality
from mien.errors import DataError, UsageError, unknown_name
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.labels import FER7, FERPLUS8

TRUTHS: dict[str, dict[str, Callable[[Samples], NDArray[np.int64]]]] = {
    FER7.name: {"label": lambda samples: samples.fer7},
    FERPLUS8.name: {
        "arg-max": lambda samples: plurality(samples.votes),
        "majority": lambda samples: majority(samples.votes),
    },
}
"""By head, what may count as the right answer, the first one by default. For FER+: the class with the most votes
(arg-max, 3,546 pictures of PrivateTest), or the majority rule of its authors (3,153)."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Single-label predictions.

    Attributes:
        ids: (n,) names of the pictures.
        targets: (n,) int64, index of the right label.
        scores: (n, labels) float64 probabilities, rows sum to one.
        labels: in the order of the columns.
        model: what predicted.
    """

    ids: NDArray[np.str_]
    targets: NDArray[np.int64]
    scores: NDArray[np.float64]
    labels: tuple[str, ...]
    model: str

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Predictions":
        """Return the predictions at these positions, or where a mask is true."""
        return Predictions(self.ids[index], self.targets[index], self.scores[index], self.labels, self.model)


def predict(session: Session, samples: Samples, *, head: str, truth: str | None = None) -> Predictions:
    """Score samples in one forward pass each, and put the truth beside.

    Args:
        session: an opened weight file.
        samples: crops of the size that the model expects.
        head: name of one of its heads.
        truth: what counts as right, see `TRUTHS`; None takes the head's default.

    Returns:
        Predictions for the samples that have such a truth; the others are left out.

    Raises:
        UsageError: the model has no such head, or the head no such truth.
        DataError: no sample has such a truth.
    """
    spec = session.card.head(head)
    if head not in TRUTHS:
        raise UsageError(f"head {head!r} cannot be evaluated on these labels; heads that can: {', '.join(TRUTHS)}")
    rules = TRUTHS[head]
    if truth is not None and truth not in rules:
        raise unknown_name(f"truth for head {head}", truth, rules)
    targets = rules[truth or next(iter(rules))](samples)
    kept = targets != MISSING
    if not kept.any():
        raise DataError(f"none of the {len(samples)} pictures has a label for head {head!r}")
    scores = score_crops(session, samples.crops[kept], spec)
    return Predictions(samples.ids[kept], targets[kept], scores, spec.labels, session.card.name)

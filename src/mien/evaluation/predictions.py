"""What evaluation reads: the probabilities of a model beside the truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.errors import DataError, unknown_name
from mien.evaluation.truths import Truth, truth_of, truths_of
from mien.inference.scores import probabilities, score_crops
from mien.inference.session import Session
from mien.model_card import Head, ModelCard, Task

SUM_TOLERANCE = 1e-3
"""The probabilities of a single-label head sum to one within this: enough for a file with four decimals."""
STEP = 512
"""Pictures between two signs of progress."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one head, with the right answers.

    Attributes:
        ids: (n,) names of the pictures; what looks pictures up by name refuses repeated ones, see `row_by_id`.
        targets: for a single-label head (n,) int64, index of the right label; for several labels and for a gate
            (n, labels) bool, which are present.
        scores: (n, labels) float64 probabilities; rows sum to one for a single-label head.
        labels: in the order of the columns.
        model: what predicted.
        task: what the columns mean, see `mien.model_card.Head.task`.
        thresholds: per label, for several labels and for a gate; None where none were fitted.
        temperature: the one by which the logits were divided; 1 where nobody knows.
        entropy_power: see `mien.model_card.Head`.
        unsure_below: an answer less probable than this is called unsure; None where the head has no such threshold.
        unsure_error: the share of wrong answers among the others that was stated, 0 to 1.
        votes: (n, 10) float32, FER+'s votes where the data has them, NaN rows where a picture has none; else None.
        groups: by name (n,) text, what else is known of each picture: source, subject, whether training repeats it.
        sha256: of the weight file, empty where there is none.
        head: name of the head.
        truth: what counted as right, see `mien.evaluation.truths.Truth.name`.
        data: name of the data file.
        split: of the data.

    Raises:
        DataError: there are none, a probability is no number from 0 to 1, rows of a single-label head do not sum to
            one, or shapes do not fit.
    """

    ids: NDArray[np.str_]
    targets: NDArray[Any]
    scores: NDArray[np.float64]
    labels: tuple[str, ...]
    model: str
    task: Task = "single"
    thresholds: tuple[float, ...] | None = None
    temperature: float = 1.0
    entropy_power: float = 0.0
    unsure_below: float | None = None
    unsure_error: float | None = None
    votes: NDArray[np.float32] | None = None
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    sha256: str = ""
    head: str = ""
    truth: str = ""
    data: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        check_scores(self.scores, self.labels, task=self.task, ids=self.ids, source=f"predictions of {self.model}")
        shape = (len(self.ids),) if self.task == "single" else self.scores.shape
        if self.targets.shape != shape:
            raise DataError(
                f"predictions of {self.model}: the truth has the shape {self.targets.shape}, task {self.task!r} with "
                f"{len(self.ids)} pictures and {len(self.labels)} labels needs {shape}"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Predictions":
        """Return the predictions at these positions, or where a mask is true.

        Raises:
            DataError: there are none.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays: dict[str, Any] = {name: value[index] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **arrays, groups={name: group[index] for name, group in self.groups.items()})


def check_scores(
    scores: NDArray[np.float64], labels: tuple[str, ...], *, task: Task, ids: NDArray[np.str_], source: str
) -> None:
    """Check that probabilities are probabilities.

    Args:
        scores: (n, labels).
        labels: of the columns.
        task: rows of ``"single"`` have to sum to one.
        ids: (n,), to name the picture that is wrong.
        source: where they come from, for the error.

    Raises:
        DataError: they are not, or there are none.
    """
    if not len(ids):
        raise DataError(f"{source}: there are none; choose a split that has labelled pictures")
    if scores.shape != (len(ids), len(labels)):
        raise DataError(
            f"{source}: probabilities have the shape {scores.shape}, {len(ids)} pictures with the labels "
            f"{', '.join(labels)} need {(len(ids), len(labels))}; one column a label, one row a picture"
        )
    wrong = ~np.isfinite(scores).all(axis=1)
    if wrong.any():
        raise DataError(
            f"{source}: {wrong.sum()} of {len(ids)} pictures have a probability that is no number (NaN or infinite), "
            f"the first is {ids[wrong][0]}; leave such pictures out or score them again"
        )
    wrong = ((scores < 0) | (scores > 1 + SUM_TOLERANCE)).any(axis=1)
    if wrong.any():
        raise DataError(
            f"{source}: {wrong.sum()} of {len(ids)} pictures have a probability outside 0 to 1, the first is "
            f"{ids[wrong][0]}; give probabilities, not logits or per cent"
        )
    sums = scores.sum(axis=1)
    wrong = np.abs(sums - 1) > SUM_TOLERANCE
    if task == "single" and wrong.any():
        raise DataError(
            f"{source}: the probabilities of {wrong.sum()} of {len(ids)} pictures do not sum to one, the first is "
            f"{ids[wrong][0]} with {sums[wrong][0]:.4f}; give them unrounded, or say that they are independent "
            "(task multi)"
        )


def row_by_id(ids: NDArray[np.str_], *, source: str) -> dict[str, int]:
    """Return the row of each picture by its name.

    Args:
        ids: (n,) names of the pictures.
        source: where they come from, for the error.

    Raises:
        DataError: two pictures have the same name: one's row would be taken for the other's.
    """
    rows = {name: row for row, name in enumerate(ids.tolist())}
    if len(rows) < len(ids):
        repeated = next(name for row, name in enumerate(ids.tolist()) if rows[name] != row)
        raise DataError(
            f"{source}: names of pictures repeat, such as {repeated}; prepare or merge the table anew with this mien "
            "(`mien data prepare TABLE --layout table` makes them unique), and evaluate that"
        )
    return rows


def predict(session: Session, samples: Samples, *, head: str, truth: str | None = None, data: str = "") -> Predictions:
    """Score samples in one forward pass each, and put the truth beside.

    Args:
        session: an opened weight file.
        samples: crops of the size that the model expects.
        head: name of one of its heads.
        truth: what counts as right, see `mien.evaluation.truths.Truth.name`; None takes the head's default.
        data: name of the data file, to be kept with the predictions.

    Returns:
        Predictions for the samples that have such a truth; the others are left out.

    Raises:
        UsageError: the model has no such head, or the head no such truth.
        DataError: no sample has such a truth.
    """
    spec = session.card.head(head)
    right = truth_of(spec, samples, truth)
    scores = score_crops(session, samples.crops[right.known], spec)
    found = beside_truth(samples, spec, scores, truth=truth, model=session.card.name, data=data)
    return replace(found, sha256=session.card.sha256)


def predict_all(
    session: Session,
    samples: Samples,
    *,
    heads: Sequence[str] | None = None,
    truth: str | None = None,
    data: str = "",
    on_step: Callable[[int], None] = lambda done: None,
) -> list[Predictions]:
    """Score samples once and put every head beside every truth that there is.

    Args:
        session: an opened weight file.
        samples: crops of the size that the model expects.
        heads: see `asked_truths`.
        truth: see `asked_truths`.
        data: name of the data file, to be kept with the predictions.
        on_step: called with the number of pictures that were just scored.

    Returns:
        Predictions by head and truth, the default truth of each head first.

    Raises:
        UsageError: see `asked_truths`.
        DataError: see `asked_truths`.
    """
    card = session.card
    asked = asked_truths(card, samples, heads=heads, truth=truth)
    names = [head.name for head, _ in asked]
    parts = []
    for start in range(0, len(samples), STEP):
        parts.append(session.logits(samples.crops[start : start + STEP], names))
        on_step(len(parts[-1][0]))
    found = []
    for number, (head, right) in enumerate(asked):
        scores = probabilities(np.concatenate([part[number] for part in parts]), head)
        for each in right:
            one = beside_truth(samples, head, scores[each.known], truth=each.name, model=card.name, data=data)
            found.append(replace(one, sha256=card.sha256))
    return found


def asked_truths(
    card: ModelCard, samples: Samples, *, heads: Sequence[str] | None = None, truth: str | None = None
) -> list[tuple[Head, list[Truth]]]:
    """Return which heads are to be scored, and each one's right answers; tells what is wrong before the long work.

    Args:
        card: of the model.
        samples: labelled pictures.
        heads: names of the heads; None or none takes all that have the truth, or any truth, here.
        truth: only this one, see `mien.evaluation.truths.Truth.name`; None takes all.

    Returns:
        Heads in the order of their names or of the card, the default truth of each first.

    Raises:
        UsageError: the model has no such head, a named head has no such truth, or no head has it.
        DataError: no sample has a truth for a named head, or for any head.
    """
    if heads:
        named = [card.head(name) for name in heads]
        return [(head, [truth_of(head, samples, truth)] if truth else _all_truths(head, samples)) for head in named]
    there = {head.name: truths_of(head, samples) for head in card.heads}
    if not any(there.values()):
        truth_of(card.heads[0], samples)  # says what is missing
    names = list(dict.fromkeys(name for truths in there.values() for name in truths))
    if truth is not None and truth not in names:
        raise unknown_name(f"truth for model {card.name}", truth, names)
    chosen = names if truth is None else [truth]
    found = [(head, [each for name, each in there[head.name].items() if name in chosen]) for head in card.heads]
    return [(head, truths) for head, truths in found if truths]


def _all_truths(head: Head, samples: Samples) -> list[Truth]:
    return list(truths_of(head, samples).values()) or [truth_of(head, samples)]  # the latter says what is missing


def beside_truth(
    samples: Samples, head: Head, scores: NDArray[np.float64], *, truth: str | None, model: str, data: str
) -> Predictions:
    """Put probabilities, whoever made them, beside the truth.

    Args:
        samples: labelled pictures.
        head: what the columns mean.
        scores: (m, labels), of those of the samples that have this truth, in order.
        truth: see `mien.evaluation.truths.Truth.name`; None takes the head's default.
        model: what predicted.
        data: name of the data file.

    Raises:
        UsageError: the head has no such truth here.
        DataError: no sample has it, or the scores are no probabilities.
    """
    right = truth_of(head, samples, truth)
    kept = samples.take(right.known)
    return Predictions(
        ids=kept.ids,
        targets=right.targets[right.known],
        scores=scores,
        labels=head.labels,
        model=model,
        task=head.task,
        thresholds=head.thresholds,
        temperature=head.temperature,
        entropy_power=head.entropy_power,
        unsure_below=head.unsure_below,
        unsure_error=head.unsure_error,
        votes=None if np.isnan(kept.votes).all() else kept.votes,
        head=head.name,
        truth=right.name,
        data=data,
        split=", ".join(sorted(set(kept.split.tolist()))),
    )

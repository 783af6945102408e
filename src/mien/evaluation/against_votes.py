"""Single-label predictions against ten annotators instead of against one label."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.votes import VOTE_COLUMNS
from mien.evaluation.predictions import Predictions
from mien.labels import FERPLUS8

TINY = 1e-12


@dataclass(frozen=True, eq=False)
class VoteRows:
    """What each picture that can be compared with its votes contributes.

    Attributes:
        rows: (m,) positions of the pictures at least one of whose emotions has two votes.
        cross_entropy: (m,) in nats, to the distribution of the votes over the head's labels, single votes dropped.
        divergence: (m,) Kullback-Leibler divergence of the prediction from that distribution, in nats.
        predicted_entropy: (m,) of the prediction, in nats.
        annotators_entropy: (m,) of that distribution, in nats.
        agreement: (m,) share of all ten votes that name the model's answer.
        human_agreement: (m,) chance that one annotator names what most of the others do, first of equals.
    """

    rows: NDArray[np.int64]
    cross_entropy: NDArray[np.float64]
    divergence: NDArray[np.float64]
    predicted_entropy: NDArray[np.float64]
    annotators_entropy: NDArray[np.float64]
    agreement: NDArray[np.float64]
    human_agreement: NDArray[np.float64]


def compare_with_votes(predictions: Predictions) -> VoteRows | None:
    """Compare each single-label prediction with the votes of FER+ for that picture.

    Returns:
        None where the predictions have no votes, or labels that nobody was asked about.
    """
    if predictions.votes is None or not set(predictions.labels) <= set(FERPLUS8.labels):
        return None
    columns = [VOTE_COLUMNS.index(label) for label in predictions.labels]
    counts = np.nan_to_num(predictions.votes).astype(np.float64)
    kept = np.where(counts[:, columns] > 1, counts[:, columns], 0)
    rows = np.flatnonzero(kept.sum(axis=1) > 0)
    if not len(rows):
        return None
    shares = kept[rows] / kept[rows].sum(axis=1, keepdims=True)
    scores = predictions.scores[rows]
    cross = -(shares * np.log(np.maximum(scores, TINY))).sum(axis=1)
    entropy = _entropy(shares)
    votes = counts[rows]
    named = votes[np.arange(len(rows)), np.array(columns)[scores.argmax(axis=1)]]
    return VoteRows(
        rows=rows,
        cross_entropy=cross,
        divergence=cross - entropy,
        predicted_entropy=_entropy(scores),
        annotators_entropy=entropy,
        agreement=named / votes.sum(axis=1),
        human_agreement=_one_against_the_others(votes),
    )


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-(shares * np.log(np.maximum(shares, TINY))).sum(axis=1))


def _one_against_the_others(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    total = votes.sum(axis=1)
    agreed = np.zeros(len(votes))
    for column in range(votes.shape[1]):
        others = votes.copy()
        others[:, column] -= 1
        agreed += votes[:, column] * (others.argmax(axis=1) == column)
    return np.asarray(agreed / total)

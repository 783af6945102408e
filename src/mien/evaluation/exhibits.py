"""Pictures to look at: the worst mistakes and the most unsure answers, with what carried them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.evaluation.predictions import Predictions, row_by_id
from mien.explain import Maps, Score, rise_maps

SHOWN = 15
MASKS = 250


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One picture and what was said about it.

    Attributes:
        name: of the picture.
        crop: (channels, size, size) uint8.
        heat: (size, size) float32, which pixels spoke for the answer; see `mien.explain`.
        ranked: labels with their probabilities, the answer first.
        right: the right answer.
    """

    name: str
    crop: NDArray[np.uint8]
    heat: NDArray[np.float32]
    ranked: list[tuple[str, float]]
    right: str


def worst_mistakes(predictions: Predictions, count: int = SHOWN) -> NDArray[np.int64]:
    """Return the positions of the wrong answers that the model was surest of, the surest first."""
    confidence = predictions.scores.max(axis=1)
    wrong = np.flatnonzero(predictions.scores.argmax(axis=1) != predictions.targets)
    return wrong[np.argsort(-confidence[wrong], kind="stable")][:count]


def most_unsure(predictions: Predictions, count: int = SHOWN) -> NDArray[np.int64]:
    """Return the positions of the answers that the model was least sure of, the least sure first."""
    return np.argsort(predictions.scores.max(axis=1), kind="stable")[:count]


def quick_rise(score: Score) -> Maps:
    """Return a maker of RISE maps with half of the usual masks, for many pictures."""
    return lambda crops, codes: rise_maps(score, crops, codes, masks=MASKS)


def exhibits(
    predictions: Predictions,
    rows: NDArray[np.int64],
    samples: Samples,
    maps: Maps,
    *,
    on_step: Callable[[int], None] = lambda done: None,
) -> list[Exhibit]:
    """Take pictures out of a split, and find what carried their answers.

    Args:
        predictions: of a single-label head.
        rows: positions in the predictions.
        samples: that hold these pictures.
        maps: explains answers of the same head; see `quick_rise`.
        on_step: called with the number of pictures that were explained.

    Raises:
        DataError: names of the samples repeat.
    """
    place = row_by_id(samples.ids, source=predictions.data)
    crops = samples.crops[[place[name] for name in predictions.ids[rows].tolist()]]
    answers = predictions.scores[rows].argmax(axis=1)
    found = []
    for number, row in enumerate(rows.tolist()):
        (heat,) = maps(crops[number : number + 1], answers[number : number + 1])
        ranked = sorted(
            zip(predictions.labels, predictions.scores[row].tolist(), strict=True), key=lambda pair: -pair[1]
        )
        right = predictions.labels[predictions.targets[row]]
        found.append(Exhibit(str(predictions.ids[row]), crops[number], heat, ranked, right))
        on_step(1)
    return found

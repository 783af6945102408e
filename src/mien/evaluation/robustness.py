"""The same pictures made worse, and cut out as sloppily as a detector does: what is left of the accuracy."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from mien.data.samples import Samples
from mien.errors import DataError
from mien.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from mien.evaluation.multilabel import right_answers
from mien.evaluation.predictions import Predictions, beside_truth
from mien.evaluation.truths import truth_of
from mien.inference.crops import crop_faces, crop_transform, whole_face
from mien.inference.detectors import Detector
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.model_card import CropSpec
from mien.results import Box, Face

PICTURES = 1000
"""So many pictures are drawn for the test: 45 passes over a whole test split would take minutes more."""
FEWEST = 20
"""A detector's error is measured on at least so many faces."""
SPREADS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""How far boxes are moved, in units of the detector's own error."""
ENLARGED, MARGIN = 4, 0.25
"""Pictures are enlarged and given an edge before a detector looks at them: faces of 48 pixels fill them to the rim."""


@dataclass(frozen=True)
class RobustnessRow:
    """Accuracy on pictures that were made worse in one way.

    Attributes:
        kind: what was done to them.
        unit: what the strengths are.
        strength: how much.
        level: 1 to 5; 0 for the pictures as they are.
        n: pictures.
        accuracy: share of right answers, 0 to 1.
        low: of its exact 95 % interval.
        high: of that interval.
    """

    kind: str
    unit: str
    strength: float
    level: int
    n: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class DetectorError:
    """How a detector's crop of a face differs from the one in the data.

    Attributes:
        detector: its name.
        n: pictures it was measured on.
        found: share of the pictures in which it found a face.
        shift: standard deviation of the crop's place, in shares of its side, across and down.
        scale: standard deviation of the logarithm of the crop's size.
        accuracy_found: share of right answers on the crops as the data has them, where a face was found.
        accuracy_detected: the same on the detector's own crops.
    """

    detector: str
    n: int
    found: float
    shift: tuple[float, float]
    scale: float
    accuracy_found: float
    accuracy_detected: float


def draw_some(samples: Samples, count: int = PICTURES, *, seed: int = 0) -> Samples:
    """Return up to so many of the samples, drawn at random, in their order."""
    if len(samples) <= count:
        return samples
    return samples.take(np.sort(np.random.default_rng(seed).permutation(len(samples))[:count]))


def measure_robustness(
    session: Session,
    samples: Samples,
    *,
    head: str,
    truth: str | None = None,
    on_step: Callable[[int], None] = lambda done: None,
) -> list[RobustnessRow]:
    """Score the same pictures as they are, and with every corruption at every strength.

    Args:
        session: an opened weight file.
        samples: crops of the size that the model expects.
        head: name of one of its heads.
        truth: see `mien.evaluation.truths.Truth.name`; None takes the head's default.
        on_step: called with the number of pictures that were just scored.

    Returns:
        The first row is for the pictures as they are.
    """
    known = samples.take(truth_of(session.card.head(head), samples, truth).known)
    ask = _Asker(session, known, head, truth, on_step)
    rows = [ask.row("as they are", "", 0.0, 0, known.crops)]
    for corruption in CORRUPTIONS:
        for level in range(STRENGTHS):
            changed = corrupt(known.crops, corruption, level)
            rows.append(ask.row(corruption.name, corruption.unit, corruption.strengths[level], level + 1, changed))
    return rows


def measure_crops(
    session: Session,
    samples: Samples,
    detector: Detector,
    *,
    head: str,
    truth: str | None = None,
    on_step: Callable[[int], None] = lambda done: None,
) -> tuple[DetectorError, list[RobustnessRow]]:
    """Measure how a detector's crops differ from the data's, and what crops cost that differ by that much.

    The detector looks at each picture, enlarged four times and with its edge repeated around; the difference of its
    crop from the picture, as the model would cut it, is its error. Then the faces' boxes are moved and scaled by
    normal errors of half to three times that size.

    Args:
        session: an opened weight file.
        samples: tight crops, as datasets have them.
        detector: whose error it is.
        head: name of one of the model's heads.
        truth: see `mien.evaluation.truths.Truth.name`; None takes the head's default.
        on_step: called with the number of pictures that were just worked on.

    Raises:
        DataError: the detector finds hardly any face in these pictures.
    """
    spec = session.card.crop
    known = samples.take(truth_of(session.card.head(head), samples, truth).known)
    found, errors, crops = [], [], []
    for number, crop in enumerate(known.crops):
        picture, inner = _enlarged(crop)
        faces = detector.find_faces(picture)
        on_step(1)
        if faces:
            found.append(number)
            errors.append(_difference(faces[0], inner, spec))
            crops.append(crop_faces(picture, faces[:1], spec)[0])
    if len(found) < FEWEST:
        raise DataError(
            f"the error of detector {detector.name} needs {FEWEST} faces that it finds, and it finds {len(found)} in "
            f"{len(known)} of these pictures; take more pictures, of at least 48 pixels, or another --detector"
        )
    there = known.take(np.array(found))
    ask = _Asker(session, there, head, truth, on_step)
    spread = np.std(errors, axis=0)
    rows = []
    for level, times in enumerate(SPREADS, 1):
        moved = np.random.default_rng(level).normal(0, times * spread, (len(known), 3))
        jittered = np.stack([_moved(crop, by, spec) for crop, by in zip(known.crops, moved, strict=True)])
        every = _Asker(session, known, head, truth, on_step)
        rows.append(every.row("box moved", f"times the error of {detector.name}", times, level, jittered))
    error = DetectorError(
        detector=detector.name,
        n=len(known),
        found=len(found) / len(known),
        shift=(float(spread[0]), float(spread[1])),
        scale=float(spread[2]),
        accuracy_found=ask.accuracy(there.crops),
        accuracy_detected=ask.accuracy(np.stack(crops)),
    )
    return error, rows


@dataclass(frozen=True, eq=False)
class _Asker:
    session: Session
    samples: Samples
    head: str
    truth: str | None
    on_step: Callable[[int], None]

    def right(self, crops: NDArray[np.uint8]) -> NDArray[np.bool_]:
        head = self.session.card.head(self.head)
        scores = score_crops(self.session, crops, head)
        self.on_step(len(crops))
        answered: Predictions = beside_truth(self.samples, head, scores, truth=self.truth, model="", data="")
        return right_answers(answered)

    def accuracy(self, crops: NDArray[np.uint8]) -> float:
        return float(self.right(crops).mean())

    def row(self, kind: str, unit: str, strength: float, level: int, crops: NDArray[np.uint8]) -> RobustnessRow:
        right = self.right(crops)
        interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="exact")
        share = float(right.mean())
        return RobustnessRow(kind, unit, strength, level, len(right), share, float(interval.low), float(interval.high))


def _rgb(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray((np.repeat(crop, 3, axis=0) if len(crop) == 1 else crop).transpose(1, 2, 0))


def _enlarged(crop: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    # The picture four times as large with its edge repeated, and where the crop lies in it: edge and side in pixels.
    side = crop.shape[-1] * ENLARGED
    edge = round(side * MARGIN)
    large = cv2.resize(_rgb(crop), (side, side), interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    return np.asarray(framed, np.uint8), (float(edge), float(side))


def _difference(face: Face, inner: tuple[float, float], spec: CropSpec) -> tuple[float, float, float]:
    # Where the middle and the size of the data's crop come to lie in the detector's crop; 0, 0, 0 where they agree.
    to_unit = crop_transform(face, spec)
    edge, side = inner
    middle = to_unit @ np.array([edge + side / 2, edge + side / 2, 1.0])
    scale = np.hypot(to_unit[0, 0], to_unit[1, 0]) * side
    return float(middle[0] - 0.5), float(middle[1] - 0.5), float(np.log(scale))


def _moved(crop: NDArray[np.uint8], by: NDArray[np.float64], spec: CropSpec) -> NDArray[np.uint8]:
    picture = _rgb(crop)
    side = len(picture)
    box = whole_face(picture, spec).box
    middle_x, middle_y = (box.x1 + box.x2) / 2 + by[0] * side, (box.y1 + box.y2) / 2 + by[1] * side
    half = box.width / 2 * float(np.exp(by[2]))
    moved = Face(Box(middle_x - half, middle_y - half, middle_x + half, middle_y + half), 1.0)
    return np.asarray(crop_faces(picture, [moved], spec)[0])

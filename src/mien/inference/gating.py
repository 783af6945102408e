"""A gate behind a detector: what the model takes for no face gets no emotion.

A detector that is set to overlook little finds much that is no face; the gate of the model takes that out again (a
cascade of two, as in Viola & Jones 2001).
"""

import numpy as np
from numpy.typing import NDArray

from mien.inference.crops import crop_faces
from mien.inference.detectors import Detector
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.model_card import Head
from mien.results import Box, Face

MOST_OVERLAP = 0.3
"""Of two candidates that share more than this of the smaller one, the likelier face stays."""


class Gated:
    """Finds what a detector finds and the gate of a model takes for faces. As safe to share as both of them.

    Args:
        detector: proposes faces.
        session: the weight file.
        gate: its head that knows faces, with a threshold.
    """

    def __init__(self, detector: Detector, session: Session, gate: Head) -> None:
        self.name = detector.name
        self._detector = detector
        self._session = session
        self._gate = gate

    def find_faces(self, picture: NDArray[np.uint8], *, smallest: int = 0) -> list[Face]:
        """Return the faces, the surest for the detector first; see `Detector.find_faces`."""
        candidates = self._detector.find_faces(picture, smallest=smallest)
        if not candidates:
            return []
        crops = crop_faces(picture, candidates, self._session.card.crop)
        likely = score_crops(self._session, crops, self._gate)[:, 0]
        threshold = self._gate.thresholds[0] if self._gate.thresholds else 0.5
        kept: list[int] = []
        for place in np.argsort(-likely, kind="stable").tolist():
            alone = all(_shared(candidates[place].box, candidates[other].box) <= MOST_OVERLAP for other in kept)
            if likely[place] >= threshold and alone:
                kept.append(place)
        return [candidates[place] for place in sorted(kept)]


def _shared(one: Box, other: Box) -> float:
    # How much of the smaller box lies in the other: a window within a face overlaps it by little of their union.
    both = one.intersection(other)
    return both / min(one.width * one.height, other.width * other.height) if both else 0.0

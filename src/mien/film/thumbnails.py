"""Some faces of each track, spread over the film, in bounded memory: what a timeline shows."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.results import Box
from mien.video_results import FrameResult

SIDE = 96
"""Thumbnails have this many pixels on each side."""
MOST_A_TRACK = 24
MOST_TRACKS = 24
MARGIN = 0.15
"""A thumbnail shows this much around the box, as a share of its longer side."""

Thumbnail = tuple[float, float, NDArray[np.uint8]]
"""Time in seconds, probability of the label, (SIDE, SIDE, 3) uint8 RGB."""


class Thumbnails:
    """Takes in results with pixels, and keeps the clearest face of every stretch of time.

    The stretches double whenever a track has more of them than it may keep, and tracks that were seen least make room.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, _Stretches] = {}

    def add(self, result: FrameResult) -> None:
        """Take in a frame."""
        assert result.pixels is not None
        for found in result:
            assert found.track_id is not None
            stretches = self._tracks.setdefault(found.track_id, _Stretches(result.time_s))
            if stretches.wants(result.time_s, found.confidence):
                stretches.put(result.time_s, found.confidence, _cut(result.pixels, found.face.box))
        while len(self._tracks) > MOST_TRACKS:
            # The track that was just begun stays, or no new one would ever get in.
            del self._tracks[min(list(self._tracks)[:-1], key=lambda number: self._tracks[number].frames)]

    def of(self, track_id: int) -> list[Thumbnail]:
        """Return the thumbnails of a track in the order of time; none where it was seen too little."""
        return self._tracks[track_id].kept() if track_id in self._tracks else []


class _Stretches:
    def __init__(self, time_s: float) -> None:
        self.frames = 0
        self._begin_s = time_s
        self._length_s = 0.5
        self._best: dict[int, Thumbnail] = {}

    def wants(self, time_s: float, confidence: float) -> bool:
        self.frames += 1
        place = self._place(time_s)
        return place not in self._best or confidence > self._best[place][1]

    def put(self, time_s: float, confidence: float, picture: NDArray[np.uint8]) -> None:
        self._best[self._place(time_s)] = (time_s, confidence, picture)
        while len(self._best) > MOST_A_TRACK:
            self._length_s *= 2
            merged: dict[int, Thumbnail] = {}
            for thumbnail in self._best.values():
                place = self._place(thumbnail[0])
                merged[place] = max(merged.get(place, thumbnail), thumbnail, key=lambda other: other[1])
            self._best = merged

    def kept(self) -> list[Thumbnail]:
        return [self._best[place] for place in sorted(self._best)]

    def _place(self, time_s: float) -> int:
        return int((time_s - self._begin_s) / self._length_s)


def _cut(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    half = (0.5 + MARGIN) * max(box.width, box.height)
    x, y = box.center
    x1, y1 = int(min(max(x - half, 0), width - 1)), int(min(max(y - half, 0), height - 1))
    x2, y2 = int(max(min(x + half, width), x1 + 1)), int(max(min(y + half, height), y1 + 1))
    part = pixels[y1:y2, x1:x2]
    side = min(part.shape[:2])  # a face at the edge of the frame is cut off there, not squeezed
    top, left = (part.shape[0] - side) // 2, (part.shape[1] - side) // 2
    square = part[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)

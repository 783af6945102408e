"""Faces of successive frames -> tracks: the same person keeps the same number, through short occlusions too.

OC-SORT: Cao, Pang, Weng, Khirodkar & Kitani 2023, "Observation-Centric SORT: Rethinking SORT for Robust Multi-Object
Tracking" (CVPR, arXiv:2203.14360), on the motion model of `mien.inference.video.motion`. Its three ideas are marked
below: momentum (OCM), recovery (OCR) and re-update (ORU). Times are in seconds, so that films of any or no frame rate
behave alike.
"""

from collections import deque
from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from mien.errors import import_extra
from mien.inference.video.motion import BoxMotion
from mien.results import Box, Face

OVERLAP = 0.3
"""A face belongs to a track only when it overlaps with the expected box by at least this (IoU), as published."""
MOMENTUM = 0.2
"""Weight of the direction of movement beside the overlap, as published."""
MOMENTUM_S = 0.1
"""The direction is taken over this time; three frames at 30 a second, as published."""
VIRTUAL_STEP_S = 0.04
SOON_S = 0.35
"""So long a face goes on as it moved, whatever gaps are allowed, and so long after the frame before known faces are
looked for in windows. By the motion model a face is then half a side from where it should be, which is what a window
shows around it; later it may be anywhere."""


class Track:
    """One person within a film.

    Args:
        number: its id.
        face: where it was first seen.
        time_s: when.
    """

    def __init__(self, number: int, face: Face, time_s: float) -> None:
        self.id = number
        self.motion = BoxMotion(face.box)
        self._seen: deque[tuple[float, Box]] = deque([(time_s, face.box)])
        self._as_last_seen = self.motion.copy()

    @property
    def last_box(self) -> Box:
        """Where the face was last seen."""
        return self._seen[-1][1]

    @property
    def earlier_box(self) -> Box:
        """Where the face was seen `MOMENTUM_S` before that, or first, where it is newer."""
        return self._seen[0][1]

    @property
    def last_seen_s(self) -> float:
        """When the face was last seen."""
        return self._seen[-1][0]

    def see(self, face: Face, time_s: float, *, lost: bool) -> None:
        """Take in a face that belongs to this track.

        Args:
            face: seen now; the motion has been predicted up to now.
            time_s: now.
            lost: whether the track was without a face in the frame before.
        """
        if lost:
            self._walk_again(face.box, time_s)
        else:
            self.motion.update(face.box)
        while len(self._seen) > 1 and self._seen[1][0] <= time_s - MOMENTUM_S:
            self._seen.popleft()
        self._seen.append((time_s, face.box))
        self._as_last_seen = self.motion.copy()

    def copy(self) -> "Track":
        """Return an independent copy."""
        other = copy(self)
        other.motion, other._seen = self.motion.copy(), self._seen.copy()
        return other

    def direction(self) -> NDArray[np.float64]:
        """Return the unit vector (2,) of the recent movement, zero while the face stood still."""
        return _direction(self.earlier_box, self.last_box)

    def _walk_again(self, box: Box, time_s: float) -> None:
        # ORU: what the filter made up while the face was hidden is forgotten; it walks the straight line instead.
        start, start_s = self.last_box, self.last_seen_s
        self.motion = self._as_last_seen.copy()
        steps = max(round((time_s - start_s) / VIRTUAL_STEP_S), 1)
        for step in range(1, steps + 1):
            share = step / steps
            self.motion.predict((time_s - start_s) / steps)
            self.motion.update(
                Box(
                    start.x1 + share * (box.x1 - start.x1),
                    start.y1 + share * (box.y1 - start.y1),
                    start.x2 + share * (box.x2 - start.x2),
                    start.y2 + share * (box.y2 - start.y2),
                )
            )


class Tracker:
    """Gives the faces of successive frames their tracks. For one film; not to be shared between threads.

    Args:
        max_gap_s: a track ends when its face has not been seen for longer than this, and was missed in a frame. Of
            frames that are further apart, a face in two that follow each other is one track where it overlaps.
    """

    def __init__(self, *, max_gap_s: float) -> None:
        self.tracks: list[Track] = []
        self._max_gap_s = max_gap_s
        self._time_s: float | None = None
        self._previous_s = -np.inf  # time of the frame before
        self._next_id = 1
        import_extra("scipy", extra="video", purpose="following faces through a film")

    def copy(self) -> "Tracker":
        """Return an independent copy."""
        other = copy(self)
        other.tracks = [track.copy() for track in self.tracks]
        return other

    def predict(self, time_s: float, *, cut: bool = False) -> list[Track]:
        """Move on to a frame; each track's ``motion.box`` is then where its face should be.

        Args:
            time_s: of the frame. A little earlier than the frame before counts as the same moment; earlier by more
                than `max_gap_s` is another clock, such as that of a second film joined to the first: all tracks end.
            cut: whether another shot begins with this frame: all tracks end, too.

        Returns:
            The tracks that are over: missed, and unseen for too long.
        """
        if self._time_s is None or time_s < self._time_s - self._max_gap_s:
            over = self.tracks
            self._time_s, self._previous_s = time_s, -np.inf
        elif cut:
            over = self.tracks
            self._previous_s = -np.inf
        else:
            now_s = max(time_s, self._time_s)
            missed = [track for track in self.tracks if track.last_seen_s < self._previous_s]
            over = [track for track in missed if now_s - track.last_seen_s > self._max_gap_s]
        passed = max(time_s - self._time_s, 0.0)
        self._time_s += passed
        self.tracks = [track for track in self.tracks if track not in over]
        for track in self.tracks:
            # For longer than it may be unseen nobody is expected to go on as before: who is there still has stayed.
            track.motion.predict(min(passed, max(self._max_gap_s, SOON_S)))
        return over

    @property
    def now_s(self) -> float:
        """The moment of this frame: its time, or that of an earlier frame where it runs back a little."""
        assert self._time_s is not None
        return self._time_s

    @property
    def passed_s(self) -> float:
        """The time from the frame before to this one; inf where none is before it on its clock and in its shot."""
        return self.now_s - self._previous_s

    def match(self, faces: Sequence[Face]) -> list[int | None]:
        """Find which track each face of this frame belongs to.

        Returns:
            For each face the id of its track, or None where it belongs to none.
        """
        ids: list[int | None] = [None] * len(faces)
        expected = [track.motion.box for track in self.tracks]
        directions = [track.direction() for track in self.tracks]
        free = list(range(len(self.tracks)))
        gain = np.zeros((len(self.tracks), len(faces)))
        for row, track in enumerate(self.tracks):
            for column, face in enumerate(faces):
                # OCM: of two faces that overlap alike, the one that lies in the direction of movement. Both directions
                # begin at the earlier box: from one frame to the next, a box trembles by more than a face moves.
                towards = float(directions[row] @ _direction(track.earlier_box, face.box))
                gain[row, column] = MOMENTUM * towards if towards > 0 else 0.0
        self._take(ids, faces, expected, free, gain)
        # OCR: who is left may have stopped while hidden, and is looked for where it was last seen.
        self._take(ids, faces, [track.last_box for track in self.tracks], free, np.zeros_like(gain))
        return ids

    def place(self, faces: Sequence[Face], ids: Sequence[int | None]) -> list[int]:
        """Take in the faces of this frame, each into its track; a face without one starts a new track.

        Returns:
            The ids, those of the new tracks among them.
        """
        known = {track.id: track for track in self.tracks}
        placed = []
        for face, number in zip(faces, ids, strict=True):
            if number in known:
                track = known[number]
                track.see(face, self.now_s, lost=track.last_seen_s < self._previous_s)
            else:
                track = Track(self._next_id if number is None else number, face, self.now_s)
                self.tracks.append(track)
                self._next_id = max(self._next_id, track.id + 1)
            placed.append(track.id)
        self._previous_s = self.now_s
        return placed

    def _take(
        self,
        ids: list[int | None],
        faces: Sequence[Face],
        boxes: Sequence[Box],
        free: list[int],
        gain: NDArray[np.float64],
    ) -> None:
        # The best assignment of the free tracks to the free faces; those that it pairs are free no longer.
        columns = [column for column, number in enumerate(ids) if number is None]
        if not free or not columns:
            return
        overlap = np.array([[boxes[row].iou(faces[column].box) for column in columns] for row in free])
        paired = _best_pairs(np.where(overlap >= OVERLAP, overlap + gain[np.ix_(free, columns)], 0))
        for row, column in [(free[i], columns[j]) for i, j in paired if overlap[i, j] >= OVERLAP]:
            ids[column] = self.tracks[row].id
            free.remove(row)


def _best_pairs(gain: NDArray[np.float64]) -> list[tuple[int, int]]:
    # Pairs of a row and a column, each in one pair at most, with the greatest sum.
    if 1 in gain.shape:  # most films show one face: no need for the half second that scipy.optimize takes to import
        row, column = np.unravel_index(int(gain.argmax()), gain.shape)
        return [(int(row), int(column))]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-gain)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _direction(start: Box, end: Box) -> NDArray[np.float64]:
    way = np.array([end.x1 + end.x2 - start.x1 - start.x2, end.y1 + end.y2 - start.y1 - start.y2]) / 2
    length = float(np.hypot(*way))
    return way / length if length > 0 else way

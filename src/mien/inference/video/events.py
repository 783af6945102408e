"""One track over time: calm scores, its label, and events with onset, apex and offset."""

import numpy as np
from numpy.typing import NDArray

from mien.inference.video.smoothing import Hold, Smoother
from mien.model_card import Head
from mien.video_results import Event


class History:
    """What one track has shown so far, in constant memory.

    Of a single-label head the emotion on top is shown, so events follow each other without a gap; of a multi-label
    head every emotion over its threshold is, so events of several emotions may overlap.

    Args:
        track_id: of the track.
        head: what the scores mean.
        smoothing_s: time constant of the smoothing, in seconds.
        hold_s: how long something has to last to count, in seconds.
    """

    def __init__(self, track_id: int, head: Head, *, smoothing_s: float, hold_s: float) -> None:
        self._track_id = track_id
        self._head = head
        self._hold_s = hold_s
        self._smoother = Smoother(smoothing_s)
        self._label: Hold[str] | None = None
        self._present: dict[str, Hold[bool]] = {}
        self._onsets: dict[str, float] = {}
        self._apexes: dict[str, tuple[float, float]] = {}  # probability, time
        self._time_s = 0.0

    def update(self, scores: NDArray[np.float64], time_s: float) -> tuple[NDArray[np.float64], str, list[Event]]:
        """Take in the scores of a frame.

        Args:
            scores: (labels,) probabilities of this frame.
            time_s: of this frame.

        Returns:
            The smoothed probabilities (labels,), the label, and the events that are known to be over.
        """
        smoothed = self._smoother.update(scores, time_s)
        labels = self._head.labels
        top = labels[int(smoothed.argmax())]
        if self._label is None:
            self._label = Hold(top, time_s, hold_s=self._hold_s)
        label = self._label.update(top, time_s)
        present = self._head.present(smoothed.tolist())  # of a head of one label the emotion on top is shown
        now = {top} if present is None else set(present)
        held = self._held(now, time_s) if self._head.task == "multi" else {label: self._label.since_s}
        ends = {
            emotion: self._present[emotion].since_s if self._present else self._label.since_s
            for emotion in self._onsets
            if emotion not in held
        }
        over = [self._event(emotion, end_s) for emotion, end_s in ends.items() if end_s > self._onsets[emotion]]
        for index, emotion in enumerate(labels):
            if emotion in now:  # what is only held ends before this frame, unless it comes back
                apex = (float(smoothed[index]), time_s)
                self._apexes[emotion] = max(self._apexes.get(emotion, apex), apex, key=lambda pair: pair[0])
            elif emotion not in held:
                self._apexes.pop(emotion, None)
        self._onsets = held
        self._time_s = time_s
        return smoothed, label, over

    def finish(self) -> list[Event]:
        """End all events where the track was last seen, and return them."""
        over = [self._event(emotion, self._time_s) for emotion in self._onsets]
        self._onsets = {}
        return over

    def _held(self, now: set[str], time_s: float) -> dict[str, float]:
        if not self._present:
            self._present = {label: Hold(label in now, time_s, hold_s=self._hold_s) for label in self._head.labels}
        return {label: hold.since_s for label, hold in self._present.items() if hold.update(label in now, time_s)}

    def _event(self, emotion: str, offset_s: float) -> Event:
        probability, apex_s = self._apexes[emotion]
        return Event(self._track_id, emotion, self._onsets[emotion], apex_s, offset_s, probability)

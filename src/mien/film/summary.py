"""Results of a film -> who was seen in it, for how long, showing what."""

from collections import Counter
from dataclasses import dataclass, field

from mien.video_results import Event, FrameResult


@dataclass
class Person:
    """One track of a film.

    Attributes:
        track_id: its number.
        first_s: when it was first seen, in seconds.
        last_s: when it was last seen.
        labels: in how many frames it had which label.
        label_changes: how often its label changed.
        raw_changes: how often the most probable emotion of a frame was another than that of the frame before.
        events: how many events it had.
    """

    track_id: int
    first_s: float
    last_s: float
    labels: Counter[str] = field(default_factory=Counter)
    label_changes: int = 0
    raw_changes: int = 0
    events: int = 0
    _label: str = ""
    _raw: str = ""

    @property
    def frames(self) -> int:
        """In how many frames it was seen."""
        return self.labels.total()

    def see(self, time_s: float, label: str, raw: str) -> None:
        """Take in a frame."""
        self.label_changes += self._label not in ("", label)
        self.raw_changes += self._raw not in ("", raw)
        self._label, self._raw, self.last_s = label, raw, time_s
        self.labels[label] += 1


class Summary:
    """Takes in the results of a film one after the other; holds a few numbers a track.

    Attributes:
        frames: how many.
        frames_with_faces: how many of them.
        faces: how many in all of them.
        shots: how many.
        first_s: time of the first frame, in seconds.
        last_s: time of the last frame.
        people: by track id.
    """

    def __init__(self) -> None:
        self.frames = self.frames_with_faces = self.faces = self.shots = 0
        self.first_s = self.last_s = 0.0
        self.people: dict[int, Person] = {}

    def add(self, result: FrameResult) -> None:
        """Take in a frame."""
        if self.frames == 0:
            self.first_s = result.time_s
        self.last_s = result.time_s
        self.shots = result.shot + 1
        self.frames += 1
        self.frames_with_faces += bool(result.faces)
        self.faces += len(result)
        for found in result:
            assert found.track_id is not None
            person = self.people.setdefault(found.track_id, Person(found.track_id, result.time_s, result.time_s))
            person.see(result.time_s, found.label, found.emotions.top)
        for event in result.events:
            self._count(event)

    def longest(self, count: int) -> list[Person]:
        """Return those who are seen in most frames, at most so many, in the order of their ids."""
        chosen = sorted(self.people.values(), key=lambda person: -person.frames)[:count]
        return sorted(chosen, key=lambda person: person.track_id)

    def _count(self, event: Event) -> None:
        self.people[event.track_id].events += 1

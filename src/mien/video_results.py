"""What mien answers with for a film: frames, the faces in them with their histories, and events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.results import ANSWER_COLUMNS, BOX_COLUMNS, Emotions, FaceResult


@dataclass(frozen=True, kw_only=True)
class TrackedFace(FaceResult):
    """A face in one frame of a film; `emotions` is what this frame alone shows, `track_id` is always set.

    Attributes:
        smoothed: probabilities averaged over the last moments of this track.
        label: the emotion that the track shows; unlike ``smoothed.top`` it changes only when another emotion has been
            on top for a while.
        label_unsure: the model's verdict, as in ``unsure``, on the label and its smoothed probability.
    """

    smoothed: Emotions
    label: str
    label_unsure: bool | None = None

    @property
    def confidence(self) -> float:
        """The smoothed probability of the label, 0 to 1."""
        return self.smoothed[self.label]

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON; ``top`` and ``confidence`` are the raw ones, of this frame alone."""
        return {
            "track_id": self.track_id,
            "label": self.label,
            "label_confidence": self.confidence,
            "label_unsure": self.label_unsure,
            **super().to_dict(),
            "smoothed": dict(self.smoothed),
        }

    @classmethod
    def _parts(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        smoothed = content["smoothed"]
        return super()._parts(content) | {
            "track_id": content["track_id"],
            "smoothed": Emotions(tuple(smoothed), tuple(smoothed.values())),
            "label": content["label"],
            "label_unsure": content["label_unsure"],
        }


@dataclass(frozen=True)
class Event:
    """A stretch of time in which a track showed an emotion.

    Attributes:
        track_id: which track.
        emotion: its label.
        onset_s: when the emotion came to the top, seconds on the film's own clock.
        apex_s: when its smoothed probability was greatest.
        offset_s: when another one took its place, or when the track was last seen.
        apex_probability: the greatest smoothed probability, 0 to 1.
    """

    track_id: int
    emotion: str
    onset_s: float
    apex_s: float
    offset_s: float
    apex_probability: float

    @property
    def duration_s(self) -> float:
        """How long it lasted, in seconds."""
        return self.offset_s - self.onset_s

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON and for tables."""
        return {
            "track_id": self.track_id,
            "emotion": self.emotion,
            "onset_s": self.onset_s,
            "apex_s": self.apex_s,
            "offset_s": self.offset_s,
            "duration_s": self.duration_s,
            "apex_probability": self.apex_probability,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Event":
        """Read what `to_dict` gave."""
        return cls(**{key: value for key, value in content.items() if key != "duration_s"})


@dataclass(frozen=True)
class FrameResult:
    """All faces of one frame; iterating gives them. A frame without a face has an empty result.

    Attributes:
        index: number of the frame, 0-based.
        time_s: on the film's own clock, in seconds.
        faces: in the order of their track ids.
        width: of the upright frame, in pixels.
        height: of the upright frame, in pixels.
        model: name of the model that scored the faces.
        source: the path or address of the film, where there is one.
        shot: number of the shot, 0-based: another one begins where the film is cut.
        events: those that are known to be over since the frame before.
        pixels: (height, width, 3) uint8 RGB, where they were asked for.
    """

    index: int
    time_s: float
    faces: tuple[TrackedFace, ...]
    width: int
    height: int
    model: str
    source: str | None = None
    events: tuple[Event, ...] = ()
    shot: int = 0
    pixels: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    def __iter__(self) -> Iterator[TrackedFace]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON, without the pixels."""
        return {
            "source": self.source,
            "frame": self.index,
            "time_s": self.time_s,
            "shot": self.shot,
            "width": self.width,
            "height": self.height,
            "model": self.model,
            "faces": [face.to_dict() for face in self.faces],
            "events": [event.to_dict() for event in self.events],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "FrameResult":
        """Read what `to_dict` gave."""
        return cls(
            index=content["frame"],
            time_s=content["time_s"],
            faces=tuple(map(TrackedFace.from_dict, content["faces"])),
            width=content["width"],
            height=content["height"],
            model=content["model"],
            source=content["source"],
            shot=content["shot"],
            events=tuple(map(Event.from_dict, content["events"])),
        )

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one flat row a face, for tables; a frame without a face gives one row with empty face columns.

        Columns: source, frame, time_s, shot, width, height, model, track_id, x1, y1, x2, y2, score, face_probability,
        label, label_confidence, label_unsure, top, confidence, unsure, present (these four raw), then where there is a
        face ``p_<label>`` (raw) and ``smoothed_<label>`` for each emotion.
        """
        frame = {
            "source": self.source,
            "frame": self.index,
            "time_s": self.time_s,
            "shot": self.shot,
            "width": self.width,
            "height": self.height,
            "model": self.model,
        }
        if not self.faces:
            return [frame | dict.fromkeys(_FACE_COLUMNS)]
        return [
            frame
            | {"track_id": found.track_id}
            | found.box_cells()
            | dict(zip(_LABEL_COLUMNS, (found.label, found.confidence, found.label_unsure), strict=True))
            | found.answer_cells()
            | {f"smoothed_{label}": value for label, value in found.smoothed.items()}
            for found in self.faces
        ]


_FRAME_COLUMNS = ("source", "frame", "time_s", "shot", "width", "height", "model")
_LABEL_COLUMNS = ("label", "label_confidence", "label_unsure")
_FACE_COLUMNS = ("track_id", *BOX_COLUMNS, *_LABEL_COLUMNS, *ANSWER_COLUMNS)


def table_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table of frames, in order; see `FrameResult.to_rows`.

    Args:
        labels: of the model's head.
    """
    scores = (f"{kind}_{label}" for kind in ("p", "smoothed") for label in labels)
    return (*_FRAME_COLUMNS, *_FACE_COLUMNS, *scores)

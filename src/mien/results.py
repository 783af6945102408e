"""What mien answers with: frozen, typed, plain. No drawing and no vendor code lives here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """An axis-parallel rectangle in pixels of the upright picture: top-left origin, half-open, may be fractional.

    Attributes:
        x1: left edge.
        y1: upper edge.
        x2: right edge, where the rectangle no longer is.
        y2: lower edge, where the rectangle no longer is.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y2 - self.y1

    @property
    def center(self) -> tuple[float, float]:
        """The point (x, y) in the middle, in pixels."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def clipped(self, width: int, height: int) -> "Box":
        """Return the part that lies within a picture of this size, in pixels."""
        return Box(
            min(max(self.x1, 0.0), width),
            min(max(self.y1, 0.0), height),
            min(max(self.x2, 0.0), width),
            min(max(self.y2, 0.0), height),
        )

    def intersection(self, other: "Box") -> float:
        """Return the area that both boxes cover, in square pixels; 0 where they only touch."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        return max(width, 0.0) * max(height, 0.0)

    def iou(self, other: "Box") -> float:
        """Return intersection over union with another box, 0 to 1."""
        both = self.intersection(other)
        if not both:
            return 0.0
        return both / (self.width * self.height + other.width * other.height - both)


@dataclass(frozen=True, eq=False)
class Face:
    """A face that a detector found.

    Attributes:
        box: in pixels of the original picture.
        score: the detector's own confidence, 0 to 1; comparable within one detector only.
        landmarks: float32 array (5, 2), pixels, in the order right eye, left eye, nose, right mouth corner, left mouth
            corner (the subject's right, which is the picture's left), or None where the detector gives none.
    """

    box: Box
    score: float
    landmarks: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Emotions(Mapping[str, float]):
    """Probabilities of the emotions of one face, a read-only mapping from label to probability (0 to 1, not rounded).

    Attributes:
        labels: in the order of the model's head.
        probabilities: same length and order; for a single-label head they sum to one.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __getitem__(self, label: str) -> float:
        try:
            return self.probabilities[self.labels.index(label)]
        except ValueError:
            raise KeyError(f"no emotion {label!r} here: it is one of {', '.join(self.labels)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def top(self) -> str:
        """The most probable emotion."""
        return self.labels[self.probabilities.index(max(self.probabilities))]

    @property
    def confidence(self) -> float:
        """The probability of the most probable emotion, 0 to 1."""
        return max(self.probabilities)

    def ranked(self, count: int | None = None) -> list[tuple[str, float]]:
        """Return (label, probability) pairs, the most probable first, at most `count` of them."""
        pairs = sorted(zip(self.labels, self.probabilities, strict=True), key=lambda pair: -pair[1])
        return pairs[:count]

    def present(self, threshold: float) -> list[str]:
        """Return the emotions whose probability is at least the threshold, in the order of the labels."""
        return [label for label in self.labels if self[label] >= threshold]


BOX_COLUMNS = ("x1", "y1", "x2", "y2", "score", "face_probability")
ANSWER_COLUMNS = ("top", "confidence", "unsure", "present")


@dataclass(frozen=True)
class FaceResult:
    """A face and the emotions that it shows.

    Attributes:
        face: where it is.
        emotions: what it shows.
        face_probability: probability that it is a face at all, 0 to 1, by the model's gate; None where the model has
            no gate.
        track_id: which person it is within a film; None for single pictures.
        unsure: whether the most probable emotion is less probable than the model's threshold for an answer; None where
            the model has no such threshold.
        present: the emotions whose probabilities reach the model's thresholds, in the order of the labels, none or
            several; None where the model says one emotion a face.
    """

    face: Face
    emotions: Emotions
    face_probability: float | None = None
    track_id: int | None = None
    unsure: bool | None = None
    present: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        box, landmarks = self.face.box, self.face.landmarks
        return {
            "box": [float(side) for side in (box.x1, box.y1, box.x2, box.y2)],  # a detector may give NumPy's numbers
            "score": float(self.face.score),
            "landmarks": None if landmarks is None else landmarks.tolist(),
            "face_probability": self.face_probability,
            "emotions": dict(self.emotions),
            "top": self.emotions.top,
            "confidence": self.emotions.confidence,
            "unsure": self.unsure,
            "present": None if self.present is None else list(self.present),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave."""
        return cls(**cls._parts(content))

    @classmethod
    def _parts(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        landmarks, present, emotions = content["landmarks"], content["present"], content["emotions"]
        landmarks = None if landmarks is None else np.array(landmarks, np.float32)
        return {
            "face": Face(Box(*content["box"]), content["score"], landmarks),
            "emotions": Emotions(tuple(emotions), tuple(emotions.values())),
            "face_probability": content["face_probability"],
            "unsure": content["unsure"],
            "present": None if present is None else tuple(present),
        }

    def box_cells(self) -> dict[str, Any]:
        """Return the columns of a table that say where the face is, `BOX_COLUMNS`."""
        box = self.face.box
        return dict(
            zip(BOX_COLUMNS, (box.x1, box.y1, box.x2, box.y2, self.face.score, self.face_probability), strict=True)
        )

    def answer_cells(self) -> dict[str, Any]:
        """Return the columns of a table that say what it shows, `ANSWER_COLUMNS` and ``p_<label>`` for each emotion."""
        present = None if self.present is None else ";".join(self.present)
        cells = (self.emotions.top, self.emotions.confidence, self.unsure, present)
        return dict(zip(ANSWER_COLUMNS, cells, strict=True)) | {f"p_{label}": p for label, p in self.emotions.items()}


@dataclass(frozen=True)
class ImageResult:
    """All faces of one picture, a sequence of them. A picture without a face has an empty result.

    Attributes:
        faces: in the order of the detector, the surest first.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
        model: name of the model that scored the faces.
        source: the path that was given, or the name that the caller gave; None for arrays and bytes.
    """

    faces: tuple[FaceResult, ...]
    width: int
    height: int
    model: str
    source: str | None = None

    def __iter__(self) -> Iterator[FaceResult]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> FaceResult:
        return self.faces[index]

    def at_least(self, confidence: float) -> "ImageResult":
        """Return the same result without the faces whose most probable emotion is less probable than this, 0 to 1."""
        return replace(self, faces=tuple(face for face in self.faces if face.emotions.confidence >= confidence))

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "model": self.model,
            "faces": [face.to_dict() for face in self.faces],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave."""
        return cls(**{**content, "faces": tuple(map(FaceResult.from_dict, content["faces"]))})

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one flat row a face, for tables; a picture without a face gives one row with empty face columns.

        Columns: source, width, height, model, face (its number from 1, as in drawn copies; None without a face), x1,
        y1, x2, y2, score, face_probability, top, confidence, unsure, present (joined by ``;``), then ``p_<label>`` for
        each emotion where there is a face.
        """
        picture = {"source": self.source, "width": self.width, "height": self.height, "model": self.model}
        if not self.faces:
            return [picture | dict.fromkeys(("face", *BOX_COLUMNS, *ANSWER_COLUMNS))]
        return [
            picture | {"face": number} | found.box_cells() | found.answer_cells()
            for number, found in enumerate(self.faces, 1)
        ]

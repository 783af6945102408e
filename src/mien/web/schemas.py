"""The shapes of questions and answers, for the description under /openapi.json."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from mien.web.jobs import State
from mien.web.settings import Limits

FACE: dict[str, Any] = {
    "box": [183.4, 61.2, 268.9, 170.5],
    "score": 0.93,
    "landmarks": None,
    "face_probability": None,
    "emotions": {
        "anger": 0.001,
        "disgust": 0.0,
        "fear": 0.001,
        "happiness": 0.981,
        "sadness": 0.002,
        "surprise": 0.005,
        "neutral": 0.01,
    },
    "top": "happiness",
    "confidence": 0.981,
    "unsure": False,
    "present": None,
}
PICTURE: dict[str, Any] = {
    "source": "astronaut.jpg",
    "width": 512,
    "height": 512,
    "model": "mien-base",
    "faces": [FACE],
}
JOB: dict[str, Any] = {
    "id": "0b6f3c0f4f1d4c53a1f2b7c55f4a1d9e",
    "state": "running",
    "frames": 58,
    "expected_frames": 115,
    "start_s": 0.0,
    "progress": 0.504,
    "seconds": 1.2,
    "problems": [],
    "error": None,
}
FRAME: dict[str, Any] = {
    "source": "talk.mp4",
    "frame": 57,
    "time_s": 2.28,
    "shot": 0,
    "width": 640,
    "height": 360,
    "model": "mien-base",
    "faces": [
        {"track_id": 1, "label": "happiness", "label_confidence": 0.95, **FACE, "smoothed": FACE["emotions"]},
    ],
    "events": [],
}
MODELS: dict[str, Any] = {
    "models": [
        {
            "name": "mien-base",
            "license": "MIT",
            "trained_on": "FER-2013 Training",
            "sha256": "e4a5c6...",
            "heads": [
                {"name": "fer7", "task": "single", "labels": ["anger", "..."], "thresholds": None},
            ],
        }
    ],
    "detectors": ["haar", "yunet", "whole"],
    "default": {"model": "mien-base", "labels": "fer7", "detector": "yunet"},
    "limits": Limits().describe(),
}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow")  # answers may grow; nobody should break over a new key


class FaceShape(_Shape):
    """A face: its box in pixels (x1, y1, x2, y2), and the probability of each emotion, 0 to 1."""

    box: list[float] = Field(min_length=4, max_length=4)
    score: float
    landmarks: list[list[float]] | None = Field(
        description="Right eye, left eye, nose, right and left corner of the mouth, each x, y in pixels; null: the "
        "detector gives none."
    )
    face_probability: float | None
    emotions: dict[str, float]
    top: str
    confidence: float
    unsure: bool | None = Field(description="Whether the answer is too improbable to rely on; null: nobody can say.")
    present: list[str] | None = Field(
        description="The emotions that reach the model's thresholds; null: it says one emotion a face."
    )


class PictureShape(_Shape):
    """A picture and its faces, the surest first; a picture without a face has none."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": PICTURE})
    source: str | None
    width: int
    height: int
    model: str
    faces: list[FaceShape]


class ProblemShape(_Shape):
    """A picture that could not be used."""

    picture: int = Field(description="Which of those that were sent, from 0.")
    source: str | None
    error: str


class AnalyzeShape(_Shape):
    """Results in the order of the pictures, without those that could not be used: they stand among the problems."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"results": [PICTURE], "problems": []}})
    results: list[PictureShape]
    problems: list[ProblemShape]


class ExplanationShape(_Shape):
    """How much each part of a face raised the probability of a label."""

    face: int = Field(description="Which one: counted from 0, in the order of /v1/analyze.")
    label: str
    probability: float
    most: float = Field(description="The probability that the part that counts most is worth.")
    map: list[list[float]] = Field(description="Rows of the crop, top to bottom: -1 (against) to 1 (for), of `most`.")
    transform: list[float] = Field(
        description="a, b, c, d, e, f of a canvas: where the crop, seen as 1 x 1, lies in the picture.",
        min_length=6,
        max_length=6,
    )


class JobShape(_Shape):
    """A film in work."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": JOB})
    id: str
    state: State
    frames: int = Field(description="Analysed so far.")
    expected_frames: int | None = Field(description="By the film's header, where it says so.")
    start_s: float = Field(
        description="When the film begins on its own clock, with its picture or its sound; 0 until it is opened."
    )
    progress: float | None = Field(description="0 to 1, where it is known.")
    seconds: float = Field(description="Of work so far.")
    problems: list[str] = Field(description="What of the film was lost.")
    error: str | None


class ErrorShape(BaseModel):
    """What was given, what is allowed, and what to do instead."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"error": "party.jpg: is not a picture that can be read; JPEG, PNG, ... can"}}
    )
    error: str


@dataclass(frozen=True)
class Choice:
    """What a request asks to be answered by; FastAPI reads it from the address of each route that depends on it.

    Attributes:
        model: a name of the catalogue or of the server's own model; None takes the server's.
        labels: a head of that model; None takes the server's choice, or the model's first.
        detector: finds the faces; None takes the server's.
    """

    model: Annotated[
        str | None, Query(description="A name of GET /v1/models; the server's default without.", examples=["mien-base"])
    ] = None
    labels: Annotated[
        str | None,
        Query(
            description="The head that answers, such as fer7 or ferplus8; the model's first without.",
            examples=["fer7"],
        ),
    ] = None
    detector: Annotated[
        str | None, Query(description="yunet, haar, auto, or whole for pictures that are crops of one face.")
    ] = None


JobId = Annotated[str, Path(alias="id", description="As POST /v1/videos has answered it.")]
MinConfidence = Annotated[
    float, Query(ge=0, le=1, description="Leave out faces whose top emotion is less probable than this.")
]


OF_UPLOADS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
"""What every route that takes files may answer."""


def errors(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the description of answers that tell of an error."""
    return {status.value: {"model": ErrorShape, "description": status.phrase} for status in statuses}


def files_body(field: str, *, many: bool, kinds: str) -> dict[str, Any]:
    """Return the description of a body with files, for `openapi_extra`.

    Args:
        field: name of the form's field.
        many: whether there may be several.
        kinds: media type of a body that is one file itself, such as ``"image/*"``.
    """
    file = {"type": "string", "format": "binary"}
    content: dict[str, Any] = {"type": "array", "items": file, "minItems": 1} if many else file
    schema = {"type": "object", "properties": {field: content}, "required": [field]}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema}, kinds: {"schema": file}},
        }
    }

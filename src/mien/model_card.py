"""What a weight file must say about itself: the crop it expects, its heads, where it comes from, what it scores.

The card travels inside the ONNX file (metadata key ``mien_card``, JSON), so a weight file is never separated from its
meaning.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from math import isfinite
from typing import Any, Literal, get_args

from mien.errors import WeightsError, unknown_name

CARD_KEY = "mien_card"
"""The key of the ONNX metadata under which the card is stored."""

CARD_VERSION = 1

Task = Literal["single", "multi", "gate"]
Color = Literal["gray", "rgb"]


@dataclass(frozen=True)
class CropSpec:
    """How a face must lie in the picture that goes into the network.

    Lengths are in units of the crop's side, the origin is the crop's top-left corner.

    Attributes:
        size: side of the square crop in pixels.
        color: ``"gray"`` (ITU-R 601 luma, one channel) or ``"rgb"``.
        landmarks: where the five landmarks go, (x, y) each, in the order of `mien.results.Face.landmarks`.
        box: (left, top, side) of a square face box without landmarks.
    """

    size: int
    color: Color
    landmarks: tuple[tuple[float, float], ...]
    box: tuple[float, float, float]

    @property
    def channels(self) -> int:
        """Number of channels of the crop: 1 or 3."""
        return 1 if self.color == "gray" else 3


FER2013_CROP = CropSpec(
    size=48,
    color="gray",
    landmarks=((0.313, 0.381), (0.674, 0.380), (0.483, 0.596), (0.349, 0.743), (0.641, 0.745)),
    box=(0.016, 0.010, 0.964),
)
"""Where faces lie in FER-2013: medians over 1,500 training pictures, landmarks by YuNet, box by the Haar cascade
``frontalface_alt2``. A crop made like this looks to the network like the pictures that it was trained on."""


@dataclass(frozen=True)
class Head:
    """One output of a model.

    Attributes:
        name: name of the ONNX output and, for emotions, of the label set.
        task: ``"single"`` (softmax), ``"multi"`` (sigmoid) or ``"gate"`` (sigmoid: face or not).
        labels: labels in the order of the logits.
        temperature: the logits are divided by it before softmax or sigmoid; fitted on validation data.
        entropy_power: how the temperature of ``"single"`` depends on the picture, see
            `mien.inference.scores.sharpened`; 0 not at all. Fitted together with the temperature.
        thresholds: per label, for ``"multi"`` and ``"gate"``.
        unsure_below: an answer less probable than this is called unsure; for ``"single"``, fitted on validation data.
        unsure_error: the share of wrong answers among the others that `unsure_below` was fitted for, 0 to 1.
    """

    name: str
    task: Task
    labels: tuple[str, ...]
    temperature: float = 1.0
    thresholds: tuple[float, ...] | None = None
    unsure_below: float | None = None
    unsure_error: float | None = None
    entropy_power: float = 0.0

    def is_unsure(self, confidence: float) -> bool | None:
        """Return whether an answer of this probability is called unsure; None where the head has no such threshold."""
        return None if self.unsure_below is None else confidence < self.unsure_below

    def present(self, probabilities: Sequence[float]) -> tuple[str, ...] | None:
        """Return the labels that reach their thresholds, one half where there are none; None where one is the answer.

        Args:
            probabilities: of the labels, in their order, 0 to 1.
        """
        if self.task != "multi":
            return None
        thresholds = self.thresholds or (0.5,) * len(self.labels)
        each = zip(self.labels, probabilities, thresholds, strict=True)
        return tuple(label for label, probability, threshold in each if probability >= threshold)


@dataclass(frozen=True)
class ModelCard:
    """All that is needed to use a weight file, and to judge it.

    Attributes:
        name: name of the model, such as ``"mien-compact"``.
        heads: its outputs, the default one first.
        crop: the crop that it expects.
        trained_on: datasets and splits that the weights have seen, in words.
        intended_use: what it is meant for, in words.
        limits: what it cannot do and must not be used for, in words.
        data_license: of the pictures that it learnt from, in words.
        retrain: the command that makes it again.
        metrics: measured scores, ``{"PublicTest/fer7/accuracy": 0.69, ...}``, fractions unless named otherwise.
        license: licence of the weights.
        source: how the file was made: command, commit.
        sha256: of the whole weight file, filled when it is read; not stored in the file itself.
    """

    name: str
    heads: tuple[Head, ...]
    crop: CropSpec
    trained_on: str
    license: str
    source: str
    intended_use: str = ""
    limits: str = ""
    data_license: str = ""
    retrain: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    sha256: str = ""

    def head(self, name: str) -> Head:
        """Return a head by its name.

        Raises:
            UsageError: the model has no such head.
        """
        for head in self.heads:
            if head.name == name:
                return head
        raise unknown_name(f"head of model {self.name}", name, [head.name for head in self.heads])

    def with_sha256(self, sha256: str) -> "ModelCard":
        """Return the same card with the checksum of the file that it was read from."""
        return replace(self, sha256=sha256)

    def to_json(self) -> str:
        """Return the card as JSON text, without the checksum."""
        content = asdict(self)
        del content["sha256"]
        return json.dumps({"version": CARD_VERSION, **content}, indent=1)

    @classmethod
    def from_json(cls, text: str, *, file: str) -> "ModelCard":
        """Read a card.

        Args:
            text: what `to_json` wrote.
            file: where the text comes from, for the error.

        Raises:
            WeightsError: the text is no card of this version.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            version = content.pop("version")
            if version != CARD_VERSION:
                raise WeightsError(
                    f"{file}: its model card is version {version}, this mien reads version {CARD_VERSION}; "
                    "upgrade mien, or export the model again with `mien export`"
                )
            crop = content.pop("crop")
            heads = content.pop("heads")
            card = cls(
                heads=tuple(
                    Head(
                        name=head["name"],
                        task=head["task"],
                        labels=_listed(head["labels"], head["name"]),
                        temperature=float(head["temperature"]),
                        thresholds=tuple(map(float, head["thresholds"])) if head["thresholds"] else None,
                        unsure_below=_number(head.get("unsure_below")),  # cards older than the verdict have none
                        unsure_error=_number(head.get("unsure_error")),
                        entropy_power=float(head.get("entropy_power", 0)),  # nor this
                    )
                    for head in heads
                ),
                crop=CropSpec(
                    size=int(crop["size"]),
                    color=crop["color"],
                    landmarks=tuple((float(x), float(y)) for x, y in crop["landmarks"]),
                    box=_box(crop["box"]),
                ),
                **content,
            )
            _check_texts(card)
            _check_metrics(card)
            _check(card)
            return card
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(
                f"{file}: its model card cannot be read ({error}); export the model again with `mien export`"
            ) from error


def _listed(labels: list[str], head: str) -> tuple[str, ...]:
    if not isinstance(labels, list):  # a text would be taken letter by letter
        raise ValueError(f"the labels of head {head} are {labels!r}, not a list")
    return tuple(labels)


def _box(numbers: list[float]) -> tuple[float, float, float]:
    if len(numbers) != 3:
        raise ValueError(f"the crop's box has {len(numbers)} numbers, not left, top and side")
    left, top, side = map(float, numbers)
    return left, top, side


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _check_texts(card: ModelCard) -> None:
    for name, value in vars(card).items():
        if name not in ("heads", "crop", "metrics") and not isinstance(value, str):
            raise ValueError(f"{name} is {value!r}, not a text")
    for head in card.heads:
        if not all(isinstance(text, str) for text in (head.name, *head.labels)):
            raise ValueError(f"the name of head {head.name!r}, or one of its labels, is not a text")
        if not head.labels or len(set(head.labels)) < len(head.labels):
            raise ValueError(f"head {head.name} has no labels, or one of them twice")


def _check_metrics(card: ModelCard) -> None:
    for name, value in card.metrics.items():
        if name.count("/") < 2 or not isinstance(value, int | float):
            raise ValueError(f"the metric {name!r} is not named SPLIT/HEAD/METRIC, or is not a number")


def _check(card: ModelCard) -> None:
    # What would otherwise give wrong probabilities in silence, or fail at the first face.
    if not card.heads:
        raise ValueError("it has no head")
    if card.crop.color not in get_args(Color):
        raise ValueError(f"the crop's color is {card.crop.color!r}, not one of {', '.join(get_args(Color))}")
    if len(card.crop.landmarks) != 5:
        raise ValueError(f"the crop has {len(card.crop.landmarks)} landmarks, not 5")
    if not all(map(isfinite, chain(card.crop.box, *card.crop.landmarks))) or card.crop.box[2] <= 0:
        raise ValueError("the crop's landmarks or its box are not finite numbers, or the box has no side")
    for head in card.heads:
        if head.task not in get_args(Task):
            raise ValueError(f"the task of head {head.name} is {head.task!r}, not one of {', '.join(get_args(Task))}")
        if not 0 < head.temperature < float("inf"):
            raise ValueError(f"the temperature of head {head.name} is {head.temperature}, not over 0")
        if head.thresholds is not None and len(head.thresholds) != len(head.labels):
            raise ValueError(f"head {head.name} has {len(head.thresholds)} thresholds for {len(head.labels)} labels")
        if not 0 <= head.entropy_power <= 1:
            raise ValueError(f"the entropy_power of head {head.name} is {head.entropy_power}, not 0 to 1")
        limits = (*(head.thresholds or ()), head.unsure_below or 0, head.unsure_error or 0)
        if not all(map(isfinite, limits)):
            raise ValueError(f"a threshold of head {head.name} is not a finite number")

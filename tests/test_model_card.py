import json

import pytest

from mien.errors import UsageError, WeightsError
from mien.model_card import FER2013_CROP, CropSpec, Head, ModelCard

CARD = ModelCard(
    name="mien-test",
    heads=(
        Head("fer7", "single", ("anger", "neutral"), 0.75, None, 0.6, 0.2),
        Head("face", "gate", ("face",), 1.0, (0.5,)),
    ),
    crop=FER2013_CROP,
    trained_on="nothing",
    license="MIT",
    source="a test",
    intended_use="tests",
    limits="all else",
    retrain="no command",
    metrics={"PublicTest/fer7/accuracy": 0.5},
    sha256="abc",
)


def test_round_trip_keeps_all_but_the_checksum():
    assert ModelCard.from_json(CARD.to_json(), file="x.onnx") == CARD.with_sha256("")


def test_heads_are_found_by_name():
    assert CARD.head("face").thresholds == (0.5,)
    with pytest.raises(UsageError, match="unknown head of model mien-test 'fer8': it is one of fer7, face"):
        CARD.head("fer8")


def test_an_answer_under_the_threshold_is_unsure():
    head, gate = CARD.heads
    assert [head.is_unsure(value) for value in (0.59, 0.6, 0.61)] == [True, False, False]
    assert gate.is_unsure(0.1) is None


def test_of_several_emotions_those_that_reach_their_thresholds_are_present():
    head = Head("many", "multi", ("anger", "disgust", "fear"), thresholds=(0.5, 0.2, 0.4))
    assert head.present([0.5, 0.3, 0.39]) == ("anger", "disgust")
    assert head.present([0.4, 0.1, 0.3]) == ()
    assert Head("many", "multi", ("anger", "fear")).present([0.5, 0.49]) == ("anger",)
    assert [one.present([0.9, 0.1][: len(one.labels)]) for one in CARD.heads] == [None, None]


def test_cards_older_than_the_verdict_can_be_read():
    content = json.loads(CARD.to_json())
    for head in content["heads"]:
        del head["unsure_below"], head["unsure_error"]
    card = ModelCard.from_json(json.dumps(content), file="x.onnx")
    assert card.heads[0].is_unsure(0.1) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '"card"', '{"version": 1}', '{"version": 1, "crop": 3, "heads": []}'])
def test_damaged_card_names_the_file(text):
    with pytest.raises(WeightsError, match=r"^x\.onnx: its model card cannot be read"):
        ModelCard.from_json(text, file="x.onnx")


def test_card_of_another_version_says_so():
    content = json.loads(CARD.to_json()) | {"version": 99}
    with pytest.raises(WeightsError, match="version 99, this mien reads version 1"):
        ModelCard.from_json(json.dumps(content), file="x.onnx")


def test_channels_follow_the_colour():
    assert FER2013_CROP.channels == 1
    assert CropSpec(64, "rgb", FER2013_CROP.landmarks, FER2013_CROP.box).channels == 3


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"heads": []}, "it has no head"),
        ({"heads": [{"task": "softmax"}]}, "the task of head fer7 is 'softmax', not one of single, multi, gate"),
        ({"heads": [{"temperature": 0}]}, "the temperature of head fer7 is 0.0, not over 0"),
        ({"heads": [{"temperature": float("nan")}]}, "the temperature of head fer7 is nan"),
        ({"heads": [{"thresholds": [0.5]}]}, "head fer7 has 1 thresholds for 2 labels"),
        ({"heads": [{"thresholds": [0.5, float("nan")]}]}, "a threshold of head fer7 is not a finite number"),
        ({"heads": [{"thresholds": ["half", 0.5]}]}, "could not convert"),
        ({"heads": [{"unsure_below": "much"}]}, "could not convert"),
        ({"heads": [{"unsure_below": float("inf")}]}, "a threshold of head fer7"),
        ({"heads": [{"entropy_power": float("nan")}]}, "the entropy_power of head fer7 is nan, not 0 to 1"),
        ({"heads": [{"entropy_power": -300}]}, "the entropy_power of head fer7 is -300.0"),
        ({"heads": [{"labels": ["anger", "anger"]}]}, "head fer7 has no labels, or one of them twice"),
        ({"heads": [{"labels": []}]}, "head fer7 has no labels"),
        ({"heads": [{"labels": [1, 2]}]}, "the name of head 'fer7', or one of its labels, is not a text"),
        ({"heads": [{"labels": "anger"}]}, "the labels of head fer7 are 'anger', not a list"),
        ({"name": None}, "name is None, not a text"),
        ({"limits": []}, r"limits is \[\], not a text"),
        ({"metrics": {"accuracy": 0.7}}, "the metric 'accuracy' is not named SPLIT/HEAD/METRIC"),
        ({"metrics": {"a/b/c": "0.7"}}, "the metric 'a/b/c' is not named .*, or is not a number"),
        ({"crop": {"box": [0.0, 0.0, 0.0]}}, "the crop's landmarks or its box are not finite numbers"),
        ({"crop": {"box": [float("nan"), 0.0, 1.0]}}, "the crop's landmarks or its box"),
        ({"crop": {"color": "bgr"}}, "the crop's color is 'bgr', not one of gray, rgb"),
        ({"crop": {"landmarks": []}}, "the crop has 0 landmarks, not 5"),
        ({"crop": {"box": [0.0, 0.0]}}, "the crop's box has 2 numbers, not left, top and side"),
    ],
)
def test_a_card_that_would_give_wrong_answers_is_refused(change, text):
    content = json.loads(CARD.to_json())
    heads = [content["heads"][0] | head for head in change.get("heads", content["heads"])]
    content |= change | {"heads": heads, "crop": content["crop"] | change.get("crop", {})}
    with pytest.raises(WeightsError, match=rf"^x\.onnx: its model card cannot be read \({text}"):
        ModelCard.from_json(json.dumps(content), file="x.onnx")

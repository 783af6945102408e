import json

import pytest

from mien.errors import UsageError, WeightsError
from mien.model_card import FER2013_CROP, CropSpec, Head, ModelCard

CARD = ModelCard(
    name="mien-test",
    heads=(Head("fer7", "single", ("anger", "neutral"), 0.75), Head("face", "gate", ("face",), 1.0, (0.5,))),
    crop=FER2013_CROP,
    trained_on="nothing",
    license="MIT",
    source="a test",
    metrics={"PublicTest/fer7/accuracy": 0.5},
    sha256="abc",
)


def test_round_trip_keeps_all_but_the_checksum():
    assert ModelCard.from_json(CARD.to_json(), file="x.onnx") == CARD.with_sha256("")


def test_heads_are_found_by_name():
    assert CARD.head("face").thresholds == (0.5,)
    with pytest.raises(UsageError, match="unknown head of model mien-test 'fer8': it is one of fer7, face"):
        CARD.head("fer8")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', '{"version": 1, "crop": 3, "heads": []}'])
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

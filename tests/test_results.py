import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.results import Box, Emotions, Face, FaceResult, ImageResult

EMOTIONS = Emotions(("anger", "happiness", "neutral"), (0.2, 0.7, 0.1))
FACE = FaceResult(Face(Box(1, 2, 5, 8), 0.9), EMOTIONS)
RESULT = ImageResult((FACE, dataclasses.replace(FACE, face_probability=0.8)), 10, 20, "m", "a.jpg")

boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.floats(-50, 50)] * 2, *[st.floats(0.1, 80)] * 2)


def test_box_measures():
    box = Box(1, 2, 5, 8)
    assert (box.width, box.height) == (4, 6)
    assert Box(-3, -3, 50, 4).clipped(10, 20) == Box(0, 0, 10, 4)
    assert Box(0, 0, 2, 2).iou(Box(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert Box(0, 0, 2, 2).iou(Box(2, 0, 4, 2)) == 0
    assert Box(0, 0, 2, 2).intersection(Box(1, -1, 5, 1.5)) == 1.5
    assert Box(0, 0, 2, 2).intersection(Box(3, 3, 4, 4)) == 0
    assert Box(0, 1, 3, 2).center == (1.5, 1.5)


@given(boxes, boxes)
def test_iou_is_symmetric_and_between_zero_and_one(a, b):
    assert a.iou(b) == pytest.approx(b.iou(a))
    assert 0 <= a.iou(b) <= 1 + 1e-9
    assert a.iou(a) == pytest.approx(1)


def test_emotions_read_like_a_mapping():
    assert EMOTIONS["happiness"] == 0.7
    assert dict(EMOTIONS) == {"anger": 0.2, "happiness": 0.7, "neutral": 0.1}
    assert (EMOTIONS.top, EMOTIONS.confidence) == ("happiness", 0.7)
    assert EMOTIONS.ranked(2) == [("happiness", 0.7), ("anger", 0.2)]
    assert EMOTIONS.present(0.2) == ["anger", "happiness"]
    assert "joy" not in EMOTIONS
    with pytest.raises(KeyError, match="no emotion 'joy'"):
        EMOTIONS["joy"]


def test_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RESULT.width = 3


def test_to_dict_is_json_with_the_documented_keys():
    content = json.loads(json.dumps(RESULT.to_dict()))
    assert list(content) == ["source", "width", "height", "model", "faces"]
    assert content["faces"][1] == {
        "box": [1, 2, 5, 8],
        "score": 0.9,
        "landmarks": None,
        "face_probability": 0.8,
        "emotions": {"anger": 0.2, "happiness": 0.7, "neutral": 0.1},
        "top": "happiness",
        "confidence": 0.7,
        "unsure": None,
        "present": None,
    }
    assert content["faces"][0]["face_probability"] is None


def test_numbers_of_numpy_are_json_too():
    box = Box(*np.array([1.5, 2, 5, 8], np.float32))
    content = FaceResult(Face(box, np.float32(0.5)), EMOTIONS).to_dict()
    assert json.loads(json.dumps(content))["box"] == [1.5, 2, 5, 8]


def test_a_result_reads_like_a_sequence_of_faces():
    assert list(RESULT) == [RESULT[0], RESULT[-1]] == list(RESULT.faces)
    assert len(RESULT) == 2
    with pytest.raises(IndexError):
        RESULT[2]


def test_an_unsure_answer_says_so():
    unsure = dataclasses.replace(FACE, unsure=True)
    assert unsure.to_dict()["unsure"] is True
    rows = dataclasses.replace(RESULT, faces=(unsure, FACE)).to_rows()
    assert [row["unsure"] for row in rows] == [True, None]


def test_several_emotions_of_one_face():
    several = dataclasses.replace(FACE, present=("anger", "happiness"))
    none = dataclasses.replace(FACE, present=())
    assert [face.to_dict()["present"] for face in (several, none)] == [["anger", "happiness"], []]
    rows = dataclasses.replace(RESULT, faces=(several, none, FACE)).to_rows()
    assert [row["present"] for row in rows] == ["anger;happiness", "", None]


def test_landmarks_are_json_too():
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    content = json.loads(json.dumps(FaceResult(Face(Box(0, 0, 9, 9), 0.5, points), EMOTIONS).to_dict()))
    assert content["landmarks"] == points.tolist()


def test_rows_one_a_face_and_one_for_a_picture_without():
    rows = RESULT.to_rows()
    assert [row["face"] for row in rows] == [1, 2]
    assert rows[0]["p_happiness"] == 0.7
    (empty,) = ImageResult((), 10, 20, "m", "b.jpg").to_rows()
    assert empty["source"] == "b.jpg"
    assert empty["top"] is None
    assert set(empty) == set(rows[0]) - {"p_anger", "p_happiness", "p_neutral"}


def test_at_least_drops_unsure_faces_only():
    assert len(RESULT.at_least(0.7)) == 2
    assert len(RESULT.at_least(0.71)) == 0
    assert RESULT.at_least(0.71).source == "a.jpg"

import numpy as np
import pytest

import mien
from mien.web import schemas

IMAGE = {"Content-Type": "image/jpeg"}


def test_the_smile_speaks_for_happiness_and_lies_where_the_mouth_is(client, photo):
    answer = client.post("/v1/explain", content=photo, headers=IMAGE)
    assert answer.status_code == 200
    schemas.ExplanationShape.model_validate(answer.json())
    content = answer.json()
    heat = np.array(content["map"])
    assert content["label"] == "happiness"
    assert heat.shape == (48, 48)
    assert np.abs(heat).max() == 1
    a, b, c, d, e, f = content["transform"]
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    at_x, at_y = (a * x + c * y) / 48 + e, (b * x + d * y) / 48 + f
    (found,) = mien.Analyzer(detector="haar").analyze(photo)
    box = found.face.box
    assert box.x1 < at_x < box.x2
    assert box.y1 + 0.5 * box.height < at_y < box.y2


def test_another_label_can_be_asked_for(client, photo):
    content = client.post("/v1/explain?label=neutral", content=photo, headers=IMAGE).json()
    assert content["label"] == "neutral"
    assert content["probability"] < 0.1


@pytest.mark.parametrize(
    ("query", "body", "status", "error"),
    [
        ("face=1", None, 400, "face 1: 1 faces were found"),
        ("face=-1", None, 422, "face"),
        ("label=joke", None, 400, "unknown label"),
        ("", b"rubbish", 422, "the picture: is not a picture"),
    ],
)
def test_what_cannot_be_explained_is_refused(client, photo, query, body, status, error):
    answer = client.post(f"/v1/explain?{query}", content=photo if body is None else body, headers=IMAGE)
    assert answer.status_code == status
    assert error in answer.json()["error"]

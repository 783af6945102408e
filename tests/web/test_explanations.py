import io
import threading
import time

import numpy as np
import pytest

import mien
from mien import Analyzer
from mien.data.encoding import encode_png
from mien.errors import UsageError
from mien.web import explanations, schemas
from mien.web.settings import Limits
from mien.web.uploads import Upload
from tests.web.conftest import open_client, run_server
from tests.web.test_server import ask, send_and_leave, waits_for

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
        ("face=1", None, 400, "face 1: 1 face was found, counted from 0; ask for one of them"),
        ("face=-1", None, 422, "face"),
        ("label=joke", None, 400, "unknown label"),
        ("label=", None, 400, "unknown label of head fer7 ''"),
        ("", b"rubbish", 422, "the picture: is not a picture"),
    ],
)
def test_what_cannot_be_explained_is_refused(client, photo, query, body, status, error):
    answer = client.post(f"/v1/explain?{query}", content=photo if body is None else body, headers=IMAGE)
    assert answer.status_code == status
    assert error in answer.json()["error"]


@pytest.mark.parametrize(("count", "words"), [(0, "no face was found"), (2, "2 faces were found, counted from 0")])
def test_faces_that_there_are_not_are_counted(count, words):
    picture = np.full((100, 50 + 50 * count, 3), 255, np.uint8)
    analyzer = mien.Analyzer(detector="whole" if count else "haar")
    if count:
        find = analyzer.detector.find_faces
        analyzer.detector.find_faces = lambda picture, *, smallest=0: find(picture) * count
    upload = Upload(None, io.BytesIO(encode_png(picture)))
    with pytest.raises(UsageError, match=f"face 2: {words}"):
        explanations.explain_upload(analyzer, upload, 2, None)


def test_what_the_number_of_a_face_means_is_described(client):
    described = client.get("/openapi.json").json()
    asked = {each["name"]: each for each in described["paths"]["/v1/explain"]["post"]["parameters"]}
    answered = described["components"]["schemas"]["ExplanationShape"]["properties"]
    for text in (asked["face"]["description"], answered["face"]["description"]):
        assert "counted from 0, in the order of /v1/analyze" in text


@pytest.fixture
def slowly(monkeypatch):
    """Calls of the network for explanations wait until they may go on; gives the event, and a list of the calls."""
    go_on, calls = threading.Event(), []
    score = Analyzer.score

    def slow(self, crops):
        calls.append(len(crops))
        assert go_on.wait(30)
        return score(self, crops)

    monkeypatch.setattr(Analyzer, "score", slow)
    yield go_on, calls
    go_on.set()


def test_what_takes_too_long_is_given_up_and_stops_early(photo, slowly):
    go_on, calls = slowly
    with open_client(limits=Limits(max_explanations=1, timeout_s=1)) as client:
        late = client.post("/v1/explain", content=photo, headers=IMAGE)
        assert late.status_code == 503
        assert "within 1 s" in late.json()["error"]
        assert "Retry-After" in late.headers
        assert client.post("/v1/explain", content=photo, headers=IMAGE).status_code == 429  # a thread cannot be ended
        go_on.set()
        deadline = time.monotonic() + 20
        while client.post("/v1/explain", content=b"rubbish", headers=IMAGE).status_code == 429:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert calls == [explanations.TOGETHER]


def test_what_waits_too_long_is_never_begun(photo, slowly):
    go_on, calls = slowly
    with open_client(limits=Limits(max_explanations=2, timeout_s=0.5)) as client:
        for _ in range(4):  # the first one keeps its place, the others make room
            assert client.post("/v1/explain", content=photo, headers=IMAGE).status_code == 503
        go_on.set()
    assert len(calls) <= 1


def test_clients_that_have_gone_are_not_worked_for(photo, slowly):
    go_on, calls = slowly
    with run_server() as port:
        send_and_leave(port, photo, path="/v1/explain", count=8, after_s=0.5)
        assert waits_for(port, 'mien_requests_total{method="POST",route="/v1/explain",status="400"} 8.0')
        timer = threading.Timer(0.3, go_on.set)
        timer.start()
        assert ask(port, "POST", "/v1/explain", photo, IMAGE)[0] == 200
        assert sum(calls) <= explanations.TOGETHER + 500


def test_the_time_limit_is_described(client):
    described = client.get("/openapi.json").json()["paths"]["/v1/explain"]["post"]["responses"]
    assert "503" in described

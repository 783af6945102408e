import pytest
from starlette.websockets import WebSocketDisconnect

from tests.web.conftest import open_client

IMAGE = {"Content-Type": "image/jpeg"}
OF_ALL = "model, labels, detector"


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("POST", "/v1/analyze?label=ferplus8", "unknown query key 'label': it is one of"),
        ("POST", "/v1/analyze?label=ferplus8", "Did you mean 'labels'?"),
        ("POST", "/v1/analyze?nonsense=1", "unknown query key 'nonsense'"),
        ("POST", "/v1/analyze?labels=fer7&=", "unknown query key ''"),
        ("POST", "/v1/explain?faces=1", "Did you mean 'face'?"),
        ("POST", "/v1/videos?labels=fer7&detectors=haar", f"it is one of {OF_ALL}."),
        ("GET", "/v1/videos/x?after=1", "unknown query key 'after': /v1/videos/x takes none"),
        ("GET", "/v1/videos/x/result?form=csv", "Did you mean 'format'?"),
        ("DELETE", "/v1/videos/x?force=1", "takes none"),
        ("GET", "/v1/models?x", "unknown query key 'x': /v1/models takes none; leave it out"),
    ],
)
def test_keys_that_nobody_would_read_are_refused(client, photo, method, path, error):
    answer = client.request(method, path, content=photo if method == "POST" else None, headers=IMAGE)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


@pytest.mark.parametrize("query", ["labels=ferplus8&labels=fer7", "labels=fer7&model=mien-base&labels=fer7"])
def test_a_key_that_is_given_twice_is_refused(client, photo, query):
    answer = client.post(f"/v1/analyze?{query}", content=photo, headers=IMAGE)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "query key 'labels' is given more than once; give it once"},
    )


def test_a_live_connection_refuses_them_with_a_sentence(client):
    with client.websocket_connect("/v1/live?label=ferplus8") as socket:
        assert socket.receive_json() == {
            "error": f"unknown query key 'label': it is one of {OF_ALL}. Did you mean 'labels'?"
        }
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008


def test_every_key_of_the_description_is_known(client):
    tried = 0
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, described in methods.items():
            for parameter in described.get("parameters", ()):
                if parameter["in"] == "query":
                    answer = client.request(method, f"{path.replace('{id}', 'x')}?{parameter['name']}=x")
                    assert "unknown query key" not in answer.text
                    tried += 1
    assert tried >= 14


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/openapi.json", "/page/main.js"])
def test_what_is_no_question_to_a_model_does_not_mind(client, path):
    assert client.get(f"{path}?nonsense=1").status_code == 200


def test_a_default_head_does_not_answer_for_a_key_that_is_empty(photo):
    with open_client(labels="ferplus8") as client:
        for query, kind in (("labels=", "head of model mien-base"), ("model=", "model"), ("detector=", "detector")):
            answer = client.post(f"/v1/analyze?{query}", content=photo, headers=IMAGE)
            assert answer.status_code == 400
            assert f"unknown {kind} ''" in answer.json()["error"]
            with client.websocket_connect(f"/v1/live?{query}") as socket:
                assert f"unknown {kind} ''" in socket.receive_json()["error"]
        (result,) = client.post("/v1/analyze", content=photo, headers=IMAGE).json()["results"]
        assert "contempt" in result["faces"][0]["emotions"]

import json
import re
from pathlib import Path

import pytest

from mien.errors import UsageError
from mien.web.app import PAGE, create_app
from mien.web.jobs import STATES
from mien.web.settings import Settings
from tests.web.conftest import open_client


def test_models_say_what_can_be_asked_for(client):
    answer = client.get("/v1/models").json()
    assert [head["name"] for head in answer["models"][0]["heads"]] == ["fer7", "ferplus8", "multilabel8"]
    assert answer["default"] == {"model": "mien-base", "labels": "fer7", "detector": "haar"}
    assert "haar" in answer["detectors"]
    assert answer["limits"]["max_pixels"] == 50_000_000


def test_yunet_is_offered_where_it_has_been_pulled(own_home):
    with open_client() as client:
        assert "yunet" not in client.get("/v1/models").json()["detectors"]
        answer = client.post("/v1/analyze?detector=yunet", content=b"x", headers={"Content-Type": "image/png"})
        assert answer.status_code == 400
        assert "mien models pull yunet" in answer.json()["error"]


def test_a_server_with_an_unknown_model_does_not_start():
    with pytest.raises(UsageError, match="unknown model"):
        create_app(Settings(model="nothing"))


@pytest.mark.parametrize("path", ["/", "/health"])
def test_who_only_watches_may_ask_with_head(client, path):
    answer = client.head(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == client.get(path).headers["Content-Length"]


def test_metrics_count(client, photo):
    client.post("/v1/analyze", content=photo, headers={"Content-Type": "image/jpeg"})
    text = client.get("/metrics").text
    assert re.search(r'mien_requests_total\{method="POST",route="/v1/analyze",status="200"\} [1-9]', text)
    assert re.search(r"mien_faces_total [1-9]", text)
    assert re.search(r"mien_pass_crops_count [1-9]", text)
    assert "mien_requests_in_work 0.0" in text


def test_addresses_that_do_not_exist_cannot_flood_the_metrics(client):
    for number in range(20):
        assert client.get(f"/nowhere/{number}").json() == {"error": f"GET /nowhere/{number}: Not Found"}
    assert "nowhere" not in client.get("/metrics").text


def test_every_route_has_an_example(client):
    described = client.get("/openapi.json").json()
    assert {"/v1/analyze", "/v1/videos", "/v1/models", "/health", "/metrics"} <= set(described["paths"])
    schemas = described["components"]["schemas"]
    for name in ("AnalyzeShape", "PictureShape", "JobShape", "ErrorShape"):
        assert schemas[name]["example"]
    assert not [path for path, methods in described["paths"].items() if "head" in methods]
    body = described["paths"]["/v1/analyze"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "image/*"}


def test_what_is_described_is_what_is_answered(client):
    described = client.get("/openapi.json").json()
    example = described["paths"]["/v1/models"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert example["limits"] == client.get("/v1/models").json()["limits"]
    assert described["components"]["schemas"]["JobShape"]["properties"]["state"]["enum"] == list(STATES)
    films = {path: methods for path, methods in described["paths"].items() if path.startswith("/v1/videos/")}
    assert set(films) == {"/v1/videos/{id}", "/v1/videos/{id}/result"}
    for methods in films.values():
        for method in methods.values():
            assert [each["name"] for each in method["parameters"] if each["in"] == "path"] == ["id"]


def test_the_page_asks_nobody_else():
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert {path.suffix for path in files} == {".html", ".css", ".js", ".svg"}
    for path in files:
        text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text), path.name
        for name in re.findall(r'(?:from|src=|href=)\s*"(?:\./|page/)([^"#]+)"', text):
            assert (PAGE / name).is_file(), f"{path.name} asks for {name}"


def test_nothing_of_a_picture_is_logged(client, photo, caplog, capfd):
    caplog.set_level("DEBUG")
    files = [("pictures", ("private-name.jpg", photo)), ("pictures", ("other-name.jpg", b"rubbish"))]
    client.post("/v1/analyze", files=files)
    client.post("/v1/videos", files={"video": ("secret-film.mp4", b"rubbish")})
    logged = "".join(record.getMessage() for record in caplog.records if record.name.startswith(("mien", "uvicorn")))
    out, err = capfd.readouterr()
    assert "name.jpg" not in logged + out + err
    assert "secret" not in logged + out + err


def test_the_page_has_the_colours_of_annotated_pictures():
    from mien.draw import COLORS

    text = (PAGE / "emotions.js").read_text()
    found = dict(re.findall(r'(\w+): "(#[0-9a-f]{6})"', text))
    assert found == {name: "#{:02x}{:02x}{:02x}".format(*color) for name, color in COLORS.items()}


def test_the_wheel_takes_the_page_along():
    import tomllib

    content = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert content["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/mien"]
    assert json.dumps(sorted(path.name for path in PAGE.glob("index.html"))) == '["index.html"]'

import asyncio
import base64
import json

import pytest
from starlette.websockets import WebSocketDisconnect

from mien.errors import UsageError
from mien.web import permissions
from mien.web.guard import PAGE_POLICY, Guard
from mien.web.metrics import Metrics
from mien.web.settings import Settings
from tests.web.conftest import open_client

KEY = "ключ/with+signs"
ENCODED = base64.urlsafe_b64encode(KEY.encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def locked():
    with open_client(api_key=KEY) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/models", "/v1/videos/x", "/metrics"])
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer "}])
def test_without_the_key_nothing_is_told(locked, path, headers):
    answer = locked.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert KEY not in answer.text


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
def test_the_key_opens(locked, name):
    value = KEY.encode() if name == "X-API-Key" else f"Bearer {KEY}".encode()
    assert locked.get("/v1/models", headers={name: value}).status_code == 200


@pytest.mark.parametrize("blanks", ["{}\n", " {}", "\t{} "])
def test_blanks_around_a_key_do_not_count(blanks):
    def protocol(key):
        return f"key.{base64.urlsafe_b64encode(key.encode()).decode().rstrip('=')}"

    for key in ("alpha", "voilà"):  # whose last byte, 0xA0, is a blank in Latin-1
        given = blanks.format(key)
        with open_client(api_key=key) as client:
            for headers in ({"Sec-WebSocket-Protocol": protocol(given)}, {"Authorization": f"Bearer {key} ".encode()}):
                assert client.get("/v1/models", headers=headers).status_code == 200


def test_page_and_health_need_no_key(locked):
    assert locked.get("/").status_code == 200
    assert locked.get("/page/main.js").status_code == 200
    assert locked.get("/health").json()["status"] == "ok"


def test_a_live_connection_needs_the_key_too(locked):
    with pytest.raises(WebSocketDisconnect), locked.websocket_connect("/v1/live"):
        pass
    with locked.websocket_connect("/v1/live", subprotocols=["mien", f"key.{ENCODED}"]) as socket:
        assert socket.accepted_subprotocol == "mien"


@pytest.mark.parametrize("encoded", ["%%%", "=", "/w", "x" * 5000])
def test_a_key_that_is_no_base64_is_wrong(locked, encoded):
    answer = locked.get("/v1/models", headers={"Sec-WebSocket-Protocol": f"key.{encoded}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_pages_of_others_may_not_ask(client, photo, origin):
    for path in ("/v1/models", "/metrics", "/openapi.json"):
        assert client.get(path, headers={"Origin": origin}).status_code == 403
    answer = client.post("/v1/analyze", content=photo, headers={"Origin": origin, "Content-Type": "image/jpeg"})
    assert answer.status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/live", headers={"Origin": origin}):
        pass


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null", "chrome-extension://abc"])
def test_the_refusal_of_a_page_names_only_what_the_command_takes(client, origin):
    error = client.get("/v1/models", headers={"Origin": origin}).json()["error"]
    assert error.startswith(f"pages of {origin} may not ask here; ")
    if origin == "null":
        assert "--cors" not in error
        with pytest.raises(UsageError):
            permissions.origin(origin)
    else:
        assert error.endswith(f"mien serve --cors {permissions.origin(origin)}")


def test_the_page_itself_loads_behind_a_proxy_that_passes_on_another_name(client):
    for path in ("/", "/page/main.js"):
        assert client.get(path, headers={"Origin": "https://faces.test"}).status_code == 200


def test_no_address_leads_to_one_that_a_proxy_may_have_moved(client):
    for path in ("/v1/models/", "/page", "/v1/videos/"):
        assert client.get(path, follow_redirects=False).status_code == 404


def test_its_own_page_may_ask(client):
    assert client.get("/v1/models", headers={"Origin": "http://127.0.0.1:8000"}).status_code == 200


def test_cors_is_off_and_can_be_turned_on():
    preflight = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    with open_client() as client:
        assert "access-control-allow-origin" not in client.get("/v1/models").headers
        assert client.options("/v1/analyze", headers=preflight).status_code == 403
    with open_client(origins=("https://example.org",), api_key=KEY) as client:
        answer = client.options("/v1/analyze", headers=preflight)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://example.org"


def test_an_allowed_page_can_read_why_it_was_refused():
    own, other = {"Origin": "https://example.org"}, {"Origin": "https://evil.example"}
    with open_client(origins=("https://example.org",), api_key=KEY, hosts=("127.0.0.1",)) as client:
        for path, headers, status in (
            ("/v1/models", {}, 401),
            ("/v1/models", {"X-API-Key": "wrong"}, 401),
            ("/health", {"Host": "rebound.example"}, 421),
        ):
            answer = client.get(path, headers=own | headers)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://example.org"
            assert answer.json()["error"]
            assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
            assert not shared(client.get(path, headers=other | headers))
            assert not shared(client.get(path, headers=headers))
        preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
        assert client.options("/v1/analyze", headers=own | preflight).status_code == 200
        answer = client.options("/v1/analyze", headers=other | preflight)
        assert (answer.status_code, shared(answer)) == (403, [])


def shared(answer):
    return [name for name in answer.headers if name.startswith("access-control-")]


def test_who_waits_when_the_server_stops_is_told():
    async def forever(scope, receive, send):
        await asyncio.Event().wait()

    async def play():
        sent = []

        async def send(message):
            sent.append(message)

        guard = Guard(forever, settings=Settings(), metrics=Metrics())
        scope = {"type": "http", "method": "GET", "path": "/v1/models", "headers": []}
        asking = asyncio.create_task(guard(scope, None, send))
        await asyncio.sleep(0)
        asking.cancel()
        await asking
        return sent

    start, body = asyncio.run(play())
    assert start["status"] == 503
    assert json.loads(body["body"]) == {"error": "the server is stopping; ask again later"}


def test_a_server_answers_only_to_its_names():
    with open_client(hosts=("127.0.0.1", "localhost")) as client:
        assert client.get("/health", headers={"Host": "localhost:8000"}).status_code == 200
        for host in ("rebound.example:8000", "[", "", "127.0.0.1:x"):
            assert client.get("/health", headers={"Host": host}).status_code == 421


def test_names_are_the_same_in_capitals():
    with open_client(hosts=("Annas-MacBook.local",)) as client:
        for host in ("annas-macbook.local:8000", "Annas-MacBook.local:8000"):
            assert client.get("/health", headers={"Host": host}).status_code == 200


def test_every_answer_forbids_what_a_page_does_not_need(client):
    for path in ("/", "/page/style.css", "/v1/models", "/nowhere", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"] == PAGE_POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
    assert "unsafe" not in PAGE_POLICY
    assert "http" not in PAGE_POLICY

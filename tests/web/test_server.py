"""What can only be seen at a real socket: clients that go away, that are many, that send too much."""

import contextlib
import http.client
import socket
import threading
import time
from collections import Counter

import pytest

from mien import Analyzer
from mien.web.settings import Limits
from tests.web.conftest import run_server

HEAD = "POST /v1/analyze HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def analyze(port, photo):
    return ask(port, "POST", "/v1/analyze", photo, {"Content-Type": "image/jpeg"})


def waits_for(port, line):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if line in ask(port, "GET", "/metrics")[1].decode():
            return True
        time.sleep(0.05)
    return False


def test_clients_that_go_away_in_mid_upload_leave_no_trace(port, photo):
    for head in (f"Content-Length: {len(photo)}", "Transfer-Encoding: chunked"):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)) as gone:
                gone.sendall(f"{HEAD}{head}\r\n\r\n".encode() + (b"" if "chunked" in head else photo[:5000]))
                time.sleep(0.02)
    assert waits_for(port, "mien_requests_in_work 0.0")
    assert analyze(port, photo)[0] == 200


def send_and_leave(port, photo, *, path="/v1/analyze", count, after_s):
    """Send the same request several times, and go away before it is answered."""
    head = HEAD.replace("/v1/analyze", path) + f"Content-Length: {len(photo)}\r\n\r\n"
    with contextlib.ExitStack() as gone:
        for _ in range(count):
            one = gone.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.sendall(head.encode() + photo)
        time.sleep(after_s)


def test_clients_that_go_away_while_they_wait_make_room(photo, monkeypatch):
    go_on, begun = threading.Event(), []
    analyze_many = Analyzer.analyze_many

    def slow(self, sources, **options):
        begun.append(self)
        assert go_on.wait(30)
        return analyze_many(self, sources, **options)

    monkeypatch.setattr(Analyzer, "analyze_many", slow)
    with run_server(limits=Limits(max_requests=20)) as port:
        send_and_leave(port, photo, count=20, after_s=0.5)
        try:
            assert waits_for(port, 'mien_requests_total{method="POST",route="/v1/analyze",status="400"} 20.0')
        finally:
            go_on.set()
        assert analyze(port, photo)[0] == 200
        assert len(begun) < 20
        assert waits_for(port, "mien_requests_in_work 0.0")


def test_a_client_that_never_sends_its_body_is_given_up(photo):
    with run_server(limits=Limits(timeout_s=0.3)) as port:
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.settimeout(20)
            slow.sendall(f"{HEAD}Content-Length: 1000\r\n\r\nabc".encode())
            answer = slow.recv(4096).decode()
        assert "408" in answer
        assert "did not arrive within 0.3 s" in answer
        assert analyze(port, photo)[0] in (200, 503)


def test_a_body_without_end_is_cut_off(photo):
    with run_server(limits=Limits(max_bytes=100_000)) as port:
        with socket.create_connection(("127.0.0.1", port)) as endless:
            endless.settimeout(20)
            endless.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
            deadline = time.monotonic() + 15
            piece = f"{65536:x}\r\n".encode() + bytes(65536) + b"\r\n"
            with pytest.raises(OSError):  # noqa: PT011, PT012  (reset, broken pipe or a time-out, by the moment)
                while time.monotonic() < deadline:
                    endless.sendall(piece)
        assert waits_for(port, "mien_requests_in_work 0.0")
        assert analyze(port, photo)[0] == 200


def test_two_hundred_clients_at_once_get_an_answer_or_the_time_to_come_back(photo):
    with run_server(limits=Limits(max_requests=16)) as port:
        statuses, lock = Counter(), threading.Lock()

        def client():
            status, _, headers = analyze(port, photo)
            with lock:
                statuses[status] += 1
                if status == 429:
                    assert int(headers["Retry-After"]) >= 1

        clients = [threading.Thread(target=client) for _ in range(200)]
        for one in clients:
            one.start()
        for one in clients:
            one.join(120)
        assert set(statuses) <= {200, 429}
        assert sum(statuses.values()) == 200
        assert statuses[200] >= 16
        assert analyze(port, photo)[0] == 200


def test_fifty_megabytes_in_one_live_message_close_that_connection_only(port, photo):
    connect = pytest.importorskip("websockets.sync.client").connect
    closed = pytest.importorskip("websockets.exceptions").ConnectionClosed
    with (
        connect(f"ws://127.0.0.1:{port}/v1/live", max_size=None) as good,
        connect(f"ws://127.0.0.1:{port}/v1/live", max_size=None) as bad,
    ):
        with contextlib.suppress(closed):  # the server may close before it is all out
            bad.send(bytes(50_000_000))
        with pytest.raises(closed) as error:
            bad.recv(timeout=20)
        assert error.value.rcvd is None or error.value.rcvd.code == 1009
        good.send(photo)
        assert '"message":0' in good.recv(timeout=20)


def test_live_clients_that_vanish_free_their_place(port, photo):
    connect = pytest.importorskip("websockets.sync.client").connect
    for _ in range(12):  # more than there are places
        with connect(f"ws://127.0.0.1:{port}/v1/live") as live:
            live.send(photo)
            live.socket.shutdown(socket.SHUT_RDWR)  # no word of farewell
    assert waits_for(port, "mien_live_connections 0.0")


def test_a_refusal_is_heard_though_much_was_sent(port):
    for query in ("label=fer7", "min_confidence=2"):
        status, body, _ = ask(port, "POST", f"/v1/analyze?{query}", bytes(20_000_000), {"Content-Type": "image/jpeg"})
        assert status in (400, 422)
        assert query.partition("=")[0] in body.decode()

"""What can only be seen at a real socket: clients that go away, that are many, that send too much."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from mien import Analyzer
from mien.cli import serve
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


@pytest.fixture
def started():
    command = [sys.executable, "-c", "from mien.cli import main; main()", "serve", "--port", "0", "-d", "haar"]
    environment = os.environ | {"MIEN_API_KEY": ""}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    yield process
    process.kill()
    process.communicate()


def test_the_command_serves_this_machine_only_and_stops_gracefully(started, photo):
    line = started.stdout.readline()
    port = int(re.fullmatch(r"mien serves at http://127\.0\.0\.1:(\d+) \(Ctrl-C stops it\)\n", line)[1])
    answers = []
    asking = threading.Thread(target=lambda: answers.append(analyze(port, photo * 1)[0]))
    asking.start()
    assert ask(port, "GET", "/health", headers={"Host": f"evil.example:{port}"})[0] == 421
    time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=30)
    asking.join(30)
    assert answers == [200]
    assert started.returncode == 0
    assert err == ""


def test_explanations_for_clients_that_have_gone_do_not_keep_it_from_stopping(started, photo):
    port = int(re.search(r":(\d+) ", started.stdout.readline())[1])
    send_and_leave(port, photo, path="/v1/explain", count=8, after_s=0.5)
    began = time.monotonic()
    started.send_signal(signal.SIGTERM)
    _, err = started.communicate(timeout=30)
    assert time.monotonic() - began < 5  # one after the other they would take three times as long
    assert err == ""


def test_a_port_that_is_taken_is_one_line(mien_command, port):
    code, _, err = mien_command("serve", "--port", port, "--detector", "haar")
    assert code == 1
    assert err.startswith(f"mien: cannot listen at 127.0.0.1, port {port}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("host", ["no.such.machine.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_one_line(mien_command, host):
    code, _, err = mien_command("serve", "--port", 0, "--detector", "haar", "--host", host)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "--host takes an address of this machine" in err
    assert "while attempting" not in err


@pytest.mark.parametrize(
    ("option", "given"), [("--max-megapixels", "inf"), ("--max-megabytes", "inf"), ("--max-seconds", "nan")]
)
def test_a_limit_that_is_none_is_one_line(mien_command, option, given):
    code, _, err = mien_command("serve", "--port", 0, "--detector", "haar", option, given)
    assert code == 2
    assert err == f"mien: {option} is {given}; give a finite number, such as 100\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--host", ""), "--host is empty; give the address to listen at: 127.0.0.1, or 0.0.0.0 to let others in"),
        (("--host", " "), "--host is empty; give the address to listen at: 127.0.0.1, or 0.0.0.0 to let others in"),
        (("--cors", "*"), "--cors '*' would let every page of the web ask"),
        (("--cors", "https://example.org", "--cors", "example.org"), "--cors 'example.org' is no origin"),
        (("--allow-host", "http://box:8000"), "--allow-host 'http://box:8000' is no host name"),
    ],
)
def test_what_would_let_in_all_or_nobody_is_one_line(mien_command, words, error):
    code, out, err = mien_command("serve", "--port", 0, "--detector", "haar", *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"mien: {error}")


@pytest.mark.parametrize("content", [b"secret\nother\n", b"sec\x07ret", b" \n"])
def test_a_key_that_cannot_be_sent_is_one_line_wherever_it_comes_from(mien_command, tmp_path, content):
    file = tmp_path / "key.txt"
    file.write_bytes(content)
    for source, words, key in ((str(file), ("--api-key-file", file), ""), ("MIEN_API_KEY", (), content.decode())):
        code, out, err = mien_command("serve", "--port", 0, "--detector", "haar", *words, MIEN_API_KEY=key)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert err.startswith(f"mien: {source}: ")
        assert "sec" not in err.removeprefix(f"mien: {source}: ")


@pytest.mark.parametrize("source", ["file", "variable"])
def test_blanks_around_the_key_do_not_count(monkeypatch, tmp_path, source):
    file = tmp_path / "key.txt"
    file.write_text("\ufeffsecret \r\n", encoding="utf-8")
    monkeypatch.setenv("MIEN_API_KEY", " secret ")
    assert serve._api_key(file if source == "file" else None) == "secret"


@pytest.mark.parametrize("host", ["127.0.0.1", "LocalHost", "127.0.0.2", "::1"])
def test_at_this_machine_only_its_names_are_answered_to(host):
    names = serve._hosts(host, ["Box"])
    assert {*serve.LOOPBACK, host.lower(), "box"} == set(names)
    assert serve._hosts("0.0.0.0", ["Box"]) == ("box",)
    assert serve._hosts("0.0.0.0", []) == ()


def test_a_refusal_is_heard_though_much_was_sent(port):
    for query in ("label=fer7", "min_confidence=2"):
        status, body, _ = ask(port, "POST", f"/v1/analyze?{query}", bytes(20_000_000), {"Content-Type": "image/jpeg"})
        assert status in (400, 422)
        assert query.partition("=")[0] in body.decode()


@pytest.fixture
def mien_command():
    def run(*words, **environment):
        answer = subprocess.run(
            [sys.executable, "-c", "from mien.cli import main; main()", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | environment,
        )
        return answer.returncode, answer.stdout, answer.stderr

    return run

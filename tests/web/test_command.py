"""The command `mien serve`: how it starts, what it refuses, how it stops."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from mien.cli import serve
from tests.web.test_server import HEAD, analyze, ask, send_and_leave


@contextlib.contextmanager
def start(*words, before=""):
    """The command in a process of its own, which runs some code first."""
    code = f"{before}\nfrom mien.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", "--port", "0", "-d", "haar", *words]
    environment = os.environ | {"MIEN_API_KEY": ""}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def port_of(process):
    return int(re.search(r":(\d+) ", process.stdout.readline())[1])


@pytest.fixture
def started():
    with start() as process:
        yield process


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
    port = port_of(started)
    send_and_leave(port, photo, path="/v1/explain", count=8, after_s=0.5)
    began = time.monotonic()
    started.send_signal(signal.SIGTERM)
    _, err = started.communicate(timeout=30)
    assert time.monotonic() - began < 5  # one after the other they would take three times as long
    assert err == ""


def refuses(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("grace_s", [serve.GRACE_S, 0])  # with 0 it no longer waits for requests but for its threads
def test_the_second_ctrl_c_ends_it_whatever_is_in_work(photo, grace_s):
    stuck = """
import threading
from mien import Analyzer
from mien.cli import serve

def never(*given, **options):
    print("begun", flush=True)
    threading.Event().wait()

Analyzer.analyze_many = never
"""
    with start(before=f"{stuck}serve.GRACE_S = {grace_s}") as process:
        port = port_of(process)
        with socket.create_connection(("127.0.0.1", port)) as asking:
            asking.sendall(f"{HEAD}Content-Length: {len(photo)}\r\n\r\n".encode() + photo)
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            assert refuses(port)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_nobody_can_write_to_its_log(started):
    port = port_of(started)
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ask(port, "POST", "/v1/analyze", b"--another boundary\r\n", form)[0] == 400
    started.send_signal(signal.SIGTERM)
    assert started.communicate(timeout=30)[1] == ""


def test_all_addresses_of_ipv6_are_all_addresses():
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6, or none that hears IPv4 as well")
    with start("--host", "::") as process:
        port = port_of(process)
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, port), timeout=20) as asking:
                asking.sendall(b"GET /health HTTP/1.1\r\nHost: box\r\n\r\n")
                assert asking.recv(4096).startswith(b"HTTP/1.1 200")


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
    assert err == f"mien: {option} is {given}; give a finite number\n"


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

import asyncio
import io
import threading

import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from mien import Analyzer
from mien.web.live import Newest
from mien.web.settings import Limits
from tests.web.conftest import open_client


@pytest.fixture(scope="module")
def frame(astronaut):
    text = io.BytesIO()
    with Image.open(astronaut) as picture:
        picture.resize((320, 320)).save(text, "JPEG", quality=90)
    return text.getvalue()


def test_frames_are_answered_one_by_one_with_times_and_tracks(client, frame):
    with client.websocket_connect("/v1/live") as socket:
        answers = []
        for _ in range(4):
            socket.send_bytes(frame)
            answers.append(socket.receive_json())
    assert [answer["message"] for answer in answers] == [0, 1, 2, 3]
    assert {face["track_id"] for answer in answers for face in answer["faces"]} == {1}
    assert answers[-1]["faces"][0]["label"] == "happiness"
    times = [answer["time_s"] for answer in answers]
    assert times == sorted(times)
    assert times[0] == 0
    assert all(answer["waited_ms"] >= 0 and answer["work_ms"] > 0 for answer in answers)


def test_a_broken_frame_is_told_and_the_next_one_works(client, frame):
    with client.websocket_connect("/v1/live") as socket:
        socket.send_bytes(b"no jpeg")
        assert socket.receive_json()["error"].startswith("message 0: is not a picture")
        socket.send_bytes(frame)
        assert socket.receive_json()["message"] == 1


def test_text_ends_the_connection_with_a_sentence(client):
    with client.websocket_connect("/v1/live") as socket:
        socket.send_text("hello")
        assert "binary" in socket.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1003


@pytest.mark.parametrize("query", ["model=nothing", "labels=fer8", "detector=eyes"])
def test_unknown_names_end_the_connection_with_a_sentence(client, query):
    with client.websocket_connect(f"/v1/live?{query}") as socket:
        assert "it is one of" in socket.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008


def test_the_newest_frame_is_kept_and_the_others_are_dropped(frame, monkeypatch):
    go_on, entered, arrived = threading.Event(), threading.Event(), threading.Event()
    judge, put = Analyzer.judge, Newest.put

    def slow(self, crops):
        entered.set()
        assert go_on.wait(20)
        return judge(self, crops)

    def counting(self, content, time_s):
        put(self, content, time_s)
        if self._count == 6:
            arrived.set()

    monkeypatch.setattr(Analyzer, "judge", slow)
    monkeypatch.setattr(Newest, "put", counting)
    with open_client() as client, client.websocket_connect("/v1/live") as socket:
        socket.send_bytes(frame)
        assert entered.wait(20)
        for _ in range(5):
            socket.send_bytes(frame)
        assert arrived.wait(20)
        go_on.set()
        assert socket.receive_json()["message"] == 0
        newest = socket.receive_json()
        assert newest["message"] == 5
        assert newest["dropped"] == 4


def test_newest_counts_what_it_drops():
    async def play():
        newest = Newest()
        for number in range(3):
            newest.put(bytes([number]), float(number))
        first = await newest.take()
        newest.put(b"x", 3.0)
        return first, await newest.take(), newest.dropped

    assert asyncio.run(play()) == ((2, b"\x02", 2.0), (3, b"x", 3.0), 2)


def test_no_more_connections_than_places(frame):
    with (
        open_client(limits=Limits(max_live=1)) as client,
        client.websocket_connect("/v1/live") as first,
        client.websocket_connect("/v1/live") as second,
    ):
        assert "all 1 places" in second.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            second.receive_json()
        assert closed.value.code == 1013
        first.send_bytes(frame)
        assert first.receive_json()["message"] == 0


def test_a_silent_connection_is_closed():
    with open_client(limits=Limits(idle_s=0.1)) as client, client.websocket_connect("/v1/live") as socket:
        assert "no frame for 0.1 s; turn the webcam on again" in socket.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1001


def test_a_frame_that_is_too_large_ends_the_connection(frame):
    with (
        open_client(limits=Limits(max_frame_bytes=1000)) as client,
        client.websocket_connect("/v1/live") as socket,
    ):
        socket.send_bytes(frame)
        assert "at most" in socket.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1009

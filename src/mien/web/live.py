"""WS /v1/live: frames of a camera in, faces out. The newest frame is kept and older ones are dropped: it never lags."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from mien.errors import MienError, PictureError
from mien.inference.analyzer import Analyzer
from mien.inference.image import describe
from mien.inference.video.analyzer import VideoAnalyzer
from mien.web.gate import Gate
from mien.web.metrics import Metrics
from mien.web.models import Models
from mien.web.queries import check_query
from mien.web.refusals import RefusedError
from mien.web.schemas import Choice
from mien.web.settings import Limits

PROTOCOL = "mien"
"""The subprotocol that is agreed on where the other side names any."""

AWAY, UNUSABLE, REFUSED, TOO_LARGE, LATER = 1001, 1003, 1008, 1009, 1013
"""Codes of closing, RFC 6455 section 7.4.1 and IANA's registry."""


class Newest:
    """Holds one frame: a new one takes the place of the one that nobody has taken yet. For one event loop."""

    def __init__(self) -> None:
        self.dropped = 0
        self._count = 0
        self._frame: tuple[int, bytes, float] | None = None
        self._there = asyncio.Event()

    def put(self, content: bytes, time_s: float) -> None:
        """Take in a frame that arrived at this time, in seconds."""
        self.dropped += self._frame is not None
        self._frame = self._count, content, time_s
        self._count += 1
        self._there.set()

    async def take(self) -> tuple[int, bytes, float]:
        """Wait for a frame that was not taken yet: its number among all that arrived, its content, its time."""
        await self._there.wait()
        self._there.clear()
        assert self._frame is not None
        frame, self._frame = self._frame, None
        return frame


def live_routes(
    models: Models, *, gate: Gate, workers: ThreadPoolExecutor, metrics: Metrics, limits: Limits
) -> APIRouter:
    """Return the route for live connections.

    Args:
        models: answer.
        gate: lets in a bounded number of connections.
        workers: one thread for each of them.
        metrics: count.
        limits: what is refused.
    """
    router = APIRouter()

    @router.websocket("/v1/live")
    async def live(socket: WebSocket, choice: Annotated[Choice, Depends()]) -> None:
        await socket.accept(PROTOCOL if PROTOCOL in socket.scope.get("subprotocols", ()) else None)
        try:
            await check_query(socket)  # here, where the other side can be told; a dependency could only hang up
            with gate.place():
                analyzer = await models.opened(choice)
                await _converse(socket, analyzer, workers, metrics, limits)
        except RefusedError as error:
            await _close(socket, LATER, str(error))
        except MienError as error:
            await _close(socket, REFUSED, str(error))

    return router


async def _converse(
    socket: WebSocket, analyzer: Analyzer, workers: ThreadPoolExecutor, metrics: Metrics, limits: Limits
) -> None:
    newest = Newest()
    answering = asyncio.create_task(_answer(socket, newest, analyzer, workers, metrics))
    listening = asyncio.create_task(_listen(socket, newest, limits))
    try:
        await asyncio.wait([answering, listening], return_when=asyncio.FIRST_COMPLETED)
        if listening.done() and (farewell := listening.result()):
            await _close(socket, *farewell)
        if answering.done():
            answering.result()
    except (WebSocketDisconnect, RuntimeError):  # gone while we answered
        return
    finally:
        for task in (answering, listening):
            task.add_done_callback(lambda task: task.cancelled() or task.exception())  # heard; asyncio would complain
            task.cancel()
        await asyncio.wait([answering, listening])
        metrics.frames.labels("dropped").inc(newest.dropped)


async def _listen(socket: WebSocket, newest: Newest, limits: Limits) -> tuple[int, str] | None:
    # Returns how to close; None where the other side has done so.
    while True:
        try:
            async with asyncio.timeout(limits.idle_s):
                message = await socket.receive()
        except TimeoutError:
            return AWAY, f"no frame for {limits.idle_s:g} s; turn the webcam on again"
        if message["type"] == "websocket.disconnect":
            return None
        content = message.get("bytes")
        if content is None:
            return UNUSABLE, "a message is one picture (JPEG, PNG, WebP) in binary; this one was text"
        if len(content) > limits.max_frame_bytes:
            return TOO_LARGE, f"a frame is at most {limits.max_frame_bytes / (1 << 20):g} MB; send it smaller"
        newest.put(content, time.monotonic())


async def _answer(
    socket: WebSocket, newest: Newest, analyzer: Analyzer, workers: ThreadPoolExecutor, metrics: Metrics
) -> None:
    loop = asyncio.get_running_loop()
    video = VideoAnalyzer(analyzer)
    first_s: float | None = None
    while True:
        number, content, arrived_s = await newest.take()
        first_s = arrived_s if first_s is None else first_s
        began = time.monotonic()
        try:
            result = await loop.run_in_executor(workers, look, analyzer, video, content, arrived_s - first_s)
        except PictureError as error:
            metrics.frames.labels("unreadable").inc()
            text = f"message {number}{str(error).removeprefix(describe(content))}"
            await socket.send_json({"message": number, "error": text})
            continue
        metrics.frames.labels("analysed").inc()
        metrics.faces.inc(len(result["faces"]))
        times = {"waited_ms": 1000 * (began - arrived_s), "work_ms": 1000 * (time.monotonic() - began)}
        await socket.send_json({"message": number, "dropped": newest.dropped, **times, **result})


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    # The reason of a close may be 123 bytes long; the whole sentence goes before it.
    try:
        if socket.application_state == WebSocketState.CONNECTED:
            await socket.send_json({"error": reason})
            await socket.close(code, reason.encode()[:120].decode(errors="ignore"))
    except (WebSocketDisconnect, RuntimeError):
        return


def look(analyzer: Analyzer, video: VideoAnalyzer, content: bytes, time_s: float) -> dict[str, Any]:
    """Analyze one frame of a live connection.

    Args:
        analyzer: reads the picture.
        video: follows its faces.
        content: an encoded picture.
        time_s: when it came, in seconds.

    Raises:
        PictureError: it cannot be used.
    """
    (result,) = video.step([(analyzer.read(content), time_s)])
    return result.to_dict()

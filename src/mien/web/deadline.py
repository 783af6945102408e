"""Work that other threads do for a request: waited for so long, and only while somebody wants to know."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from mien.web.refusals import RefusedError

Answer = TypeVar("Answer")


async def in_time(
    work: "Future[Answer]",
    request: Request,
    *,
    timeout_s: float,
    place: ExitStack,
    stop: Callable[[], None] = lambda: None,
) -> Answer:
    """Wait for the answer to a request. Work that is given up is cancelled, or told to stop where it has begun.

    Args:
        work: in another thread, or waiting for one.
        request: its body has been read.
        timeout_s: no longer than this, in seconds.
        place: what the work takes up; of work that has begun it is free when that has come to its end.
        stop: tells work that has begun that nobody waits for it any more.

    Raises:
        RefusedError: there was no time for it.
        ClientDisconnect: the sender has gone.
    """
    answer, gone = asyncio.wrap_future(work), asyncio.create_task(_gone(request))
    watched: list[asyncio.Future[Any]] = [answer, gone]
    try:
        done, _ = await asyncio.wait(watched, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if answer in done:
            return answer.result()
        if gone in done:
            raise ClientDisconnect
        raise RefusedError(
            f"there was no time for this within {timeout_s:g} s; send less at a time, or try again later",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"Retry-After": str(max(round(timeout_s), 1))},
        )
    finally:
        gone.cancel()
        if not answer.done():
            if not work.cancel():  # it has begun, and nothing can stop a thread but itself
                stop()
                loop, kept = asyncio.get_running_loop(), place.pop_all()

                def leave(_: "Future[Answer]") -> None:
                    with suppress(RuntimeError):  # the loop has been closed: the server has stopped meanwhile
                        loop.call_soon_threadsafe(kept.close)

                work.add_done_callback(leave)
            answer.cancel()  # nobody hears of an error any more


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

"""Errors of mien -> HTTP: a status and one sentence, always in the same shape, ``{"error": "..."}``."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from mien.errors import MienError, OutputError, PictureError, UsageError, VideoError, WeightsError

DRAIN_S, DRAIN_BYTES = 5.0, 64 << 20
"""So much of a refused body is read and thrown away, so that its sender gets to hear why; then the line is cut."""


class RefusedError(MienError):
    """A request that the server does not take.

    Args:
        text: what was given, what is allowed and what to do instead.
        status: of the answer.
        headers: of the answer.
    """

    def __init__(self, text: str, *, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


def busy(text: str, *, again_s: float) -> RefusedError:
    """Build the refusal of a server that has enough to do.

    Args:
        text: what it is doing.
        again_s: after how many seconds there may be room.
    """
    seconds = max(round(again_s), 1)
    return RefusedError(
        f"{text}; try again in {seconds} s",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        headers={"Retry-After": str(seconds)},
    )


def answer(error: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer that tells of an error."""
    return JSONResponse({"error": error}, status_code=status, headers=headers)


_STATUSES: Mapping[type[MienError], HTTPStatus] = {
    UsageError: HTTPStatus.BAD_REQUEST,
    WeightsError: HTTPStatus.BAD_REQUEST,
    PictureError: HTTPStatus.UNPROCESSABLE_ENTITY,
    VideoError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OutputError: HTTPStatus.INSUFFICIENT_STORAGE,
}


async def drain(request: Request) -> None:
    """Throw away the body of a request that is refused, or what of it has not been read."""
    try:
        async with asyncio.timeout(DRAIN_S):
            count = 0
            async for chunk in request.stream():
                count += len(chunk)
                if count > DRAIN_BYTES:
                    return
    except Exception:  # whatever goes wrong here, the refusal stands
        return


def add_handlers(app: FastAPI) -> None:
    """Make an app answer all errors in the same shape."""

    @app.exception_handler(MienError)
    async def mien_error(request: Request, error: MienError) -> Response:
        await drain(request)
        if isinstance(error, RefusedError):
            return answer(str(error), error.status, error.headers)
        kinds = (status for kind, status in _STATUSES.items() if isinstance(error, kind))
        return answer(str(error), next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return answer(f"{request.method} {request.url.path}: {error.detail}", error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        await drain(request)
        places = (f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors())
        return answer("; ".join(places), HTTPStatus.UNPROCESSABLE_ENTITY)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return answer("the server failed, which is its own fault; its log says why", HTTPStatus.INTERNAL_SERVER_ERROR)

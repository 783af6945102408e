"""POST /v1/analyze: pictures in, faces out."""

import asyncio
from concurrent.futures import Future
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from mien.errors import MienError
from mien.web import schemas
from mien.web.batching import Desk, Order
from mien.web.gate import Gate
from mien.web.metrics import Metrics
from mien.web.models import Models
from mien.web.refusals import RefusedError
from mien.web.settings import Limits
from mien.web.uploads import drain, read_uploads


def picture_routes(models: Models, *, gate: Gate, desk: Desk, metrics: Metrics, limits: Limits) -> APIRouter:
    """Return the routes for pictures.

    Args:
        models: answer.
        gate: lets in a bounded number of requests, before their bodies are read.
        desk: does the work.
        metrics: count.
        limits: what is refused.
    """
    router = APIRouter()

    @router.post(
        "/v1/analyze",
        summary="Find the faces in pictures and say what they show",
        response_model=None,
        responses={
            200: {"model": schemas.AnalyzeShape},
            **schemas.errors(*schemas.OF_UPLOADS, HTTPStatus.SERVICE_UNAVAILABLE),
        },
        openapi_extra=schemas.files_body("pictures", many=True, kinds="image/*"),
    )
    async def analyze(
        request: Request,
        model: schemas.Model = None,
        labels: schemas.Labels = None,
        detector: schemas.DetectorName = None,
        min_confidence: schemas.MinConfidence = 0.0,
    ) -> JSONResponse:
        """Send one picture as the body, or one or many as a form. JPEG, PNG, WebP, AVIF, BMP, TIFF and GIF can be read.

        Those that cannot be used stand under `problems`, and the rest is answered; if none can, the status is 422.
        """
        try:
            with ExitStack() as place:
                place.enter_context(gate.place())
                analyzer = await models.opened(model, labels, detector)
                uploads = await read_uploads(
                    request,
                    field="pictures",
                    max_bytes=limits.max_bytes,
                    max_files=limits.max_pictures,
                    timeout_s=limits.timeout_s,
                )
                work = desk.submit(analyzer, Order(uploads, min_confidence))
                content = await _in_time(work, limits.timeout_s, place)
        except MienError:
            await drain(request)
            raise
        metrics.pictures.inc(len(content["results"]))
        metrics.faces.inc(sum(len(result["faces"]) for result in content["results"]))
        return JSONResponse(content)

    return router


async def _in_time(work: "Future[dict[str, Any]]", timeout_s: float, place: ExitStack) -> dict[str, Any]:
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.shield(asyncio.wrap_future(work))
    except TimeoutError:
        if not work.cancel():  # nothing can stop a thread: the place is free when it has come to its end
            loop, kept = asyncio.get_running_loop(), place.pop_all()
            work.add_done_callback(lambda _: loop.call_soon_threadsafe(kept.close))
        raise RefusedError(
            f"there was no time for this within {timeout_s:g} s; send less at a time, or try again later",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"Retry-After": str(max(round(timeout_s), 1))},
        ) from None

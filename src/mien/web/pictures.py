"""POST /v1/analyze: pictures in, faces out."""

from contextlib import ExitStack
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse

from mien.web import schemas
from mien.web.batching import Desk, Order
from mien.web.deadline import in_time
from mien.web.gate import Gate
from mien.web.metrics import Metrics
from mien.web.models import Models
from mien.web.settings import Limits
from mien.web.uploads import read_uploads


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
        choice: Annotated[schemas.Choice, Depends()],
        min_confidence: schemas.MinConfidence = 0.0,
    ) -> JSONResponse:
        """Send one picture as the body, or one or many as a form. JPEG, PNG, WebP, AVIF, BMP, TIFF and GIF can be read.

        Those that cannot be used stand under `problems`, and the rest is answered; if none can, the status is 422.
        """
        with ExitStack() as place:
            place.enter_context(gate.place())
            analyzer = await models.opened(choice)
            uploads = await read_uploads(
                request,
                field="pictures",
                max_bytes=limits.max_bytes,
                max_files=limits.max_pictures,
                timeout_s=limits.timeout_s,
            )
            for upload in uploads:
                place.callback(upload.file.close)
            order = Order(uploads, min_confidence)
            work = desk.submit(analyzer, order)
            content = await in_time(work, request, timeout_s=limits.timeout_s, place=place, stop=order.given_up.set)
        metrics.pictures.inc(len(content["results"]))
        metrics.faces.inc(sum(len(result["faces"]) for result in content["results"]))
        return JSONResponse(content)

    return router

"""/v1/videos: a film in, a job out; then its progress and its result."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mien.model_card import Head
from mien.video_results import FrameResult, table_columns
from mien.web import schemas
from mien.web.gate import Gate
from mien.web.jobs import Jobs
from mien.web.models import Models
from mien.web.settings import Limits
from mien.web.uploads import read_uploads

Format = Literal["json", "jsonl", "csv"]


def film_routes(models: Models, *, jobs: Jobs, gate: Gate, limits: Limits) -> APIRouter:
    """Return the routes for films.

    Args:
        models: answer.
        jobs: do the work.
        gate: lets in a bounded number of uploads at the same time.
        limits: what is refused.
    """
    router = APIRouter()

    @router.post(
        "/v1/videos",
        summary="Follow the faces of a film",
        status_code=HTTPStatus.ACCEPTED,
        response_model=None,
        responses={
            202: {"model": schemas.JobShape},
            **schemas.errors(*schemas.OF_UPLOADS, HTTPStatus.INSUFFICIENT_STORAGE),
        },
        openapi_extra=schemas.files_body("video", many=False, kinds="video/*"),
    )
    async def post_film(request: Request, choice: Annotated[schemas.Choice, Depends()]) -> JSONResponse:
        """Send one film; ask `GET /v1/videos/{id}` how far it is, and `.../result` for what was found so far."""
        with gate.place():
            jobs.check_room()
            analyzer = await models.opened(choice)
            (upload,) = await read_uploads(
                request,
                field="video",
                max_bytes=limits.max_film_bytes,
                max_files=1,
                timeout_s=limits.timeout_s,
                on_disk=True,
            )
            job = jobs.add(upload.file, upload.name, analyzer)
        headers = {"Location": f"videos/{job.id}"}  # beside this route, wherever a proxy has put it
        return JSONResponse(job.to_dict(), status_code=HTTPStatus.ACCEPTED, headers=headers)

    @router.get(
        "/v1/videos/{id}",
        summary="Ask how far a film is",
        response_model=None,
        responses={200: {"model": schemas.JobShape}, **schemas.errors(HTTPStatus.NOT_FOUND)},
    )
    async def get_film(identity: schemas.JobId) -> JSONResponse:
        """Return the state of a film."""
        return JSONResponse(jobs.get(identity).to_dict())

    @router.get(
        "/v1/videos/{id}/result",
        summary="Get what was found in a film, so far or all of it",
        response_model=None,
        responses={
            200: {
                "description": "The frames, each with its faces and the events that ended with it.",
                "content": {
                    "application/json": {"example": {"job": schemas.JOB, "frames": [schemas.FRAME]}},
                    "application/x-ndjson": {"schema": {"type": "string"}},
                    "text/csv": {"schema": {"type": "string"}},
                },
            },
            **schemas.errors(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
        },
    )
    async def get_result(
        identity: schemas.JobId,
        wanted: Annotated[Format, Query(alias="format", description="json, jsonl (a frame a line) or csv.")] = "json",
        after: Annotated[int, Query(ge=0, description="Leave out so many frames, which you have already.")] = 0,
    ) -> Response:
        """Return the frames of a film; while it is in work, those that are ready."""
        job = jobs.get(identity)
        frames = job.results[after:]
        if wanted == "csv":
            return StreamingResponse(_csv(frames, job.head), media_type="text/csv")
        if wanted == "jsonl":
            return StreamingResponse(
                (json.dumps(frame.to_dict()) + "\n" for frame in frames), media_type="application/x-ndjson"
            )
        return StreamingResponse(_json(job.to_dict(), frames), media_type="application/json")

    @router.delete(
        "/v1/videos/{id}",
        summary="Stop the work on a film and forget it",
        status_code=HTTPStatus.NO_CONTENT,
        response_model=None,
        responses=schemas.errors(HTTPStatus.NOT_FOUND),
    )
    async def delete_film(identity: schemas.JobId) -> Response:
        """Forget a film."""
        jobs.remove(identity)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return router


def _json(job: dict[str, object], frames: Sequence[FrameResult]) -> Iterator[str]:
    # Piece by piece: a long film is some ten megabytes of text.
    yield f'{{"job": {json.dumps(job)}, "frames": ['
    for number, frame in enumerate(frames):
        yield (", " if number else "") + json.dumps(frame.to_dict())
    yield "]}"


def _csv(frames: Sequence[FrameResult], head: Head) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, table_columns(head.labels))
    writer.writeheader()
    for frame in frames:
        writer.writerows(frame.to_rows())
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()

"""POST /v1/explain: which parts of a face spoke for its emotion."""

from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from threading import Event
from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from numpy.typing import NDArray
from starlette.responses import JSONResponse

from mien.errors import PictureError, UsageError
from mien.explain import Score, label_of, rise_maps
from mien.inference.analyzer import Analyzer
from mien.inference.crops import crop_faces, crop_transform
from mien.inference.image import describe
from mien.web import schemas
from mien.web.deadline import in_time
from mien.web.gate import Gate
from mien.web.models import Models
from mien.web.settings import Limits
from mien.web.uploads import Upload, read_uploads

DIGITS = 3
"""Of the values of a map: a colour has no more."""

TOGETHER = 64
"""Covered crops in one call of the network: the work can stop after each, and larger calls are no faster."""


def explanation_routes(models: Models, *, gate: Gate, workers: ThreadPoolExecutor, limits: Limits) -> APIRouter:
    """Return the route for explanations.

    Args:
        models: answer.
        gate: lets in a bounded number of requests.
        workers: do the work; few, for each asks the model some five hundred times.
        limits: what is refused.
    """
    router = APIRouter()

    @router.post(
        "/v1/explain",
        summary="Find out which parts of a face spoke for its emotion",
        response_model=None,
        responses={
            200: {"model": schemas.ExplanationShape},
            **schemas.errors(*schemas.OF_UPLOADS, HTTPStatus.SERVICE_UNAVAILABLE),
        },
        openapi_extra=schemas.files_body("picture", many=False, kinds="image/*"),
    )
    async def post_explain(
        request: Request,
        choice: Annotated[schemas.Choice, Depends()],
        face: Annotated[int, Query(ge=0, description="Which face: counted from 0, in the order of /v1/analyze.")] = 0,
        label: Annotated[str | None, Query(description="The emotion to explain; without, the most probable.")] = None,
    ) -> JSONResponse:
        """Cover random halves of the face and average what is left (RISE; Petsiuk, Das & Saenko 2018)."""
        with ExitStack() as place:
            place.enter_context(gate.place())
            analyzer = await models.opened(choice)
            (upload,) = await read_uploads(
                request, field="picture", max_bytes=limits.max_bytes, max_files=1, timeout_s=limits.timeout_s
            )
            place.callback(upload.file.close)
            given_up = Event()
            work = workers.submit(explain_upload, analyzer, upload, face, label, given_up.is_set)
            content = await in_time(work, request, timeout_s=limits.timeout_s, place=place, stop=given_up.set)
        return JSONResponse(content)

    return router


def explain_upload(
    analyzer: Analyzer,
    upload: Upload,
    number: int,
    label: str | None,
    given_up: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Explain one face of a picture that somebody sent.

    Args:
        analyzer: finds and scores.
        upload: the picture.
        number: of the face, from 0, the surest first.
        label: explain this one; None explains the most probable one.
        given_up: whether nobody waits for the answer any more; asked now and then.

    Returns:
        As `mien.web.schemas.ExplanationShape` describes it.

    Raises:
        PictureError: not a picture.
        UsageError: no such face or label.
        CancelledError: it was given up.
    """
    with upload.file as file:
        content = file.read()
    try:
        picture = analyzer.read(content)
    except PictureError as error:
        raise PictureError((upload.name or "the picture") + str(error).removeprefix(describe(content))) from error
    result = analyzer.analyze(picture)
    if number >= len(result):
        raise UsageError(f"face {number}: {_count(len(result))}")
    found = result.faces[number]
    wanted = found.emotions.top if label is None else label_of(analyzer.head, label)
    crops = crop_faces(picture, [found.face], analyzer.card.crop)
    (heat,) = rise_maps(_in_pieces(analyzer.score, given_up), crops, np.array([analyzer.head.labels.index(wanted)]))
    most = max(float(np.abs(heat).max()), 1e-9)
    return {
        "face": number,
        "label": wanted,
        "probability": found.emotions[wanted],
        "most": most,
        "map": (heat / most).astype(float).round(DIGITS).tolist(),
        "transform": cv2.invertAffineTransform(crop_transform(found.face, analyzer.card.crop)).T.ravel().tolist(),
    }


def _count(faces: int) -> str:
    if not faces:
        return "no face was found; send another picture, or choose another detector"
    found = "1 face was found" if faces == 1 else f"{faces} faces were found"
    return f"{found}, counted from 0; ask for one of them"


def _in_pieces(score: Score, given_up: Callable[[], bool]) -> Score:
    def scored(crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        pieces = []
        for start in range(0, len(crops), TOGETHER):
            if given_up():
                raise CancelledError
            pieces.append(score(crops[start : start + TOGETHER]))
        return np.concatenate(pieces)

    return scored

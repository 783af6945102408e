"""POST /v1/explain: which parts of a face spoke for its emotion."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from mien.errors import MienError, PictureError, UsageError
from mien.explain import label_of, rise_maps
from mien.inference.analyzer import Analyzer
from mien.inference.crops import crop_faces, crop_transform
from mien.inference.image import describe
from mien.web import schemas
from mien.web.gate import Gate
from mien.web.models import Models
from mien.web.settings import Limits
from mien.web.uploads import Upload, drain, read_uploads

DIGITS = 3
"""Of the values of a map: a colour has no more."""


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
            **schemas.errors(*schemas.OF_UPLOADS),
        },
        openapi_extra=schemas.files_body("picture", many=False, kinds="image/*"),
    )
    async def post_explain(
        request: Request,
        face: Annotated[int, Query(ge=0, description="Which face, from 0, in the order of /v1/analyze.")] = 0,
        label: Annotated[str | None, Query(description="The emotion to explain; without, the most probable.")] = None,
        model: schemas.Model = None,
        labels: schemas.Labels = None,
        detector: schemas.DetectorName = None,
    ) -> JSONResponse:
        """Cover random halves of the face and average what is left (RISE; Petsiuk, Das & Saenko 2018)."""
        try:
            with gate.place():
                analyzer = await models.opened(model, labels, detector)
                (upload,) = await read_uploads(
                    request, field="picture", max_bytes=limits.max_bytes, max_files=1, timeout_s=limits.timeout_s
                )
                loop = asyncio.get_running_loop()
                content = await loop.run_in_executor(workers, explain_upload, analyzer, upload, face, label)
        except MienError:
            await drain(request)
            raise
        return JSONResponse(content)

    return router


def explain_upload(analyzer: Analyzer, upload: Upload, number: int, label: str | None) -> dict[str, Any]:
    """Explain one face of a picture that somebody sent.

    Args:
        analyzer: finds and scores.
        upload: the picture.
        number: of the face, from 0, the surest first.
        label: explain this one; None explains the most probable one.

    Returns:
        As `mien.web.schemas.ExplanationShape` describes it.

    Raises:
        PictureError: not a picture.
        UsageError: no such face or label.
    """
    with upload.file as file:
        content = file.read()
    try:
        picture = analyzer.read(content)
    except PictureError as error:
        raise PictureError((upload.name or "the picture") + str(error).removeprefix(describe(content))) from error
    result = analyzer.analyze(picture)
    if number >= len(result):
        raise UsageError(f"face {number}: {len(result)} faces were found, counted from 0; ask for one of them")
    found = result.faces[number]
    wanted = label_of(analyzer.head, label) if label else found.emotions.top
    crops = crop_faces(picture, [found.face], analyzer.card.crop)
    (heat,) = rise_maps(analyzer.score, crops, np.array([analyzer.head.labels.index(wanted)]))
    most = max(float(np.abs(heat).max()), 1e-9)
    return {
        "face": number,
        "label": wanted,
        "probability": found.emotions[wanted],
        "most": most,
        "map": (heat / most).astype(float).round(DIGITS).tolist(),
        "transform": cv2.invertAffineTransform(crop_transform(found.face, analyzer.card.crop)).T.ravel().tolist(),
    }

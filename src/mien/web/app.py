"""The server, put together: guard, routes, page, metrics."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from mien import __version__
from mien.web import schemas
from mien.web.batching import Desk
from mien.web.explanations import explanation_routes
from mien.web.films import film_routes
from mien.web.gate import Gate
from mien.web.guard import Guard
from mien.web.jobs import Jobs
from mien.web.live import live_routes
from mien.web.metrics import Metrics
from mien.web.models import Models
from mien.web.pictures import picture_routes
from mien.web.queries import check_query
from mien.web.refusals import add_handlers
from mien.web.settings import Limits, Settings

PAGE = Path(__file__).parent / "page"


DESCRIPTION = "Find the faces in pictures, films and live; say what they show. Nothing that is sent here is stored."


def create_app(settings: Settings) -> FastAPI:
    """Build the server.

    Args:
        settings: how it is set up.

    Raises:
        UsageError: the default model, head or detector does not exist.
        WeightsError: its weight file is absent or damaged.
        MissingExtraError: a library that films need is not installed.
    """
    limits = settings.limits
    metrics = Metrics()
    models = Models(settings)
    jobs = Jobs(limits, observe=lambda state, count: metrics.jobs.labels(state).set(count))
    desk = Desk(cores=settings.cores, observe=metrics.crops.observe)
    live_workers = ThreadPoolExecutor(limits.max_live, thread_name_prefix="mien-live")
    explainer = ThreadPoolExecutor(1, thread_name_prefix="mien-explain")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()
        live_workers.shutdown(cancel_futures=True)
        explainer.shutdown(cancel_futures=True)
        jobs.stop()

    app = FastAPI(
        title="mien",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "MIT"},
        docs_url=None,  # FastAPI's pages of documentation load their code from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # to an address that a proxy may have moved
        lifespan=lifespan,
    )
    add_handlers(app)
    pictures = Gate(limits.max_requests, what="requests", observe=metrics.waiting.set)
    explanations = Gate(limits.max_explanations, what="explanations", observe=lambda count: None)
    films = Gate(limits.max_jobs, what="uploads of films", observe=lambda count: None)
    connections = Gate(limits.max_live, what="live connections", observe=metrics.live.set)
    for router in (
        _model_routes(models, limits),
        picture_routes(models, gate=pictures, desk=desk, metrics=metrics, limits=limits),
        explanation_routes(models, gate=explanations, workers=explainer, limits=limits),
        film_routes(models, jobs=jobs, gate=films, limits=limits),
    ):
        app.include_router(router, dependencies=[Depends(check_query)])
    app.include_router(live_routes(models, gate=connections, workers=live_workers, metrics=metrics, limits=limits))
    _add_facts(app, metrics)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    return app


def _model_routes(models: Models, limits: Limits) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/v1/models",
        summary="List the models, their heads, the detectors and the limits",
        responses={200: {"content": {"application/json": {"example": schemas.MODELS}}}},
    )
    def get_models() -> dict[str, Any]:
        """Return all that a request can choose between, and what is refused."""
        return models.describe() | {"limits": limits.describe()}

    return router


def _add_facts(app: FastAPI, metrics: Metrics) -> None:
    # Who only watches whether the server is there asks with HEAD, which FastAPI, unlike Starlette, does not add to GET.
    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html")

    @app.head("/health", include_in_schema=False)
    @app.get("/health", summary="Ask whether the server answers")
    async def health() -> dict[str, str]:
        """Return ``ok``, and the version."""
        return {"status": "ok", "version": __version__}

    @app.get("/metrics", summary="Read the counters, for Prometheus", response_model=None)
    async def get_metrics() -> Response:
        """Return the counters in Prometheus' text format."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

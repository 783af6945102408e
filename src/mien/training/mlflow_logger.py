"""MLflow gets the curves of a run where its recipe names an address."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from lightning.pytorch.loggers import Logger, MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only
from sqlalchemy.exc import SQLAlchemyError

from mien.errors import UsageError, import_extra


@rank_zero_only
def check_mlflow(address: str) -> None:
    """Ask MLflow something, so that an address that it cannot use is told before any work.

    Raises:
        MissingExtraError: MLflow is not installed.
        UsageError: it cannot use the address.
    """
    with _in_words(address):
        _client(address).search_experiments(max_results=1)


def mlflow_logger(address: str, name: str, *, run: str = "") -> Logger:
    """Return what writes the curves to MLflow.

    Args:
        address: where MLflow keeps them.
        name: of a run that begins.
        run: id of the run to go on with; where MLflow has it no more, a line says so and another one begins.

    Raises:
        MissingExtraError: MLflow is not installed.
        UsageError: it cannot use the address.
    """
    with _in_words(address):
        known = _reopened(address, run) if run else None
        logger = MLFlowLogger(experiment_name="mien", run_name=name, tracking_uri=address, run_id=known)
        _ = logger.run_id  # made now, where an error can be told
    return logger


@rank_zero_only
def _reopened(address: str, run: str) -> str | None:
    try:
        _client(address).update_run(run, status="RUNNING")  # the end of the session before has closed it
    except _mlflow().exceptions.MlflowException as error:
        print(f"MLflow cannot go on with its run {run} ({_first_sentence(error)}); begins another", file=sys.stderr)
        return None
    return run


def _client(address: str) -> Any:
    return _mlflow().MlflowClient(address)


def _mlflow() -> ModuleType:
    return import_extra("mlflow", extra="mlflow", purpose="loop.mlflow")


@contextmanager
def _in_words(address: str) -> Iterator[None]:
    mlflow = _mlflow()
    try:
        yield
    except (mlflow.exceptions.MlflowException, SQLAlchemyError, ImportError, OSError) as error:
        problem = f"loop.mlflow = {address!r}: MLflow cannot use it ({_first_sentence(error)})"
        raise UsageError(
            f"{re.sub('//[^/]*@', '//', problem)}; give sqlite:///mlflow.db, or the http address of a server"
        ) from error


def _first_sentence(error: Exception) -> str:
    return re.split(r"\.\s|\n", str(error).strip())[0].rstrip(".")

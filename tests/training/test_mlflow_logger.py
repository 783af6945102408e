import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
from lightning.pytorch.callbacks import Callback
from sqlalchemy.exc import OperationalError

from mien.errors import MissingExtraError, UsageError
from mien.experiments.search_space import parse_search
from mien.experiments.sweep import sweep
from mien.experiments.training_run import run_recipe
from mien.training.mlflow_logger import check_mlflow
from mien.training.run import train

pytestmark = pytest.mark.filterwarnings("ignore")

ADDRESS = "sqlite:///mlflow.db"


class RefusedError(Exception):
    pass


class Client:
    """As much of MLflow's client as Lightning uses."""

    runs: dict

    def __init__(self, address):
        if not address.startswith("sqlite:"):
            raise RefusedError(f" Got {address}, e.g., a folder, is in maintenance mode. Please migrate.\n See there.")

    def search_experiments(self, max_results):
        return []

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id="1", lifecycle_stage="active")

    def create_run(self, experiment_id, tags):
        self.runs[f"run{len(self.runs)}"] = []
        return self.get_run(list(self.runs)[-1])

    def get_run(self, run):
        return SimpleNamespace(info=SimpleNamespace(run_id=run, experiment_id="1"))

    def update_run(self, run, status):
        if run not in self.runs:
            raise RefusedError(f"Run with id={run} not found. Try another.")

    def log_batch(self, run_id, metrics=(), params=()):
        self.runs[run_id] += [metric.step for metric in metrics if metric.key == "validation/score"]

    def set_terminated(self, run, status):
        pass


@pytest.fixture
def mlflow(monkeypatch):
    """A small MLflow, in which a run is the steps that it got a score of."""
    client = type("Client", (Client,), {"runs": {}})
    tags = SimpleNamespace(MLFLOW_RUN_NAME="mlflow.runName")
    content = {
        "mlflow": {"MlflowClient": client, "set_tracking_uri": lambda address: None},
        "mlflow.exceptions": {"MlflowException": RefusedError},
        "mlflow.tracking": {"MlflowClient": client},
        "mlflow.tracking.context": {},
        "mlflow.tracking.context.registry": {"resolve_tags": lambda tags: tags},
        "mlflow.utils": {},
        "mlflow.utils.mlflow_tags": vars(tags),
        "mlflow.entities": {"Metric": SimpleNamespace, "Param": SimpleNamespace},
    }
    modules = {name: ModuleType(name) for name in content}
    for name, module in modules.items():
        vars(module).update(content[name])
        monkeypatch.setitem(sys.modules, name, module)
    modules["mlflow"].exceptions = modules["mlflow.exceptions"]
    monkeypatch.setattr("lightning.pytorch.loggers.mlflow._MLFLOW_AVAILABLE", True)
    return client


def refused(error):
    def search(self, max_results):
        raise error

    return search


def test_an_address_that_mlflow_refuses_is_one_line(mlflow):
    problem = (
        "loop.mlflow = 'mlruns': MLflow cannot use it (Got mlruns, e.g., a folder, is in maintenance mode); give "
        "sqlite:///mlflow.db, or the http address of a server"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(problem)}$"):
        check_mlflow("mlruns")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'psycopg'"), "No module named 'psycopg'"),
        (
            OperationalError("SELECT 1", {}, Exception("unable to open\nthe file")),
            r"\(builtins\.Exception\) unable to open",
        ),
    ],
)
def test_what_mlflow_lacks_is_one_line_without_the_password(mlflow, monkeypatch, error, reason):
    monkeypatch.setattr(mlflow, "search_experiments", refused(error))
    with pytest.raises(
        UsageError, match=rf"'sqlite://host/x': MLflow cannot use it \({reason}\); give sqlite"
    ) as caught:
        check_mlflow("sqlite://me:secret@host/x")
    assert "\n" not in str(caught.value)


def test_without_mlflow(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"loop\.mlflow needs mlflow, .*pip install 'mien\[mlflow\]'"):
        check_mlflow(ADDRESS)


def test_the_address_is_asked_before_the_pictures_are_read(tmp_path, mlflow, small_recipe):
    none, changes, problem = tmp_path / "none.parquet", ["loop.mlflow=foo://bar"], r"'foo://bar': MLflow cannot use it"
    with pytest.raises(UsageError, match=problem):
        run_recipe(small_recipe(1, *changes), none, tmp_path / "run")
    with pytest.raises(UsageError, match=problem):
        sweep(tmp_path / "small.toml", none, [parse_search("seed=1..9")], tmp_path / "sweep", trials=1, changes=changes)


@pytest.mark.parametrize("lost", [False, True])
def test_a_resumed_run_is_one_run_of_mlflow(tmp_path, mlflow, small_recipe, drawn_samples, capsys, lost):
    class Ending(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

    recipe = small_recipe(3, f"loop.mlflow={ADDRESS}")
    halves = drawn_samples.of_split("Training"), drawn_samples.of_split("PublicTest")
    with pytest.raises(SystemExit):
        train(recipe, *halves, tmp_path / "run", callbacks=(Ending(),))
    assert mlflow.runs == {"run0": [2, 5]}
    if lost:
        mlflow.runs["other"] = mlflow.runs.pop("run0")
    train(recipe, *halves, tmp_path / "run", resume=True)
    assert mlflow.runs == ({"other": [2, 5], "run1": [8]} if lost else {"run0": [2, 5, 8]})
    said = "MLflow cannot go on with its run run0 (Run with id=run0 not found); begins another"
    assert (said in capsys.readouterr().err) == lost

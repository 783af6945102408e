"""What a sweep writes about its trials: a table of all, and two figures."""

import csv
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import optuna
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from mien.files import written_whole


def write_record(study: optuna.Study, output: Path) -> None:
    """Write every trial as CSV, and as XLSX with the best first.

    Raises:
        OutputError: they cannot be written.
    """
    trials = study.get_trials(deepcopy=False)
    keys = sorted({key for trial in trials for key in trial.params})
    scores = sorted({key for trial in trials for key in trial.user_attrs})
    header = ["trial", "state", "score", *scores, *keys, "seconds", "started"]
    rows = [_cells(trial, scores, keys) for trial in trials]
    with written_whole(output / "trials.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # a new workbook has one
    sheet.title = "trials"
    for row in [header, *sorted(rows, key=lambda row: -(row[2] if row[2] != "" else -1))]:
        sheet.append(row)
    for number, cell in enumerate(sheet[1], start=1):
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(number)].width = max(12, len(str(cell.value)) + 2)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    with written_whole(output / "trials.xlsx") as temporary:
        book.save(temporary)


def write_figures(study: optuna.Study, output: Path) -> None:
    """Draw the score of each trial, and where there are several how much each key mattered, as PNG.

    Raises:
        OutputError: they cannot be written.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    with experimental():
        warnings.filterwarnings("ignore", "Target and region quantiles", UserWarning)  # of few trials, or equal ones
        drawn = {"history": plots.plot_optimization_history(study)}
        if len(study.get_trials(states=(TrialState.COMPLETE,))) > 1:  # of one trial nothing can be compared
            drawn["importance"] = plots.plot_param_importances(study)
    for name, axes in drawn.items():
        figure = axes.get_figure(root=True)
        assert figure is not None  # these axes are drawn on one
        with written_whole(output / f"{name}.png") as temporary:
            figure.savefig(temporary, bbox_inches="tight", dpi=120)
        pyplot.close(figure)


@contextmanager
def experimental() -> Iterator[None]:
    """Within it Optuna does not warn of its heartbeats and plots, which have been experimental for years."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def _cells(trial: FrozenTrial, scores: Sequence[str], keys: Sequence[str]) -> list[Any]:
    values = trial.intermediate_values
    score = trial.value if trial.value is not None else max(values.values(), default="")
    duration = round(trial.duration.total_seconds(), 1) if trial.duration else ""
    return [
        trial.number,
        trial.state.name.lower(),
        score,
        *(trial.user_attrs.get(key, "") for key in scores),
        *(trial.params.get(key, "") for key in keys),
        duration,
        trial.datetime_start.isoformat(timespec="seconds") if trial.datetime_start else "",
    ]

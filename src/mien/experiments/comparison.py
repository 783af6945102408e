"""Several recipes beside each other: one table, one plot."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure

from mien.errors import RecipeError, UsageError, WeightsError
from mien.evaluation.metrics import Estimate
from mien.evaluation.plots import lighten, new_figure, save_figure
from mien.experiments.finishing import Score, read_scores
from mien.experiments.roles import digests_of_roles
from mien.experiments.size import latency_ms, network_size
from mien.experiments.training_run import run_recipe
from mien.files import written_whole
from mien.inference.session import Session
from mien.provenance import facts
from mien.training.networks.building import load_network
from mien.training.recipe import Recipe
from mien.training.recipe_files import read_recipe
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import known_pictures

SHOWN = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "top3_accuracy",
    "tuned_macro_f1",
    "tuned_micro_f1",
    "tuned_hamming_loss",
)
"""The metrics that a comparison shows, where a head has them."""


@dataclass(frozen=True)
class Compared:
    """A finished run as a row of a comparison.

    Attributes:
        name: of the model.
        published: what the project that it repeats published.
        role: ``"test"`` where the data has such a split, else ``"validation"``.
        head: the recipe's first head.
        n: pictures scored.
        metrics: values with their intervals, by name.
        parameters: numbers that are learnt.
        multiply_adds: for one crop.
        latency_ms: median time of one crop on one CPU thread through ONNX.
        sha256: of the exported file.
    """

    name: str
    published: str
    role: str
    head: str
    n: int
    metrics: dict[str, Estimate]
    parameters: int
    multiply_adds: int
    latency_ms: float
    sha256: str


def compare(
    recipes: Sequence[Path],
    data: Path | None,
    *,
    runs: Path = Path("runs"),
    changes: Sequence[str] = (),
) -> list[Compared]:
    """Train the recipes that have no finished run, and measure all of them.

    Args:
        recipes: recipe files, or folders of finished runs.
        data: the pictures; may be None where every run is finished. Where not, finished runs must be of them too.
        runs: folder of the runs; each is called as its recipe's name.
        changes: values that take the place of the recipes', see `mien.training.recipe_files.read_recipe`.

    Raises:
        WeightsError: a folder holds no finished run, or one that was ended before it was scored.
        RecipeError: a finished run has other pictures than `data`.
        UsageError: a recipe lies where the run's own is written, or there are changes, and runs alone.
        MienError: see `mien.experiments.training_run.run_recipe`.
    """
    if changes and all(path.is_dir() for path in recipes):
        raise UsageError(f"{recipes[0]}: is a run, and --set changes recipes; leave it out, or give a recipe")
    planned = [_planned(path, data, runs, changes) for path in recipes]  # what is wrong is told before the long work
    rows = []
    for folder, recipe in planned:
        if recipe is not None and data is not None:
            run_recipe(recipe, data, folder.path, resume=True)
        rows.append(_row(folder))
    return rows


def write_comparison(rows: Sequence[Compared], folder: Path) -> None:
    """Write ``comparison.csv`` and ``comparison.png``.

    Raises:
        OutputError: they cannot be written.
    """
    with written_whole(folder / "comparison.csv") as temporary, temporary.open("w", newline="") as file:
        columns = [f"{metric}{end}" for metric in SHOWN for end in ("", "_low", "_high")]
        writer = csv.DictWriter(
            file, [*(key for key in asdict(rows[0]) if key != "metrics"), *columns, *facts()], restval=""
        )
        writer.writeheader()
        for row in rows:
            content = {key: value for key, value in asdict(row).items() if key != "metrics"}
            content["latency_ms"] = f"{row.latency_ms:.3f}"
            for metric, estimate in row.metrics.items():
                for end, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)):
                    content[f"{metric}{end}"] = f"{value:.6f}"
            writer.writerow(content | facts())
    save_figure(comparison_figure(rows), folder / "comparison.png")


def comparison_figure(rows: Sequence[Compared]) -> Figure:
    """Draw the main metric against the latency on one CPU thread; the area of a dot is the number of parameters.

    Each point is labelled with its model and with what it was scored on, test or validation.
    """
    figure = new_figure(8, 5)
    axes = figure.subplots()
    largest = max(row.parameters for row in rows)
    for row in rows:
        metric = main_metric(row)
        estimate = row.metrics[metric]
        errors = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
        axes.errorbar(row.latency_ms, estimate.value, yerr=errors, color="#9aa5b1", zorder=1)
        area = 30 + 400 * row.parameters / largest
        axes.scatter(row.latency_ms, estimate.value, s=area, alpha=0.7, zorder=2, color="#0b6e99")
        label = f"{row.name} ({row.role})"
        axes.annotate(label, (row.latency_ms, estimate.value), xytext=(8, 6), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds a face, one CPU thread")
    axes.set_ylabel(f"{' or '.join(sorted({main_metric(row) for row in rows}))}, with 95 % interval")
    axes.set_title("upper left is better; the area is the number of parameters", fontsize=10)
    axes.margins(x=0.25)
    lighten(axes)
    return figure


def main_metric(row: Compared) -> str:
    """Return the metric that a row is judged by: accuracy for one label or a gate, macro-F1 for several labels."""
    return "accuracy" if "accuracy" in row.metrics else "tuned_macro_f1"


def _planned(path: Path, data: Path | None, runs: Path, changes: Sequence[str]) -> tuple[RunFolder, Recipe | None]:
    # The folder of the run, and the recipe where it is still to be trained.
    if path.is_dir():
        return _checked(RunFolder(path), data), None
    recipe = read_recipe(path, changes)
    folder = RunFolder(runs / recipe.name)
    if folder.scores.is_file() and read_recipe(folder.recipe) == recipe:
        return _checked(folder, data), None
    if data is None:
        raise UsageError(
            f"{path}: {folder.path} holds no finished run of it; give the pictures with --data to train it"
        )
    folder.check_spares(path)
    return folder, recipe


def _checked(folder: RunFolder, data: Path | None) -> RunFolder:
    folder.check_finished()
    if not folder.scores.is_file():  # written last
        raise WeightsError(
            f"{folder.path}: was ended before it was scored ({folder.scores.name} is missing); go on with "
            "`mien train --resume`"
        )
    known = known_pictures(folder)
    if data is None or not known:
        return folder
    here = digests_of_roles(read_recipe(folder.recipe), data)
    other = [role for role, names in known.items() if here.get(role) != names]
    if other:
        raise RecipeError(
            f"{folder.path}: has other pictures for {other[0]} than {data}; give the table that it was made with, "
            "leave --data out where every run is finished, or choose another folder with --runs"
        )
    return folder


def _row(folder: RunFolder) -> Compared:
    recipe, network = load_network(folder)
    session = Session(folder.model, threads=1)
    scores = read_scores(folder.scores)
    role = "test" if any(score.role == "test" for score in scores) else "validation"
    head = next(iter(recipe.heads))
    found: list[Score] = [score for score in scores if score.role == role and score.head == head]
    size = network_size(network, recipe)
    return Compared(
        name=recipe.name,
        published=recipe.published,
        role=role,
        head=head,
        n=found[0].n,
        metrics={score.metric: score.estimate for score in found if score.metric in SHOWN},
        parameters=size.parameters,
        multiply_adds=size.multiply_adds,
        latency_ms=latency_ms(session),
        sha256=session.card.sha256,
    )

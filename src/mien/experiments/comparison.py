"""Several recipes beside each other: one table, one plot."""

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from mien.errors import MienError, RecipeError, UsageError, WeightsError
from mien.evaluation.metrics import Estimate
from mien.evaluation.plots import lighten, new_figure, save_figure
from mien.experiments.finishing import Score, read_scores
from mien.experiments.roles import check_answers, digests_of_roles, read_roles
from mien.experiments.size import latency_ms, network_size
from mien.experiments.training_run import run_recipe
from mien.files import written_whole
from mien.inference.session import Session
from mien.model_card import Task
from mien.provenance import facts
from mien.training.lesson import Lesson
from mien.training.networks.building import load_network
from mien.training.recipe import Recipe
from mien.training.recipe_files import check_same_recipe, read_recipe
from mien.training.run import process_rank
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import known_pictures

SHOWN: dict[Task, tuple[str, ...]] = {
    "single": ("accuracy", "balanced_accuracy", "macro_f1", "top3_accuracy"),
    "multi": ("tuned_macro_f1", "tuned_micro_f1", "tuned_hamming_loss"),
    "gate": ("accuracy", "balanced_accuracy"),
}
"""The metrics that a comparison shows, by the head's task; the first is the one that a row is judged by."""

MODEL_FILES = (".onnx", ".safetensors")
"""Endings of files that people may take for what is compared here."""


@dataclass(frozen=True)
class Compared:
    """A finished run as a row of a comparison.

    Attributes:
        name: of the model.
        run: folder of the run.
        published: what the project that it repeats published.
        role: ``"test"`` where the data has such a split, else ``"validation"``.
        head: the recipe's first head.
        task: of the head.
        n: pictures scored.
        metrics: values with their intervals, by name.
        parameters: numbers that are learnt.
        multiply_adds: for one crop.
        latency_ms: median time of one crop on one CPU thread through ONNX.
        sha256: of the exported file.
    """

    name: str
    run: Path
    published: str
    role: str
    head: str
    task: Task
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

    What is wrong with one of them is told before another is trained. Ensembles come last: they may average the others.

    Args:
        recipes: recipe files, or folders of finished runs; what is given twice counts once.
        data: the pictures; may be None where every run is finished. Where not, finished runs must be of them too.
        runs: folder of the runs; each is called as its recipe's name.
        changes: values that take the place of the recipes', see `mien.training.recipe_files.read_recipe`.

    Returns:
        A row for each, in the order in which they are given; none in the further processes of a run on several devices.

    Raises:
        WeightsError: a folder holds no finished run, or one that was ended before it was scored; or an ensemble
            averages runs that are neither finished nor trained before it.
        RecipeError: a finished run has other pictures than `data`, a run's folder holds one of another recipe, or two
            recipes have one name.
        UsageError: neither a recipe nor a folder; a recipe lies where the run's own is written; or there are changes,
            and runs alone.
        DataError: the pictures have not the splits or the labels that a recipe names.
        MienError: see `mien.experiments.training_run.run_recipe`.
    """
    if changes and all(path.is_dir() for path in recipes):
        raise UsageError(f"{recipes[0]}: is a run, and --set changes recipes; leave it out, or give a recipe")
    planned: dict[Path, _Planned] = {}
    for path in recipes:
        each = _planned(path, data, runs, changes)
        other = planned.setdefault(each.folder.path.resolve(), each)
        if other.recipe != each.recipe:
            raise RecipeError(
                f"{path}: is another recipe than {other.path} and has the same name, {each.folder.path.name}; "
                "give one of them another"
            )
    # Damaged files are told before the long work too.
    finished = {place: _row(each.folder) for place, each in planned.items() if each.recipe is None}
    if data is not None and not _train(list(planned.values()), data):
        return []
    return [finished.get(place) or _row(each.folder) for place, each in planned.items()]


def write_comparison(rows: Sequence[Compared], folder: Path) -> None:
    """Write ``comparison.csv`` and ``comparison.png``.

    Raises:
        OutputError: they cannot be written.
    """
    with written_whole(folder / "comparison.csv") as temporary, temporary.open("w", newline="") as file:
        metrics = dict.fromkeys(metric for shown in SHOWN.values() for metric in shown)
        columns = [f"{metric}{end}" for metric in metrics for end in ("", "_low", "_high")]
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

    Each point is labelled with its model and with what it was scored on: test or validation, and the head where not all
    have the same.
    """
    figure = new_figure(8, 5)
    axes = figure.subplots()
    largest = max(row.parameters for row in rows)
    heads = {row.head for row in rows}
    for number, (name, row) in enumerate(zip(told_apart(rows), rows, strict=True)):
        metric = SHOWN[row.task][0]
        estimate = row.metrics[metric]
        errors = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
        axes.errorbar(row.latency_ms, estimate.value, yerr=errors, color="#9aa5b1", zorder=1)
        area = 30 + 400 * row.parameters / largest
        axes.scatter(row.latency_ms, estimate.value, s=area, alpha=0.7, zorder=2, color="#0b6e99")
        label = f"{name} ({row.head}, {row.role})" if len(heads) > 1 else f"{name} ({row.role})"
        place = (8, -12 if number % 2 else 6)  # seeds of one recipe lie beside each other
        axes.annotate(label, (row.latency_ms, estimate.value), xytext=place, textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_Plain())
    axes.xaxis.set_minor_formatter(_Plain())
    axes.set_xlabel("milliseconds a face, one CPU thread")
    axes.set_ylabel(f"{' or '.join(sorted({SHOWN[row.task][0] for row in rows}))}, with 95 % interval")
    axes.set_title("upper left is better; the area is the number of parameters", fontsize=10)
    axes.margins(x=0.25)
    lighten(axes)
    return figure


def told_apart(rows: Sequence[Compared]) -> list[str]:
    """Return a name for each row: of the model; where such names repeat, as those of two seeds do, of the run too."""
    names = [(row.name, f"{row.name} in {row.run.name}", f"{row.name} in {row.run}") for row in rows]
    times = Counter(name for each in names for name in each)
    return [next((name for name in each if times[name] == 1), each[-1]) for each in names]


class _Plain(LogFormatter):
    # Labels the ticks that matplotlib would, as 0.03 and not as 3 times a power of ten.
    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


@dataclass(frozen=True)
class _Planned:
    # What was given, the folder of its run, and the recipe where it is still to be trained.
    path: Path
    folder: RunFolder
    recipe: Recipe | None = None


def _planned(path: Path, data: Path | None, runs: Path, changes: Sequence[str]) -> _Planned:
    if path.is_dir():
        return _Planned(path, _checked(RunFolder(path), data))
    if path.suffix in MODEL_FILES or (path.suffix != ".toml" and not path.exists()):
        raise UsageError(
            f"{path}: is no recipe and no folder of a run, which is what is compared here; "
            "`mien evaluate A B DATA` compares models"
        )
    recipe = read_recipe(path, changes)
    folder = RunFolder(runs / recipe.name)
    if folder.begun and folder.recipe.is_file():
        check_same_recipe(folder.recipe, recipe, remedy=f"choose another --runs, or another name in {path}")
    if folder.weights.is_file() and folder.scores.is_file():
        return _Planned(path, _checked(folder, data))
    if data is None:
        raise UsageError(
            f"{path}: {folder.path} holds no finished run of it; give the pictures with --data to train it"
        )
    folder.check_spares(path)
    return _Planned(path, folder, recipe)


def _train(planned: Sequence[_Planned], data: Path) -> bool:
    # Whether this process is the one that reports: the others of runs on several devices only train, side by side.
    todo = [(each, each.recipe) for each in planned if each.recipe is not None]
    todo.sort(key=lambda each: bool(each[1].member_runs()))
    _check_all(todo, data)
    for number, (each, recipe) in enumerate(todo, start=1):
        if process_rank() == 0:
            print(f"{recipe.name}, {number} of {len(todo)}", file=sys.stderr, flush=True)
        elif recipe.member_runs():  # nothing to train, and the first process may still be writing its members
            continue
        run_recipe(recipe, data, each.folder.path, resume=each.folder.begun)
    return process_rank() == 0


def _check_all(todo: Sequence[tuple[_Planned, Recipe]], data: Path) -> None:
    if len(todo) < 2:  # the training itself begins with this
        return
    trained: set[Path] = set()
    read: tuple[object, ...] = ()
    for each, recipe in todo:
        try:
            for member in recipe.member_runs():
                if member.resolve() not in trained:
                    RunFolder(member).check_finished()
            # Reading takes seconds, and most recipes are of the same pictures.
            wanted = (recipe.crop, recipe.data, recipe.seed)
            if read != wanted:
                read, roles = wanted, read_roles(recipe, data)
            check_answers(recipe, roles)
            # What teachers will say of a label that no picture has is not known yet.
            if not recipe.member_runs() and not recipe.teacher.models:
                Lesson(recipe, roles["training"], roles["validation"], load=False)
        except MienError as error:
            raise type(error)(f"{each.path}: {error}") from error
        trained.add(each.folder.path.resolve())


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
    head, task = next((name, head.task) for name, head in recipe.heads.items())
    found: list[Score] = [score for score in scores if score.role == role and score.head == head]
    size = network_size(network, recipe)
    return Compared(
        name=recipe.name,
        run=folder.path,
        published=recipe.published,
        role=role,
        head=head,
        task=task,
        n=found[0].n,
        metrics={score.metric: score.estimate for score in found if score.metric in SHOWN[task]},
        parameters=size.parameters,
        multiply_adds=size.multiply_adds,
        latency_ms=latency_ms(session),
        sha256=session.card.sha256,
    )

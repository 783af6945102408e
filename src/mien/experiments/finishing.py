"""What a trained run is turned into: a weight file with its card, predictions, scores and pictures.

RUN/model.onnx                       the chosen weights with their card, temperatures and thresholds
RUN/card.json                        the card, to read
RUN/predictions-ROLE-HEAD.parquet    what the file says to each picture of validation and of test
RUN/confusion-ROLE-HEAD.png          for heads of one label
RUN/scores.csv                       every metric with its interval
RUN/curves.png                       losses and scores by epoch, with the point where overfitting began
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from mien.console import Console
from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.evaluation.metrics import Estimate, confusion, measure
from mien.evaluation.plots import confusion_figure, save_figure
from mien.evaluation.predictions import Predictions, predict
from mien.evaluation.predictions_file import write_predictions
from mien.experiments.curves_figure import curves_figure
from mien.export import export_run
from mien.files import written_whole
from mien.inference.session import Session
from mien.provenance import facts
from mien.training.curves import read_curves
from mien.training.run_folder import RunFolder
from mien.training.run_pictures import SAME_TABLE, check_pictures, digests_of, keep_pictures, known_pictures


@dataclass(frozen=True)
class Score:
    """One metric of one head on one role of the data.

    Attributes:
        role: ``"validation"`` or ``"test"``.
        head: name of the head.
        truth: what counted as right.
        n: pictures scored.
        metric: its name, see `mien.evaluation.metrics`.
        estimate: value and interval.
    """

    role: str
    head: str
    truth: str
    n: int
    metric: str
    estimate: Estimate


def finish_run(
    folder: RunFolder,
    roles: Mapping[str, Samples],
    *,
    data: Path,
) -> list[Score]:
    """Export a trained run and score the exported file; what is there already is made again.

    Args:
        folder: of a run whose training has ended.
        roles: the samples by ``"validation"`` and, where there are any, ``"test"``.
        data: the table, for the record.

    Returns:
        Every metric of every head.

    Raises:
        WeightsError: the run is not finished, or the exported file does not give what PyTorch gives.
        RecipeError: an earlier call had other pictures.
        DataError: the pictures have no labels for one of the heads.
        OutputError: a file cannot be written.
    """
    tested = digests_of({role: samples for role, samples in roles.items() if role == "test"})
    if not tested and "test" in known_pictures(folder):
        raise RecipeError(f"{folder.path}: was scored on pictures for test, of which there are none here; {SAME_TABLE}")
    check_pictures(folder, tested)
    console = Console(stderr=True)
    with console.status("exporting the model"):
        card = export_run(folder.path, roles["validation"], folder.model)
    with written_whole(folder.card) as temporary:
        temporary.write_text(card.to_json() + "\n", encoding="utf-8")
    if folder.curves.is_file():  # an ensemble has none
        save_figure(curves_figure(read_curves(folder.curves), title=card.name), folder.path / "curves.png")
    session = Session(folder.model)
    scores: list[Score] = []
    parts = [(role, head.name) for role in ("validation", "test") if role in roles for head in card.heads]
    for role, head in track(parts, "scoring", console=console, transient=True, disable=not console.is_terminal):
        found = predict(session, roles[role], head=head, data=data.name)
        write_predictions(found, folder.predictions(role, head))
        scores += _scores(found, role)
        if found.task == "single":
            title = f"{card.name}, {role} ({len(found)} pictures)"
            figure = confusion_figure(confusion(found), found.labels, title=title)
            save_figure(figure, folder.path / f"confusion-{role}-{head}.png")
    keep_pictures(folder, tested)
    write_scores(scores, folder.scores, model=card.name, sha256=card.sha256, data=data.name)
    return scores


def write_scores(scores: list[Score], path: Path, *, model: str, sha256: str, data: str) -> None:
    """Write scores as CSV, one row a metric, with device, commit and date, so that they can be traced.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        rows = list(_rows(scores, {"model": model, "sha256": sha256, "data": data}))
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_scores(path: Path) -> list[Score]:
    """Read what `write_scores` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Score(
                role=row["role"],
                head=row["head"],
                truth=row["truth"],
                n=int(row["n"]),
                metric=row["metric"],
                estimate=Estimate(float(row["value"]), float(row["low"]), float(row["high"])),
            )
            for row in csv.DictReader(file)
        ]


def _scores(found: Predictions, role: str) -> list[Score]:
    return [
        Score(role, found.head, found.truth, len(found), metric, estimate)
        for metric, estimate in measure(found).items()
    ]


def _rows(scores: list[Score], about: dict[str, str]) -> Iterator[dict[str, str]]:
    traced = facts()
    for score in scores:
        values = {name: f"{getattr(score.estimate, name):.6f}" for name in ("value", "low", "high")}
        place = {"role": score.role, "head": score.head, "truth": score.truth, "n": str(score.n)}
        yield about | place | {"metric": score.metric} | values | traced

"""mien evaluate: how good a weight file is on labelled pictures, and which of two is better."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.errors import DataError, UsageError, import_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mien.data.samples import Samples
    from mien.evaluation.findings import Findings
    from mien.evaluation.predictions import Predictions
    from mien.evaluation.summary import Asked
    from mien.explain import Maps
    from mien.inference.session import Session

PREDICTED = (".csv", ".parquet")
"""The endings of files of predictions; anything else is a model."""


def evaluate(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="MODEL DATA: a name from `mien models list` or an .onnx file, and a labelled table. MODEL MODEL DATA "
            "compares two; a .csv or .parquet file of predictions may stand in the place of a model.",
            metavar="MODEL [MODEL] DATA",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Of the data, such as PrivateTest or test; PublicTest, or that of the predictions, by default."
        ),
    ] = None,
    head: Annotated[str | None, typer.Option(help="Score this head only, such as fer7.")] = None,
    truth: Annotated[
        str | None, typer.Option(help="Score against this only: label, labels, arg-max, majority or '3 votes'.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write predictions, metrics.json, plots and report.html into this folder; or only "
            "the figures into this .csv file. Of two models: comparison.json into this folder, or this .json file.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Score this file instead of a model: a predictions.parquet, or a .csv of ids and probabilities of any "
            "tool, then with DATA."
        ),
    ] = None,
    task: Annotated[
        str, typer.Option(help="What the columns of a .csv mean: [b]single[/] (sum to one) or [b]multi[/].")
    ] = "single",
    by: Annotated[
        list[str] | None, typer.Option("--by", help="Audit by this column of the data too; may be given again.")
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also score 1,000 pictures made worse in nine ways (some minutes).")
    ] = False,
    detector: Annotated[str, typer.Option("--detector", "-d", help="Whose boxes --robustness moves.")] = "auto",
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of the model's training run: the report then explains by its gradients (Grad-CAM)."),
    ] = None,
) -> None:
    """Score a model on labelled pictures through the preprocessing that users get, with 95 % bootstrap intervals.

    Rows called "without repeats" leave out pictures of which the training split has a near duplicate.

    Example: mien evaluate mien-base fer2013.parquet --split PrivateTest --output report/
    """
    import_extra("sklearn", extra="evaluate", purpose="evaluation")
    import_extra("matplotlib", extra="evaluate", purpose="evaluation")
    from mien.cli.evaluate_tables import print_scores
    from mien.cli.model_report import print_groups
    from mien.evaluation.summary import Asked
    from mien.files import check_writable

    words = list(what or [])
    if task not in ("single", "multi"):
        raise UsageError(f"--task {task}: it is single (probabilities sum to one) or multi (each for itself)")
    if predictions is not None:
        words.insert(0, str(predictions))
    alone = len(words) == 1 and words[0].endswith(".parquet")
    if not (alone or len(words) in (2, 3)):
        raise UsageError(
            "say what to score: `mien evaluate MODEL DATA`, `mien evaluate MODEL MODEL DATA`, or "
            "`mien evaluate --predictions FILE [DATA]`"
        )
    target = None if output is None else _target(output, is_comparison=len(words) == 3)
    if target is not None:
        check_writable(target)
    heads = () if head is None else (head,)
    asked = Asked(
        None if alone else Path(words[-1]),
        split,
        heads,
        truth,
        columns=tuple(by or ()),
        task="multi" if task == "multi" else "single",
    )
    made_already = len(words) == 3 or alone or words[0].endswith(PREDICTED)
    for option, wanted in (("--robustness", robustness), ("--run", run is not None)):
        if made_already and wanted:
            raise UsageError(f"{option} asks a model again: it goes with `mien evaluate MODEL DATA` only")
    if len(words) == 3:
        if by:
            raise UsageError("--by is about one model: evaluate each of the two with it")
        _compare(words[0], words[1], asked, target)
        return
    if alone or words[0].endswith(PREDICTED):
        findings = _from_file(Path(words[0]), asked)
    else:
        is_folder = target is not None and target != output
        findings = _from_model(words[0], asked, detector if robustness else None, run, full=is_folder)
    print_scores(findings.scored, hint="; --output DIR writes a report with all figures" if output is None else "")
    print_groups(findings, asked.columns)
    if output is not None:
        _write(replace(findings, command=shlex.join(["mien", *sys.argv[1:]])), output)


def _target(output: Path, *, is_comparison: bool) -> Path:
    """Return the file that --output stands for, of a folder the most important one.

    Raises:
        UsageError: a comparison is asked for as .csv, or one model's figures as .json.
    """
    if not is_comparison:
        if output.suffix == ".json":
            raise UsageError(f"--output {output}: give a folder, which will hold metrics.json, or a .csv file")
        return output if output.suffix == ".csv" else output / "metrics.json"
    if output.suffix == ".csv":
        raise UsageError(f"--output {output}: a comparison is no table of figures; give a folder or a .json file")
    return output if output.suffix == ".json" else output / "comparison.json"


def _from_model(model: str, asked: "Asked", detector: str | None, run: Path | None, *, full: bool) -> "Findings":
    from mien.cli.explain import gradient_maps
    from mien.cli.progress import progress_bar
    from mien.evaluation.findings import evaluate_model
    from mien.evaluation.summary import read_split
    from mien.inference.session import Session
    from mien.inference.weights import emotion_model

    session = Session(emotion_model(model))
    with progress_bar("reading and comparing with the training split", total=None):
        samples, groups = read_split(asked, session)
    with progress_bar("pictures", total=len(samples)) as advance:
        # When all pictures are scored, the intervals are drawn.
        findings = evaluate_model(session, asked, samples, groups, on_step=advance.then("intervals"))
    if detector is not None:
        findings = _made_worse(findings, session, samples, detector)
    first = findings.scored[0].predictions
    # A wrong run is told whatever is written.
    maps = None if run is None else gradient_maps(run, session.card.head(first.head))
    return _explained(findings, session, samples, maps) if full and first.task == "single" else findings


def _made_worse(findings: "Findings", session: "Session", samples: "Samples", detector: str) -> "Findings":
    from mien.cli.progress import progress_bar
    from mien.evaluation.findings import with_moved_boxes, with_robustness
    from mien.evaluation.robustness import draw_some
    from mien.inference.detectors import open_detector

    some = draw_some(samples)
    finder = open_detector(detector, spec=session.card.crop)
    with progress_bar("pictures made worse", total=48 * len(some)) as advance:
        findings = with_robustness(findings, session, some, on_step=advance.by)
        try:
            findings = with_moved_boxes(findings, session, some, finder, on_step=advance.by)
        except DataError as lacking:  # all else that was measured is kept
            print(f"mien: boxes were not moved: {lacking}", file=sys.stderr)
    return findings


def _explained(findings: "Findings", session: "Session", samples: "Samples", maps: "Maps | None") -> "Findings":
    from mien.cli.progress import progress_bar
    from mien.evaluation.exhibits import quick_rise
    from mien.evaluation.findings import GRAD_CAM, RISE, with_exhibits
    from mien.inference.scores import score_crops

    head = session.card.head(findings.scored[0].predictions.head)

    def score(crops: "NDArray[np.uint8]") -> "NDArray[np.float64]":
        return score_crops(session, crops, head)

    words = RISE if maps is None else GRAD_CAM
    with progress_bar("explanations", total=None) as advance:
        return with_exhibits(findings, samples, maps or quick_rise(score), explained_by=words, on_step=advance.by)


def _from_file(path: Path, asked: "Asked") -> "Findings":
    from mien.cli.progress import progress_bar
    from mien.evaluation.findings import evaluate_predictions, read_asked

    made = read_asked(path, asked)
    with progress_bar("intervals", total=None):
        return evaluate_predictions(made, asked)


def _compare(a: str, b: str, asked: "Asked", target: Path | None) -> None:
    from mien.cli.evaluate_tables import print_comparison
    from mien.cli.progress import progress_bar
    from mien.evaluation.comparison import compare
    from mien.evaluation.findings import read_asked
    from mien.evaluation.predictions import asked_truths, predict
    from mien.evaluation.summary import comparison_json, read_split
    from mien.files import written_whole
    from mien.inference.session import Session
    from mien.inference.weights import emotion_model

    def one(name: str) -> "Predictions":
        if name.endswith(PREDICTED):
            return read_asked(Path(name), asked)
        session = Session(emotion_model(name))
        samples, _ = read_split(asked, session, with_groups=False)
        (head, _), *_ = asked_truths(session.card, samples, heads=asked.heads, truth=asked.truth)
        return predict(session, samples, head=head.name, truth=asked.truth, data=asked.table().name)

    made = []
    for name in (a, b):
        with progress_bar(f"pictures, {Path(name).name}", total=None):
            made.append(one(name))
    with progress_bar("intervals", total=None):
        found = compare(*made)
    print_comparison(found)
    if target is not None:
        with written_whole(target) as temporary:
            temporary.write_text(comparison_json(found), encoding="utf-8")
        print(f"every figure: {target}")


def _write(findings: "Findings", output: Path) -> None:
    from mien.cli.progress import progress_bar
    from mien.evaluation.report import write_folder
    from mien.evaluation.summary import write_summary

    if output.suffix == ".csv":
        write_summary(findings.scored, output)
        print(f"figures: {output}")
        return
    with progress_bar("plots and report", total=None):
        report = write_folder(findings, output)
    print(f"report: {report}")

"""mien analyze: pictures in, a table, a file and annotated copies out."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.numbers import finite
from mien.cli.options import DetectorOption, LabelsOption, ModelOption
from mien.errors import UsageError
from mien.inference.weights import DEFAULT_MODEL


def analyze(
    paths: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders (searched with all their subfolders) and globs.", metavar="PATH..."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the results here: .json, .jsonl, .csv or .parquet, by the ending."),
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option("--annotate", "-a", help="Write copies with boxes and labels into this folder.")
    ] = None,
    detector: DetectorOption = "auto",
    model: ModelOption = DEFAULT_MODEL,
    labels: LabelsOption = None,
    min_confidence: Annotated[
        float,
        typer.Option(min=0, max=1, help="Leave out faces whose most probable emotion is less probable than this."),
    ] = 0.0,
    no_detect: Annotated[
        bool,
        typer.Option("--no-detect", help="Do not search: each picture is one tight crop, like a file of FER-2013."),
    ] = False,
    blur: Annotated[
        bool,
        typer.Option(
            "--blur", help="Make faces unrecognisable in the annotated copies; one that is not found stays as it is."
        ),
    ] = False,
    max_megapixels: Annotated[float, typer.Option(min=0.001, max=1e6, help="Refuse larger pictures.")] = 100.0,
) -> None:
    """Find the faces in pictures and say what they show.

    A picture that cannot be read is reported and skipped; the exit code is then 1.

    Results are written as they come, beside the output. After a kill, the same command goes on where it stopped.

    Example: mien analyze holiday/ --output faces.csv --annotate annotated/
    """
    from mien.cli.analyze_report import Report
    from mien.cli.analyze_work import Wanted, find_pictures, open_journal, prepare_folder, save, work
    from mien.inference.analyzer import Analyzer
    from mien.save import check_output

    if blur and annotate is None:
        raise UsageError("--blur is about the annotated copies: say where they go with --annotate DIR")
    if no_detect and detector not in ("auto", "whole"):
        raise UsageError(f"--no-detect and --detector {detector} exclude each other; leave one out")
    finite("--min-confidence", min_confidence)
    files = find_pictures(paths, but=annotate)
    if output is not None:
        check_output(output)
    if annotate is not None:
        prepare_folder(annotate, files)
    analyzer = Analyzer(
        model=model,
        detector="whole" if no_detect else detector,
        labels=labels,
        max_pixels=int(finite("--max-megapixels", max_megapixels, 1e6)),
    )
    wanted = Wanted(analyzer.head.labels, output, annotate, blur, min_confidence)
    report = Report(analyzer, wanted)
    with open_journal(analyzer, files, wanted) as journal:
        done = work(analyzer, files, wanted, journal)
        save(report.over(journal.results(map(str, files))), wanted, done, journal)
    if journal.path is not None and not done.stopped:
        journal.path.unlink(missing_ok=True)  # not while it is open, which Windows does not allow
    report.show(done, kept=journal.path)
    if done.failures:
        raise typer.Exit(1)

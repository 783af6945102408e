"""mien analyze: pictures in, a table, a file and annotated copies out."""

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mien.cli.finding import files_in, files_matching
from mien.errors import OutputError, PictureError, UsageError
from mien.inference.weights import DEFAULT_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mien.inference.analyzer import Analyzer
    from mien.results import ImageResult

TOGETHER = 32  # pictures whose faces share one pass through the network; also what an interruption can lose
MOST_ROWS = 200
NEXT = 2  # emotions that are named beside the answer
WIDE = 110  # columns of a terminal that has room for the boxes


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
    detector: Annotated[
        str,
        typer.Option(
            "--detector",
            "-d",
            help="[b]yunet[/] (best; once: mien models pull yunet), [b]haar[/] (built in), "
            "[b]auto[/] (yunet where pulled, else haar).",
        ),
    ] = "auto",
    model: Annotated[
        str, typer.Option("--model", "-m", help="A name from `mien models list`, or the path of an .onnx file.")
    ] = DEFAULT_MODEL,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            "-l",
            help="[b]fer7[/] (seven emotions, the default), [b]ferplus8[/] (with contempt) or "
            "[b]multilabel8[/] (several a face).",
        ),
    ] = None,
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

    Example: mien analyze holiday/ --output faces.csv --annotate annotated/
    """
    from mien.inference.analyzer import Analyzer
    from mien.save import check_output, save_results

    if blur and annotate is None:
        raise UsageError("--blur is about the annotated copies: say where they go with --annotate DIR")
    if no_detect and detector not in ("auto", "whole"):
        raise UsageError(f"--no-detect and --detector {detector} exclude each other; leave one out")
    files = find_pictures(paths, but=annotate)
    if output is not None:
        check_output(output)
    if annotate is not None:
        _prepare_folder(annotate, files)
    analyzer = Analyzer(
        model=model,
        detector="whole" if no_detect else detector,
        labels=labels,
        max_pixels=int(max_megapixels * 1e6),
    )
    done = _work(analyzer, files, min_confidence, annotate, blur)
    if output is not None:
        save_results(done.results, output, labels=analyzer.head.labels)
    _report(analyzer, done, output, annotate)
    if done.failures:
        raise typer.Exit(1)


def find_pictures(paths: Sequence[str], *, but: Path | None = None) -> list[Path]:
    """Return the files that paths, folders and globs stand for, each once, folders and globs sorted.

    Args:
        paths: names.
        but: where annotated copies go: those of an earlier run are not meant.

    Raises:
        UsageError: nothing matches, or a folder holds no picture.
    """
    from mien.inference.image import PICTURE_SUFFIXES

    files: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            found = files_in(path, PICTURE_SUFFIXES, but=but)
            if not found:
                raise UsageError(
                    f"{given}: no pictures in this folder (looked for {', '.join(sorted(PICTURE_SUFFIXES))})"
                )
        elif glob.has_magic(given) and not path.exists():
            found = files_matching(given, but=but)
        else:
            found = [path]
        files.update(dict.fromkeys(found))
    return list(files)


class _Done(NamedTuple):
    results: list["ImageResult"]  # without the faces that --min-confidence leaves out
    left_out: list[int]  # how many these are, of each result
    failures: list[str]


def _prepare_folder(folder: Path, files: Sequence[Path]) -> None:
    from mien.files import check_writable

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --annotate takes a folder")
    if any(file.resolve().parent == folder.resolve() for file in files):
        raise UsageError(f"{folder}: the pictures themselves lie there; --annotate takes another folder")
    check_writable(folder / "annotated")


def _work(
    analyzer: "Analyzer", files: Sequence[Path], min_confidence: float, annotate: Path | None, blur: bool
) -> _Done:
    from mien.cli.progress import progress_bar
    from mien.draw import blur_faces
    from mien.inference.image import PICTURE_SUFFIXES, PictureSource
    from mien.inference.video.frames import VIDEO_SUFFIXES

    results: list[ImageResult] = []
    left_out: list[int] = []
    failures: list[str] = []
    names: dict[str, int] = {}

    def note(source: PictureSource, error: PictureError) -> None:
        film = isinstance(source, Path) and source.suffix.lower() in VIDEO_SUFFIXES - PICTURE_SUFFIXES
        failures.append(f"{error}; for films there is mien video" if film else str(error))

    with progress_bar("pictures", total=len(files), shown=len(files) > 1) as advance:
        for start in range(0, len(files), TOGETHER):
            group = files[start : start + TOGETHER]
            try:
                found = analyzer.analyze_many(advance.over(group), on_error=note)
                shown = [result.at_least(min_confidence) for result in found]
                results += shown
                left_out += [len(everyone) - len(result) for everyone, result in zip(found, shown, strict=True)]
                if annotate is not None:
                    for everyone, result in zip(found, shown, strict=True):
                        try:
                            picture = analyzer.read(str(result.source))
                        except PictureError as error:  # gone since it was analysed, or a pipe: its results are kept
                            failures.append(str(error))
                            continue
                        if blur:  # also those that are left out: nobody is to be recognised
                            picture = blur_faces(picture, everyone)
                        _write_annotated(picture, result, annotate, names)
            except OutputError as error:  # a full disk: the results so far are still worth saving
                failures.append(str(error))
                break
            except KeyboardInterrupt:
                failures.append(f"interrupted; {len(files) - start} pictures from {group[0]} on may be missing")
                break
    return _Done(results, left_out, failures)


def _write_annotated(picture: "NDArray[np.uint8]", result: "ImageResult", folder: Path, names: dict[str, int]) -> None:
    from mien.draw import draw_faces
    from mien.files import free_name, written_whole

    source = Path(str(result.source))
    ending = source.suffix.lower() if source.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") else ".png"
    with written_whole(folder / free_name(source.stem, ending, names)) as temporary:
        draw_faces(picture, result).save(temporary, quality=92)


def _report(analyzer: "Analyzer", done: _Done, output: Path | None, annotate: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    results, left_out, failures = done
    faces = sum(len(result) for result in results)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("picture", "face", "emotion"):
        table.add_column(heading, overflow="fold" if heading == "picture" else "ellipsis")
    table.add_column("probability", justify="right")
    table.add_column("next")
    with_boxes = console.width >= WIDE
    if with_boxes:
        table.add_column("box (x1, y1, x2, y2)", style="dim")
    rows = 0
    for result, hidden in zip(results, left_out, strict=True):
        name = escape(Path(str(result.source)).name)
        if not result.faces:
            table.add_row(name, "", "[dim]left out[/]" if hidden else "[dim]no face[/]")
            rows += 1
        for number, found in enumerate(result, 1):
            if rows == MOST_ROWS:
                break
            # One emotion, or of several all over their thresholds, the most probable first.
            ranked = found.emotions.ranked()
            shown = ranked[:1] if found.present is None else [pair for pair in ranked if pair[0] in found.present]
            others = [pair for pair in ranked if pair not in shown][:NEXT]
            verdict = escape(", ".join(label for label, _ in shown)) or "[dim]none[/]"
            cells = [
                name if number == 1 else "",
                str(number),
                f"[dim]unsure[/], {verdict}" if found.unsure else verdict,
                ", ".join(f"{value:.1%}" for _, value in shown),
                escape(", ".join(f"{label} {value:.0%}" for label, value in others)),
            ]
            if with_boxes:
                box = found.face.box
                cells.append(f"{box.x1:.0f}, {box.y1:.0f}, {box.x2:.0f}, {box.y2:.0f}")
            table.add_row(*cells)
            rows += 1
        if rows >= MOST_ROWS:
            break
    if rows:
        console.print(table)
    if rows >= MOST_ROWS:
        console.print(f"[dim]... the first {rows} rows; --output FILE keeps all[/]")
    what = f"{_count(faces, 'face')} in {_count(len(results), 'picture')}"
    if any(left_out):
        what += f", {sum(left_out)} more left out by --min-confidence"
    console.print(
        f"[dim]{what} · model {analyzer.card.name} ({analyzer.head.name}) · detector {analyzer.detector.name}[/]"
    )
    error = analyzer.head.unsure_error
    if error is not None and any(found.unsure for result in results for found in result):
        console.print(
            f"[dim]unsure: too improbable; of the others at most {error:.0%} were wrong on validation pictures[/]"
        )
    if output is not None:
        console.print(f"[dim]results: {escape(str(output))}[/]", soft_wrap=True)
    if annotate is not None:
        console.print(f"[dim]annotated copies: {escape(str(annotate))}[/]", soft_wrap=True)
    if failures:
        errors = Console(stderr=True)
        rest = ", the rest is complete" if results else ""
        errors.print(f"{_count(len(failures), 'problem')}{rest}:", style="bold")
        for failure in failures:
            errors.print(f"  {failure}", markup=False, highlight=False, soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

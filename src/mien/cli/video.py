"""mien video: films in; tables, events, annotated films and timelines out."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.numbers import finite
from mien.cli.options import DetectorOption, LabelsOption, ModelOption
from mien.errors import UsageError
from mien.inference.weights import DEFAULT_MODEL


def video(
    films: Annotated[
        list[str],
        typer.Argument(
            help="Films, folders of films, folders of pictures (the frames of one film), addresses of cameras "
            "(rtsp://...), numbers of cameras (0).",
            metavar="FILM...",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A row a face and frame, and a row a frame without a face: .parquet, .csv or .jsonl."
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", "-e", help="A row an event (onset, apex, offset): .parquet, .csv or .jsonl."),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option("--annotate", "-a", help="Write an annotated copy: a name ending in .mp4, or a folder."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", "-p", help="Draw the timeline: a name ending in .png, or a folder.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Begin here: seconds, MM:SS or HH:MM:SS, on the film's own clock.", metavar="TIME"),
    ] = None,
    end: Annotated[str | None, typer.Option(help="Stop before this time.", metavar="TIME")] = None,
    every: Annotated[int, typer.Option(min=1, help="Only each n-th frame.", metavar="N")] = 1,
    detect_every: Annotated[
        int,
        typer.Option(
            min=1,
            help="Search the whole frame for new faces in each n-th frame; those that are known are found again near "
            "where they were. 1 searches every frame.",
            metavar="N",
        ),
    ] = 5,
    smoothing: Annotated[
        float, typer.Option(min=0, help="Time constant of the smoothing, in seconds; 0 does not smooth.")
    ] = 0.3,
    hold: Annotated[
        float, typer.Option(min=0, help="The label changes after another emotion was on top for so many seconds.")
    ] = 0.3,
    max_gap: Annotated[
        float, typer.Option(min=0, help="A face that comes back within so many seconds is the same person.")
    ] = 1.0,
    cuts: Annotated[
        bool, typer.Option(help="Give all faces new numbers where the film is cut; --no-cuts for films of one shot.")
    ] = True,
    rate: Annotated[
        float, typer.Option(min=0.001, help="Frames a second of a folder of pictures.", metavar="RATE")
    ] = 25.0,
    detector: DetectorOption = "auto",
    model: ModelOption = DEFAULT_MODEL,
    labels: LabelsOption = None,
    max_megapixels: Annotated[float, typer.Option(min=0.001, max=1e6, help="Refuse larger frames.")] = 100.0,
) -> None:
    """Say what the faces in films show, over time.

    Results are written as they come, beside the output. After a kill, the same command goes on where it stopped.

    Example: mien video interview.mp4 --output faces.parquet --plot faces.png --annotate annotated.mp4
    """
    import cv2

    from mien.cli.video_report import report
    from mien.cli.video_work import Outputs, find_films, work
    from mien.inference.analyzer import Analyzer
    from mien.inference.video.analyzer import VideoSettings
    from mien.inference.video.frames import Part

    part = Part(_seconds(start, "--start"), _seconds(end, "--end"), every)
    settings = VideoSettings(
        detect_every=detect_every, smoothing_s=smoothing, hold_s=hold, max_gap_s=max_gap, cuts=cuts
    )
    max_pixels = int(finite("--max-megapixels", max_megapixels, 1e6))
    names = find_films(films, but=annotate)
    outputs = Outputs(output, events, annotate, plot)
    outputs.check(names)
    cv2.setNumThreads(1)  # a detector on small frames: more threads cost a fifth more CPU for a tenth of the time
    analyzer = Analyzer(model=model, detector=detector, labels=labels, max_pixels=max_pixels)
    done = work(analyzer, names, outputs, part=part, settings=settings, rate=rate)
    report(analyzer, done)
    if done.failures:
        raise typer.Exit(1)


def _seconds(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or any(not 0 <= number < float("inf") for number in numbers):
        raise UsageError(f"{option} {text}: is no time; give seconds (90), minutes (1:30) or hours (0:01:30.5)")
    return float(sum(number * 60.0**place for place, number in enumerate(reversed(numbers))))

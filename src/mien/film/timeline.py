"""Results of a film -> a picture: for each person the emotions over time, with faces above them."""

import warnings
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mien.draw import color_of
from mien.errors import UsageError, import_extra
from mien.files import in_utf8, written_whole
from mien.film.summary import Person, Summary
from mien.film.thumbnails import Thumbnails
from mien.video_results import FrameResult

MOST_PEOPLE = 6
"""So many are shown, those who are seen longest."""
LEAST_FRAMES = 5
"""Who is seen in fewer frames is not shown, unless nobody else is there."""
BINS = 1200
"""Each curve has at most this many points: more would not be seen."""
FORMATS = (".png", ".pdf", ".svg", ".jpg")
INCHES = (12.0, 2.6)
"""Width of the picture, and height of a person's part of it."""
CUT = {"color": "0.5", "linewidth": 0.8, "linestyle": ":"}
FACE_SHARE = 0.074
NAME_SHARE = 0.075
"""Widths of a face and of a person's name, as shares of the timeline."""


def check_plot(path: Path) -> None:
    """Find out before the work begins whether a timeline can be drawn there.

    Raises:
        UsageError: another ending than one of `FORMATS`.
        MissingExtraError: Matplotlib is not installed.
        OutputError: the place cannot be written.
    """
    from mien.files import check_writable

    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: a timeline is a picture; its name must end in {', '.join(FORMATS)}")
    _matplotlib()
    check_writable(path)


def draw_timeline(
    results: Iterable[FrameResult],
    path: Path,
    *,
    title: str,
    labels: Sequence[str],
    summary: Summary,
    thumbnails: Thumbnails,
) -> None:
    """Draw the timeline of a film, whole or not at all.

    Args:
        results: of all its frames; read once, never held together.
        path: ends in one of `FORMATS`.
        title: the film's name.
        labels: of the model's head.
        summary: of the same results.
        thumbnails: of the same results.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    figure_module = _matplotlib()
    people = [person for person in summary.longest(MOST_PEOPLE) if person.frames >= LEAST_FRAMES]
    people = people or summary.longest(MOST_PEOPLE)
    bins = _Bins(summary)
    curves = _curves(results, people, labels, bins)
    rows = max(len(people), 1)
    figure = figure_module.Figure(figsize=(INCHES[0], INCHES[1] * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for axis, person in zip(axes, people, strict=False):
        _draw_person(axis, person, curves[person.track_id], labels, bins, thumbnails)
    if not people:
        axes[0].text(0.5, 0.5, "no face in this film", ha="center", va="center", transform=axes[0].transAxes)
        axes[0].set_yticks([])
    axes[-1].set_xlim(bins.edges[0], bins.edges[-1])
    axes[-1].xaxis.set_major_formatter(lambda seconds, _: _clock(seconds, summary.last_s - summary.first_s))
    axes[-1].set_xlabel("time")
    count = len(summary.people)
    note = f", the {len(people)} seen longest" if count > len(people) > 0 else ""
    # A file's name may be of other bytes, for which there is no letter, and a dollar in it begins no formula.
    figure.suptitle(f"{in_utf8(title)}: {count} {'person' if count == 1 else 'people'}{note}", parse_math=False)
    lines = [_patch(label) for label in labels]
    if bins.cuts.any():
        lines.append(axes[0].plot([], [], label="cut", **CUT)[0])
    legend = figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    with written_whole(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)  # the font lacks it: a name in Japanese, say
        figure.savefig(temporary, dpi=110)


def _matplotlib() -> Any:
    return import_extra("matplotlib.figure", extra="video", purpose="drawing a timeline")


def _color(label: str) -> tuple[float, ...]:
    return tuple(value / 255 for value in color_of(label))


def _patch(label: str) -> Any:
    patches = import_extra("matplotlib.patches", extra="video", purpose="drawing a timeline")
    return patches.Patch(color=_color(label), label=label)


class _Curves:
    # By bins of time: sums of the smoothed scores, how often the person was seen, and which event was on (-1: none).
    def __init__(self, bins: int, labels: int) -> None:
        self.sums = np.zeros((bins, labels))
        self.seen = np.zeros(bins, np.int64)
        self.event = np.full(bins, -1)


class _Bins:
    # Equal stretches of the film.
    def __init__(self, summary: Summary) -> None:
        self.count = min(BINS, max(summary.frames, 1))
        self.edges = np.linspace(summary.first_s, max(summary.last_s, summary.first_s + 0.04), self.count + 1)
        self.frames = np.zeros(self.count, np.int64)
        self.cuts = np.zeros(self.count, np.bool_)  # whether a shot begins in it

    def place(self, time_s: float) -> int:
        share = (time_s - self.edges[0]) / (self.edges[-1] - self.edges[0])
        return int(np.clip(share * self.count, 0, self.count - 1))


def _curves(
    results: Iterable[FrameResult], people: Sequence[Person], labels: Sequence[str], bins: _Bins
) -> dict[int, _Curves]:
    curves = {person.track_id: _Curves(bins.count, len(labels)) for person in people}
    shot = 0
    for result in results:
        place = bins.place(result.time_s)
        bins.frames[place] += 1
        bins.cuts[place] |= result.shot != shot
        shot = result.shot
        for found in result:
            if found.track_id in curves:
                curves[found.track_id].sums[place] += found.smoothed.probabilities
                curves[found.track_id].seen[place] += 1
        for event in result.events:
            if event.track_id in curves:
                span = slice(bins.place(event.onset_s), bins.place(event.offset_s) + 1)
                curves[event.track_id].event[span] = labels.index(event.emotion)
    return curves


def _draw_person(
    axis: Any, person: Person, curves: _Curves, labels: Sequence[str], bins: _Bins, thumbnails: Thumbnails
) -> None:
    # A bin without a frame is no gap; one with frames but without the person is.
    some = bins.frames > 0
    seen = curves.seen[some, None]
    means = np.where(seen > 0, curves.sums[some] / np.maximum(seen, 1), np.nan)
    middles = ((bins.edges[1:] + bins.edges[:-1]) / 2)[some]
    there = np.concatenate([[False], seen[:, 0] > 0, [False]])
    alone = there[1:-1] & ~there[:-2] & ~there[2:]  # no line leads to it: a dot
    for index, label in enumerate(labels):
        axis.plot(middles, means[:, index], color=_color(label), linewidth=1.6)
        axis.plot(middles[alone], means[alone, index], ".", color=_color(label), markersize=5)
    axis.vlines(bins.edges[:-1][bins.cuts], 0, 1, **CUT)
    shown = np.where(some & (curves.seen == 0), -1, curves.event)
    starts = [0, *(np.flatnonzero(np.diff(shown)) + 1).tolist(), bins.count]
    for start, end in pairwise(starts):
        if shown[start] >= 0:  # the ribbon below the curves: the events
            color = _color(labels[shown[start]])
            axis.axvspan(bins.edges[start], bins.edges[end], ymin=0, ymax=0.05, color=color, linewidth=0)
    axis.set_ylim(-0.09, 1.75)
    axis.set_yticks([0, 0.5, 1])
    axis.set_ylabel("probability", y=0.33)
    axis.text(0.004, 0.98, f"person {person.track_id}", transform=axis.transAxes, va="top", weight="bold")
    axis.grid(axis="y", alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines["left"].set_bounds(0, 1)
    _draw_faces(axis, person, bins, thumbnails)


def _draw_faces(axis: Any, person: Person, bins: _Bins, thumbnails: Thumbnails) -> None:
    offset = import_extra("matplotlib.offsetbox", extra="video", purpose="drawing a timeline")
    begin_s, end_s = float(bins.edges[0]), float(bins.edges[-1])
    half_s = FACE_SHARE * (end_s - begin_s) / 2
    free_s = begin_s + NAME_SHARE * (end_s - begin_s)  # the person's name stands before
    shown = thumbnails.of(person.track_id)
    late = any(min(time_s, end_s - half_s) - half_s >= free_s for time_s, _, _ in shown)
    for time_s, _, picture in shown:
        middle_s = min(time_s, end_s - half_s)
        if not late:  # who is seen at the beginning alone stands beside the name
            late, middle_s = True, free_s + half_s
        elif middle_s - half_s < free_s:  # no face hides another
            continue
        free_s = middle_s + half_s
        axis.plot([time_s, time_s], [1.02, 1.1], color="0.5", linewidth=0.8)
        image = offset.OffsetImage(picture, zoom=0.6)
        axis.add_artist(offset.AnnotationBbox(image, (middle_s, 1.42), frameon=False, pad=0))


def _clock(seconds: float, length_s: float) -> str:
    if length_s < 20:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""Results of a film -> a picture: for each person the emotions over time, with faces above them."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.draw import COLORS, OTHER_COLOR
from mien.errors import UsageError, import_extra
from mien.files import written_whole
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
    curves = _curves(results, people, labels, summary)
    rows = max(len(people), 1)
    figure = figure_module.Figure(figsize=(INCHES[0], INCHES[1] * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for axis, person in zip(axes, people, strict=False):
        _draw_person(axis, person, curves[person.track_id], labels, summary, thumbnails)
    if not people:
        axes[0].text(0.5, 0.5, "no face in this film", ha="center", va="center", transform=axes[0].transAxes)
        axes[0].set_yticks([])
    axes[-1].set_xlim(summary.first_s, max(summary.last_s, summary.first_s + 0.04))
    axes[-1].xaxis.set_major_formatter(lambda seconds, _: _clock(seconds, summary.last_s - summary.first_s))
    axes[-1].set_xlabel("time")
    hidden = len(summary.people) - len(people)
    note = f", {hidden} more seen for less time" if hidden else ""
    figure.suptitle(f"{title}: {len(summary.people)} {'person' if len(summary.people) == 1 else 'people'}{note}")
    lines = [_patch(label) for label in labels]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(labels), frameon=False)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _matplotlib() -> Any:
    return import_extra("matplotlib.figure", extra="video", purpose="drawing a timeline")


def _color(label: str) -> tuple[float, ...]:
    return tuple(value / 255 for value in COLORS.get(label, OTHER_COLOR))


def _patch(label: str) -> Any:
    patches = import_extra("matplotlib.patches", extra="video", purpose="drawing a timeline")
    return patches.Patch(color=_color(label), label=label)


class _Curves:
    # Sums of the smoothed scores in bins of time, and which label held longest in each.
    def __init__(self, bins: int, labels: int) -> None:
        self.sums = np.zeros((bins, labels))
        self.held = np.zeros((bins, labels), np.int64)

    def means(self) -> NDArray[np.float64]:
        """(bins, labels), NaN where the person was not seen."""
        counts = self.held.sum(axis=1, keepdims=True)
        return np.where(counts > 0, self.sums / np.maximum(counts, 1), np.nan)


def _curves(
    results: Iterable[FrameResult], people: Sequence[Person], labels: Sequence[str], summary: Summary
) -> dict[int, _Curves]:
    bins = min(BINS, max(summary.frames, 1))
    curves = {person.track_id: _Curves(bins, len(labels)) for person in people}
    length_s = max(summary.last_s - summary.first_s, 1e-9)
    for result in results:
        place = min(int((result.time_s - summary.first_s) / length_s * bins), bins - 1)
        for found in result:
            if found.track_id in curves:
                curves[found.track_id].sums[place] += found.smoothed.probabilities
                curves[found.track_id].held[place, labels.index(found.label)] += 1
    return curves


def _draw_person(
    axis: Any, person: Person, curves: _Curves, labels: Sequence[str], summary: Summary, thumbnails: Thumbnails
) -> None:
    bins = len(curves.sums)
    edges = np.linspace(summary.first_s, max(summary.last_s, summary.first_s + 0.04), bins + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    means = curves.means()
    seen = curves.held.sum(axis=1) > 0
    for index, label in enumerate(labels):
        axis.plot(middles, means[:, index], color=_color(label), linewidth=1.6)
    held = np.where(seen, curves.held.argmax(axis=1), -1)
    starts = [0, *(np.flatnonzero(np.diff(held)) + 1).tolist(), bins]
    for start, end in pairwise(starts):
        if held[start] >= 0:  # the ribbon below the curves: which label held
            axis.axvspan(edges[start], edges[end], ymin=0, ymax=0.05, color=_color(labels[held[start]]), linewidth=0)
    axis.set_ylim(-0.09, 1.75)
    axis.set_yticks([0, 0.5, 1])
    axis.set_ylabel(f"person {person.track_id}")
    axis.grid(axis="y", alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    _draw_faces(axis, person, summary, thumbnails)


def _draw_faces(axis: Any, person: Person, summary: Summary, thumbnails: Thumbnails) -> None:
    offset = import_extra("matplotlib.offsetbox", extra="video", purpose="drawing a timeline")
    length_s = max(summary.last_s - summary.first_s, 0.04)
    last_s = -np.inf
    for time_s, _, picture in thumbnails.of(person.track_id):
        if time_s - last_s < 0.07 * length_s:  # no face hides another
            continue
        last_s = time_s
        inside_s = min(max(time_s, summary.first_s + 0.033 * length_s), summary.last_s - 0.033 * length_s)
        axis.plot([time_s, time_s], [1.02, 1.12], color="0.5", linewidth=0.8)
        image = offset.OffsetImage(picture, zoom=0.62)
        axis.add_artist(offset.AnnotationBbox(image, (inside_s, 1.42), frameon=False, pad=0))


def _clock(seconds: float, length_s: float) -> str:
    if length_s < 20:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

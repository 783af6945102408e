"""Pictures of figures. matplotlib's own objects, drawn by Agg: no display, no state that programs would share."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mien.evaluation.calibration import ReliabilityBins
from mien.evaluation.consistency import Consistency
from mien.evaluation.robustness import RobustnessRow
from mien.evaluation.selective import RiskCoverage
from mien.files import written_whole
from mien.pages import data_url

INK, FAINT, ACCENT, WARNING = "#1f2937", "#9ca3af", "#2563eb", "#d97706"
DOTS_PER_INCH = 150
FEWEST = 20
"""A bin of a reliability diagram with fewer pictures is not drawn."""


def confusion_figure(counts: NDArray[np.int64], labels: Sequence[str], *, title: str = "") -> Figure:
    """Draw a confusion matrix: rows are the right answers, columns what was said.

    Args:
        counts: (labels, labels), pictures.
        labels: in the order of rows and columns.
        title: above the picture.

    Returns:
        The share of each row in per cent, as colour and number, with the number of pictures below.
    """
    size = len(labels)
    figure = new_figure(1.4 + 0.82 * size, 1.5 + 0.72 * size)
    axes = figure.subplots()
    totals = counts.sum(axis=1, keepdims=True)
    rates = counts / np.maximum(totals, 1)
    axes.imshow(rates, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row in range(size):
        for column in range(size):
            ink = "white" if rates[row, column] > 0.55 else INK
            text = f"{100 * rates[row, column]:.0f}%"
            axes.text(column, row - 0.06, text, ha="center", va="bottom", color=ink, fontsize=9.5)
            axes.text(column, row + 0.1, f"{counts[row, column]:,}", ha="center", va="top", color=ink, fontsize=7)
    axes.set_xticks(range(size), labels, rotation=35, ha="right")
    axes.set_yticks(range(size), [f"{label} ({total:,})" for label, total in zip(labels, totals[:, 0], strict=True)])
    axes.set_xlabel("what the model said")
    axes.set_ylabel("right answer (pictures)")
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def reliability_figure(
    curves: Mapping[str, ReliabilityBins], *, by_chance: Consistency | None = None, title: str = ""
) -> Figure:
    """Draw reliability diagrams over each other: how often answers are right that are so sure.

    Bins of fewer than 20 pictures are left out: their share is chance.

    Args:
        curves: by name, such as "before" and "after"; the last one is drawn strongest and has its counts below.
        by_chance: of the last one; what of it is chance is shaded.
        title: above the picture.
    """
    figure = new_figure(4.6, 4.6)
    axes, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", label="perfectly calibrated")
    last = list(curves)[-1]
    if by_chance is not None:
        filled = curves[last].counts >= FEWEST
        axes.fill_between(
            curves[last].confidence[filled],
            by_chance.low[filled],
            by_chance.high[filled],
            color=FAINT,
            alpha=0.3,
            linewidth=0,
            label="95% of perfectly calibrated models",
        )
    for name in curves:
        bins = curves[name]
        filled = bins.counts >= FEWEST
        axes.plot(
            bins.confidence[filled],
            bins.accuracy[filled],
            marker="o",
            markersize=4,
            color=ACCENT if name == last else WARNING,
            alpha=1 if name == last else 0.7,
            linewidth=1.8 if name == last else 1.2,
            label=f"{name} (ECE {bins.error:.3f})",
        )
    axes.set_ylabel("share of right answers")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.set_title(title, fontsize=10, loc="left")
    edges = curves[last].edges
    below.bar(edges[:-1], curves[last].counts, width=np.diff(edges), align="edge", color=ACCENT, alpha=0.5)
    below.set_xlabel("probability of the answer")
    below.set_ylabel("pictures")
    for each in (axes, below):
        lighten(each)
    return figure


def risk_coverage_figure(curve: RiskCoverage, *, below: float | None = None, stated: float | None = None) -> Figure:
    """Draw how many answers are wrong when only the surest ones are given.

    Args:
        curve: of `mien.evaluation.selective.risk_coverage`.
        below: the threshold of the "unsure" verdict, marked where given.
        stated: the error rate that it was chosen for.
    """
    figure = new_figure(4.6, 3.6)
    axes = figure.subplots()
    axes.plot(100 * curve.coverage, 100 * curve.risk, color=ACCENT, linewidth=1.8)
    if below is not None:
        kept = int((curve.thresholds >= below).sum()) - 1
        if kept >= 0:
            x, y = 100 * curve.coverage[kept], 100 * curve.risk[kept]
            axes.plot([x], [y], marker="o", color=WARNING)
            axes.annotate(
                f"answers of {below:.0%} and more:\n{x:.0f}% of pictures, {y:.1f}% wrong",
                (x, y),
                xytext=(0.04, 0.96),
                textcoords="axes fraction",
                va="top",
                fontsize=8,
                arrowprops={"arrowstyle": "-", "color": FAINT},
                color=INK,
            )
    if stated is not None:
        axes.axhline(100 * stated, color=WARNING, linewidth=1, linestyle="--")
        axes.annotate(
            f"stated: {stated:.0%}",
            (0, 100 * stated),
            xytext=(4, -3),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=WARNING,
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("pictures that get an answer, the surest first (%)")
    axes.set_ylabel("wrong answers among them (%)")
    lighten(axes)
    return figure


def robustness_figure(rows: Sequence[RobustnessRow]) -> Figure:
    """Draw the accuracy by strength, one small plot for each way of making pictures worse.

    Args:
        rows: of `mien.evaluation.robustness`, the first one for the pictures as they are.
    """
    clean, *worse = rows
    kinds = list(dict.fromkeys(row.kind for row in worse))
    columns = 3
    lines = -(-len(kinds) // columns)
    figure = new_figure(8.6, 0.5 + 2.05 * lines)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(kinds) :]:
        axes.set_visible(False)
    for axes, kind in zip(grid.flat, kinds, strict=False):
        chosen = [clean, *(row for row in worse if row.kind == kind)]
        levels = [row.level for row in chosen]
        axes.axhline(100 * clean.accuracy, color=FAINT, linewidth=1, linestyle="--")
        lows, highs = ([100 * getattr(row, name) for row in chosen] for name in ("low", "high"))
        axes.fill_between(levels, lows, highs, color=ACCENT, alpha=0.18, linewidth=0)
        axes.plot(levels, [100 * row.accuracy for row in chosen], color=ACCENT, marker="o", markersize=3.5)
        axes.set_title(kind, fontsize=9, loc="left")
        lighten(axes)
    grid[0, 0].set_ylim(0, 100)
    figure.supxlabel("strength (0: as they are)", fontsize=9)
    figure.supylabel("right answers (%)", fontsize=9)
    return figure


def svg_url(figure: Figure) -> str:
    """Return a figure as text that stands in a page itself; the same figure gives the same text."""
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "mien", "svg.fonttype": "path"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return data_url(content.getvalue(), "image/svg+xml")


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure, as PNG or what the name ends in; the same figure gives the same bytes.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, metadata={"Software": None} if path.suffix == ".png" else None)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure of this size in inches, which needs no screen."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def lighten(axes: Axes) -> None:
    """Take away the frame above and to the right, and draw a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)

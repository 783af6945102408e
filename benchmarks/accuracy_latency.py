"""Draws how often mien's models and the package `fer` are right against what a face costs.

    python benchmarks/accuracy_latency.py

Out of results/peers.csv, which `compare_peers.py` writes; makes docs/accuracy_latency.png.
"""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mien.evaluation.plots import ACCENT, INK, WARNING, save_figure
from tables import ROOT, machine, read

PICTURE = ROOT / "docs" / "accuracy_latency.png"


def main() -> None:
    """Draw."""
    rows = read("peers")
    figure = Figure(figsize=(7, 4.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for row in rows:
        milliseconds = float(row["cpu_ms_per_face"])
        value, low, high = (100 * float(row[f"accuracy{end}"]) for end in ("", "_low", "_high"))
        colour = ACCENT if row["peer"].startswith("mien") else WARNING
        axes.errorbar(milliseconds, value, yerr=[[value - low], [high - value]], fmt="o", color=colour, capsize=3)
        axes.annotate(
            row["peer"], (milliseconds, value), xytext=(7, 5), textcoords="offset points", fontsize=9, color=INK
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(f"milliseconds a face, one thread of a {machine(rows[0])}")
    axes.set_ylabel("accuracy in per cent, with its 95 % interval")
    first = rows[0]
    axes.set_title(
        f"{first['data']}, {first['split']}, {first['n']} faces: upper left is better", fontsize=10, loc="left"
    )
    axes.margins(x=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    save_figure(figure, PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()

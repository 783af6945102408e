"""The curves of a run as a picture."""

import textwrap

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mien.evaluation.plots import lighten, new_figure
from mien.training.curves import Curves

TRAIN, VALIDATION, MARK = "#7a869a", "#0b6e99", "#c0392b"


def curves_figure(curves: Curves, *, title: str) -> Figure:
    """Draw loss and score by epoch, on training and validation, and mark where overfitting began.

    Training pictures are augmented and seen with dropout, validation pictures are not: the training curve of a
    network that does not overfit lies below.

    Args:
        curves: of one run.
        title: name of the run.
    """
    panels = ["loss", *curves.heads]
    figure = new_figure(4.4 * len(panels), 4.2)
    figure.suptitle(title, fontweight="bold")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for split, color in (("train", TRAIN), ("validation", VALIDATION)):
            values = curves.values[f"{split}/{panel}"]
            marker = "o" if len(values) < 3 else None
            axes.plot(curves.epochs, values, color=color, label=split, marker=marker)
        if curves.turning_point is not None:
            label = "overfitting begins" if curves.overfits else "lowest validation loss"
            axes.axvline(curves.turning_point, color=MARK, linestyle=":", label=label)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title("loss" if panel == "loss" else f"score of {panel}")
        lighten(axes)
    figure.axes[0].legend(frameon=False)
    figure.supxlabel("\n".join(textwrap.wrap(curves.in_words(), 48 * len(panels))), fontsize=9)
    return figure

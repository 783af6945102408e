import numpy as np
from PIL import Image

from mien.evaluation.calibration import reliability
from mien.evaluation.plots import confusion_figure, reliability_figure, save_figure


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def test_a_confusion_matrix_is_drawn_the_same_each_time(tmp_path):
    counts = np.array([[30, 3, 0], [5, 10, 1], [0, 0, 0]])
    for name in ("a.png", "b.png"):
        save_figure(confusion_figure(counts, ("anger", "fear", "disgust"), title="m"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    shown = pixels(tmp_path / "a.png")
    assert shown.shape > (300, 300)
    assert shown.min() < 100
    assert shown.max() == 255
    save_figure(confusion_figure(counts.T, ("anger", "fear", "disgust"), title="m"), tmp_path / "c.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_a_reliability_diagram_shows_the_bins_that_hold_pictures(tmp_path):
    draw = np.random.default_rng(0)
    scores = draw.dirichlet([1, 1, 1], 500)
    bins = reliability(scores, draw.integers(0, 3, 500))
    figure = reliability_figure({"before": bins, "after": bins})
    drawn = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in drawn] == [int((bins.counts >= 10).sum())] * 2
    save_figure(figure, tmp_path / "r.png")
    assert pixels(tmp_path / "r.png").min() < 150

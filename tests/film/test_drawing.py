import numpy as np
import pytest

from mien.draw import COLORS
from mien.film.drawing import draw_frame
from mien.results import Box, Emotions, Face
from mien.video_results import FrameResult, TrackedFace


def result(*boxes, size=(400, 300)):
    emotions = Emotions(("anger", "neutral"), (0.8, 0.2))
    faces = tuple(
        TrackedFace(Face(box, 1.0), emotions, track_id=number, smoothed=emotions, label="anger")
        for number, box in enumerate(boxes, 1)
    )
    return FrameResult(0, 0.0, faces, *size, "m")


@pytest.mark.parametrize(
    "box", [Box(100, 100, 180, 200), Box(300, 20, 390, 120), Box(-20, -20, 500, 400), Box(10, 290, 60, 340)]
)
def test_box_and_panel_lie_within_the_frame(box):
    pixels = np.full((300, 400, 3), 128, np.uint8)
    drawn = draw_frame(pixels, result(box))
    assert drawn.shape == pixels.shape
    assert (pixels == 128).all()  # the frame itself is left alone
    reddish = np.abs(drawn.astype(int) - COLORS["anger"]).sum(axis=2) < 60
    assert reddish.sum() > 300


def test_nothing_to_draw():
    pixels = np.full((300, 400, 3), 128, np.uint8)
    assert (draw_frame(pixels, result()) == pixels).all()


def test_a_pixel_more_does_not_move_the_panel():
    pixels = np.full((300, 400, 3), 128, np.uint8)
    columns = []
    for x in range(100, 104):
        drawn = draw_frame(pixels, result(Box(x, 100, x + 80, 200)))
        columns.append(np.flatnonzero((drawn != 128).any(axis=(0, 2))).max())
    assert np.diff(columns).tolist() == [1, 1, 1]


def test_a_crowd_gets_labels_only():
    pixels = np.full((300, 400, 3), 128, np.uint8)
    boxes = [Box(20 + 90 * number, 100, 80 + 90 * number, 200) for number in range(4)]
    crowd, three = (draw_frame(pixels, result(*boxes[:count])) for count in (4, 3))
    inside = (slice(104, 196), slice(114, 166))  # the second face: no panel of the first one hides it
    assert (crowd[inside] == 128).all()
    assert (three[inside] != 128).any()

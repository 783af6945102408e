from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mien.errors import DataError
from mien.evaluation import robustness
from mien.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from mien.evaluation.robustness import SPREADS, draw_some, measure_crops, measure_robustness
from mien.inference.crops import crop_faces, whole_face
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.model_card import FER2013_CROP
from mien.results import Box, Face


@pytest.fixture(scope="module")
def session():
    return Session(emotion_model("mien-compact"))


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_strength_changes_more(corruption, channels, astronaut_pixels):
    face = astronaut_pixels[60:204, 150:294][::3, ::3].transpose(2, 0, 1)[:channels]
    crops = np.repeat(face[None], 8, axis=0)
    differences = []
    for strength in range(STRENGTHS):
        changed = corrupt(crops, corruption, strength)
        assert changed.shape == crops.shape
        assert changed.dtype == np.uint8
        assert (changed == corrupt(crops, corruption, strength)).all()
        differences.append(np.abs(changed.astype(int) - crops).mean())
    assert differences[0] > 0
    assert (np.diff(differences) > 0).all()


def test_the_pictures_as_they_are_come_first(session, drawn_samples):
    done = []
    rows = measure_robustness(session, drawn_samples, head="fer7", on_step=done.append)
    assert (rows[0].kind, rows[0].level, rows[0].n) == ("as they are", 0, 64)
    assert len(rows) == 1 + STRENGTHS * len(CORRUPTIONS)
    assert sum(done) == 64 * len(rows)
    assert all(row.low <= row.accuracy <= row.high for row in rows)


def change(name):
    """One way of making pictures worse, and what it makes of some crops at its third strength."""
    (kind,) = (each for each in CORRUPTIONS if each.name == name)
    return kind.strengths[2], lambda crops: corrupt(crops, kind, 2).astype(float)[:, 0]


def test_strengths_mean_what_their_units_say():
    dot = np.zeros((200, 1, 48, 48), np.uint8)
    dot[:, :, 22:26, 22:26] = 255
    gray = np.full((200, 1, 48, 48), 120, np.uint8)
    places = np.arange(48)

    def middles(crops):
        return np.stack([crops.sum(axis=axis) @ places for axis in (1, 2)], axis=1) / crops.sum(axis=(1, 2))[:, None]

    share, shifted = change("shifted")
    moved = middles(shifted(dot)) - 23.5
    assert np.hypot(*moved.T) == pytest.approx(np.full(200, share * 48), abs=0.1)
    assert moved.std(axis=0) == pytest.approx(np.full(2, share * 48 / np.sqrt(2)), rel=0.2)  # in every direction
    sigma, blurred = change("blur")
    (soft,) = blurred(dot[:1])
    spread = soft.sum(axis=0) @ (places - 23.5) ** 2 / soft.sum()
    assert spread == pytest.approx((sigma * 48) ** 2 + 15 / 12, rel=0.1)  # and that of four pixels
    deviation, noisy = change("noise")
    assert noisy(gray).std() == pytest.approx(deviation, rel=0.02)
    left, dark = change("dark")
    assert (dark(gray) == left * 120).all()
    side, occluded = change("occluded")
    hidden = np.indices((48, 48)).sum(axis=0).astype(np.uint8)[None, None].repeat(200, axis=0) * 2
    changed = occluded(hidden) != hidden[:, 0]
    assert changed.any(axis=1).sum(axis=1).max() == changed.any(axis=2).sum(axis=1).max() == round(side * 48)
    degrees, rotated = change("rotated")
    bar = np.zeros((200, 1, 48, 48), np.uint8)
    bar[:, :, 23:25] = 255
    turned = rotated(bar)
    heights = [turned[:, :, column] @ places / turned[:, :, column].sum(axis=1) for column in (8, 40)]
    angles = np.degrees(np.arctan2(heights[1] - heights[0], 32))
    assert np.abs(angles) == pytest.approx(np.full(200, degrees), abs=1)
    assert abs(np.sign(angles).mean()) < 0.3


class Sloppy:
    """Finds the whole picture, in half of the cases moved to the right by a tenth of its side, or as much larger."""

    name = "sloppy"

    def __init__(self, larger=0.0):
        self.calls = 0
        self.larger = larger

    def find_faces(self, picture, *, smallest=0):
        self.calls += 1
        edge, side = 48, 192
        box = whole_face(np.zeros((side, side, 3), np.uint8), FER2013_CROP).box
        by = edge + (0.1 * side if self.calls % 2 else 0)
        more = box.width / 2 * (np.exp(self.larger) - 1) if self.calls % 2 else 0
        return [Face(Box(box.x1 + by - more, box.y1 + edge - more, box.x2 + by + more, box.y2 + edge + more), 1.0)]


class Blind:
    name = "blind"

    def find_faces(self, picture, *, smallest=0):
        return []


def test_the_error_of_a_detector_is_measured_and_applied(session, drawn_samples):
    error, rows = measure_crops(session, drawn_samples, Sloppy(), head="fer7")
    assert (error.found, error.n) == (1, 64)
    assert error.shift == pytest.approx((0.05, 0), abs=1e-6)
    assert error.scale == pytest.approx(0, abs=1e-6)
    assert [row.level for row in rows] == [1, 2, 3, 4, 5]
    with pytest.raises(DataError, match="detector blind needs 20 faces that it finds, and it finds 0 in 64"):
        measure_crops(session, drawn_samples, Blind(), head="fer7")


def test_a_detector_whose_boxes_are_now_larger_now_not(session, drawn_samples):
    error, _ = measure_crops(session, drawn_samples, Sloppy(larger=0.2), head="fer7")
    assert error.scale == pytest.approx(0.1, abs=1e-6)


def test_boxes_are_moved_by_multiples_of_the_error(session, drawn_samples, monkeypatch):
    boxes = []

    def cut(picture, faces, spec):
        if len(picture) == 48:
            boxes.append(faces[0].box)
        return crop_faces(picture, faces, spec)

    monkeypatch.setattr(robustness, "crop_faces", cut)
    measure_crops(session, drawn_samples, Sloppy(larger=0.2), head="fer7")
    moved = np.array([[box.x1 + box.x2, box.y1 + box.y2, box.width] for box in boxes]).reshape(len(SPREADS), 64, 3)
    for times, each in zip(SPREADS, moved, strict=True):
        across, down, width = each.T
        assert (across / 2 / 48).std() == pytest.approx(times * 0.05 * np.exp(-0.2), rel=0.3)
        assert down == pytest.approx(np.full(64, down[0]), abs=1)  # the box is not quite in the middle of its crop
        assert np.log(width).std() == pytest.approx(times * 0.1, rel=0.3)


def test_some_are_drawn_in_order(drawn_samples):
    some = draw_some(drawn_samples, 10)
    assert len(some) == 10
    assert some.ids.tolist() == sorted(some.ids.tolist())
    assert draw_some(drawn_samples, 10).ids.tolist() == some.ids.tolist()
    assert draw_some(drawn_samples, 100) is drawn_samples


def test_jpeg_of_colours_is_that_of_everybody_else(astronaut_pixels):
    face = np.ascontiguousarray(astronaut_pixels[60:204, 150:294][::3, ::3])
    (jpeg,) = (each for each in CORRUPTIONS if each.name == "JPEG")
    for strength, quality in enumerate(jpeg.strengths):
        content = BytesIO()
        Image.fromarray(face).save(content, "JPEG", quality=int(quality))
        expected = np.asarray(Image.open(content)).astype(int)
        (found,) = corrupt(face.transpose(2, 0, 1)[None], jpeg, strength)
        # Libraries round differently; colours in the wrong order are off by several gray levels.
        assert np.abs(found.transpose(1, 2, 0) - expected).mean() < 1

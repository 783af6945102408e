from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mien.errors import DataError
from mien.evaluation.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from mien.evaluation.robustness import draw_some, measure_crops, measure_robustness
from mien.inference.crops import whole_face
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


class Sloppy:
    """Finds the whole picture, moved to the right by a tenth of its side in half of the cases."""

    name = "sloppy"

    def __init__(self):
        self.calls = 0

    def find_faces(self, picture, *, smallest=0):
        self.calls += 1
        edge, side = 48, 192
        face = whole_face(np.zeros((side, side, 3), np.uint8), FER2013_CROP)
        by = edge + (0.1 * side if self.calls % 2 else 0)
        return [Face(Box(face.box.x1 + by, face.box.y1 + edge, face.box.x2 + by, face.box.y2 + edge), 1.0)]


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
    with pytest.raises(DataError, match="detector blind finds 0 faces in 64 of these pictures"):
        measure_crops(session, drawn_samples, Blind(), head="fer7")


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

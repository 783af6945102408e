"""What the gate of a model takes for no face gets no emotion."""

import numpy as np
import pytest

import mien
from mien.inference import analyzer as module
from mien.inference.crops import crop_faces, whole_face
from mien.inference.detectors import EagerHaar, Haar
from mien.inference.gating import Gated
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.inference.video.analyzer import VideoAnalyzer
from mien.inference.weights import emotion_model
from mien.labels import FER7
from mien.model_card import FER2013_CROP, Head, ModelCard
from mien.results import Box, Face

GATE = Head("face", "gate", ("face",), thresholds=(0.6,))


class BrightIsFace:
    """A network for which a crop is the likelier a face the brighter it is; it sees happiness in everything."""

    card = ModelCard("bright", (Head("fer7", "single", FER7.labels), GATE), FER2013_CROP, "", "", "")

    def __init__(self, *args, **options):
        self.asked = []

    def logits(self, crops, heads):
        self.asked.append((len(crops), tuple(heads)))
        happiness = np.tile(np.eye(7, dtype=np.float32)[FER7.index("happiness")], (len(crops), 1))
        brightness = crops.reshape(len(crops), -1).mean(axis=1) if len(crops) else np.empty(0)
        face = ((brightness - 128) / 20).astype(np.float32)[:, None]
        return [{"fer7": happiness, "face": face}[name] for name in heads]


class Boxes:
    name = "boxes"

    def __init__(self, *boxes):
        self.faces = [Face(Box(*box), score) for *box, score in boxes]

    def find_faces(self, picture, *, smallest=0):
        return [face for face in self.faces if face.box.width >= smallest]


@pytest.fixture
def picture():
    """Dark, with a bright square and a brighter one within it."""
    pixels = np.full((200, 300, 3), 40, np.uint8)
    pixels[20:100, 20:100] = 180
    pixels[40:80, 40:80] = 220
    return pixels


def test_dark_candidates_are_taken_out(picture):
    bright, dark = (22.0, 22.0, 38.0, 38.0, 0.5), (200.0, 100.0, 260.0, 160.0, 0.9)
    found = Gated(Boxes(dark, bright), BrightIsFace(), GATE).find_faces(picture)
    assert [(face.box.x1, face.score) for face in found] == [(22.0, 0.5)]


def test_smaller_faces_than_wanted_are_not_looked_for(picture):
    small, large = (42.0, 42.0, 78.0, 78.0, 0.9), (120.0, 20.0, 190.0, 90.0, 0.5)
    picture[20:90, 120:190] = 200
    gated = Gated(Boxes(small, large), BrightIsFace(), GATE)
    assert len(gated.find_faces(picture)) == 2
    assert [face.box.x1 for face in gated.find_faces(picture, smallest=50)] == [120.0]


def test_of_a_window_within_a_face_the_likelier_one_stays(picture):
    outer, inner = (22.0, 22.0, 98.0, 98.0, 0.9), (42.0, 42.0, 78.0, 78.0, 0.5)
    for order in ((outer, inner), (inner, outer)):
        (face,) = Gated(Boxes(*order), BrightIsFace(), GATE).find_faces(picture)
        assert face.box.x1 == 42.0


def test_the_threshold_of_the_gate_decides_and_a_half_where_it_has_none(picture):
    picture[:] = 133  # a probability of 0.56
    boxes = Boxes((20.0, 20.0, 80.0, 80.0, 0.9))
    assert Gated(boxes, BrightIsFace(), GATE).find_faces(picture) == []
    assert len(Gated(boxes, BrightIsFace(), Head("face", "gate", ("face",))).find_faces(picture)) == 1


@pytest.mark.parametrize(("apart", "stay"), [(44.0, 2), (40.0, 1)])
def test_candidates_that_share_up_to_three_tenths_are_two_faces(picture, apart, stay):
    picture[:] = 200
    two = (20.0, 20.0, 80.0, 80.0, 0.9), (20.0 + apart, 20.0, 80.0 + apart, 80.0, 0.8)
    assert len(Gated(Boxes(*two), BrightIsFace(), GATE).find_faces(picture)) == stay


def test_without_a_candidate_the_network_is_not_asked(picture):
    session = BrightIsFace()
    assert Gated(Boxes(), session, GATE).find_faces(picture) == []
    assert session.asked == []


@pytest.mark.parametrize("name", ["mien-base", "mien-small", "mien-nano"])
def test_shipped_gates_take_faces_that_are_framed_a_tenth_of_their_side_off(name, public_test):
    session = Session(emotion_model(name))
    gate = session.card.head("face")
    framed = []
    for crop in public_test.crops[public_test.fer7 >= 0][:200]:
        gray = np.repeat(crop[0, :, :, None], 3, axis=2)
        box = whole_face(gray, session.card.crop).box
        off = box.width / 10
        moved = [Box(box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y) for x, y in ((off, off), (-off, off), (0, -off))]
        framed.append(crop_faces(gray, [Face(each, 1.0) for each in moved], session.card.crop))
    taken = score_crops(session, np.concatenate(framed), gate)[:, 0] >= gate.thresholds[0]
    assert taken.mean() > 0.9


class TestAnalyzer:
    @pytest.fixture
    def analyzer(self, monkeypatch, own_home):
        monkeypatch.setattr(module, "Session", BrightIsFace)
        return mien.Analyzer(detector="whole")

    def test_faces_come_with_their_probability_in_the_same_pass(self, analyzer):
        (bright,), (dark,) = analyzer.analyze_many([np.full((48, 48, 3), value, np.uint8) for value in (200, 60)])
        assert bright.face_probability > 0.95
        assert dark.face_probability < 0.05  # a picture that is said to be a crop is not gated
        assert bright.emotions.top == "happiness"
        assert analyzer._session.asked == [(2, ("fer7", "face"))]

    def test_films_have_it_too_and_a_replay_repeats_it(self, analyzer):
        frame = (np.full((48, 48, 3), 150, np.uint8), 0.0)
        ((face,),) = ((found,) for result in VideoAnalyzer(analyzer).step([frame]) for found in result)
        assert face.face_probability == pytest.approx(0.75, abs=0.01)
        (result,) = VideoAnalyzer(analyzer).step([frame])
        assert VideoAnalyzer(analyzer).replay(result).faces[0].face_probability == face.face_probability

    def test_the_cascade_is_eager_where_there_is_a_gate(self, monkeypatch, own_home):
        plain = mien.Analyzer(detector="haar", model="mien-compact").detector
        assert type(plain) is Haar
        monkeypatch.setattr(module, "Session", BrightIsFace)
        gated = mien.Analyzer(detector="haar").detector
        assert isinstance(gated, Gated)
        assert isinstance(gated._detector, EagerHaar)
        assert gated.name == "haar"

    def test_a_detector_made_of_the_cascade_is_the_callers_own(self, monkeypatch, own_home):
        class Largest(Haar):
            name = "largest"

        monkeypatch.setattr(module, "Session", BrightIsFace)
        own = Largest()
        assert mien.Analyzer(detector=own).detector is own

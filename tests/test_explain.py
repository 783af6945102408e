import tracemalloc

import numpy as np
import pytest

from mien.errors import UsageError
from mien.explain import (
    Explanation,
    draw_explanations,
    explain_picture,
    label_of,
    occlusion_maps,
    region_shares,
    rise_maps,
    shown_crop,
)
from mien.inference.analyzer import Analyzer
from mien.inference.crops import whole_face
from mien.model_card import FER2013_CROP
from mien.results import Box, Emotions, Face, FaceResult, ImageResult


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer(detector="haar")


def looks_at(rows, columns):
    """A model whose first label is as probable as one part of the crop is bright."""

    def score(crops):
        seen = crops[:, 0, rows, columns].mean(axis=(1, 2)) / 255
        return np.stack([seen, 1 - seen], axis=1)

    return score


PLACE = (slice(30, 38), slice(8, 18))


@pytest.mark.parametrize("method", [occlusion_maps, rise_maps])
def test_the_map_is_where_the_model_looks(method):
    crops = np.full((3, 1, 48, 48), 20, np.uint8)
    crops[:, :, *PLACE] = 250
    maps = method(looks_at(*PLACE), crops, np.array([0, 1, 0]))
    assert maps.shape == (3, 48, 48)
    assert np.abs(maps[0] - maps[2]).max() < 1e-6
    assert np.abs(maps[0] + maps[1]).max() < 1e-5  # what speaks for one of two labels speaks against the other
    inside = np.zeros((48, 48), bool)
    inside[PLACE] = True
    far = np.ones((48, 48), bool)
    far[20:48, 0:30] = False
    assert maps[0][inside].mean() > 5 * np.abs(maps[0][far]).mean()
    row, column = np.unravel_index(maps[0].argmax(), maps[0].shape)
    assert 26 <= row < 42
    assert 4 <= column < 22


def test_occlusion_is_in_units_of_probability():
    crops = np.zeros((1, 1, 48, 48), np.uint8)
    crops[:, :, 20:22, 20:22] = 240
    (heat,) = occlusion_maps(looks_at(slice(20, 22), slice(20, 22)), crops, np.array([0]))
    # Every square over this spot replaces it by the crop's mean, 0.4 gray levels, rounded to 0.
    assert heat[20, 20] == pytest.approx(240 / 255, abs=0.01)
    assert heat[0, 0] == 0


def test_many_crops_share_the_passes():
    calls = []

    def score(crops):
        calls.append(len(crops))
        return np.full((len(crops), 2), 0.5)

    occlusion_maps(score, np.zeros((30, 1, 48, 48), np.uint8), np.zeros(30, int))
    assert len(calls) <= 5
    assert max(calls) <= 2100


@pytest.mark.parametrize("method", [occlusion_maps, rise_maps])
def test_large_crops_take_no_more_memory(method):
    sizes = []

    def score(crops):
        sizes.append(crops.size)
        return np.full((len(crops), 2), 0.5)

    method(score, np.zeros((1, 3, 112, 112), np.uint8), np.zeros(1, int))
    assert max(sizes) <= 2048 * 48 * 48


def test_no_crops_give_no_maps():
    assert rise_maps(looks_at(*PLACE), np.zeros((0, 1, 48, 48), np.uint8), np.zeros(0, int)).shape == (0, 48, 48)


def test_a_smile_is_carried_by_the_mouth(analyzer, astronaut):
    result, (found,) = explain_picture(analyzer, astronaut, method="rise")
    assert found.label == "happiness"
    shares = region_shares(found.map, FER2013_CROP)
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) == "mouth"
    assert found.map.sum() > 0
    against = explain_picture(analyzer, astronaut, label="sadness")[1][0]
    assert against.label == "sadness"
    picture = analyzer.read(astronaut)
    drawn = np.asarray(draw_explanations(picture, result, [found], FER2013_CROP)).astype(int)
    box = found.face.box
    low = slice(int(box.y1 + 0.65 * box.height), int(box.y1 + 0.85 * box.height))
    middle = slice(int(box.x1 + 0.3 * box.width), int(box.x1 + 0.7 * box.width))
    redder = (drawn[..., 0] - drawn[..., 2])[low, middle].mean() - (picture[..., 0].astype(int) - picture[..., 2])[
        low, middle
    ].mean()
    assert redder > 20
    assert (drawn[:50, :50] == picture[:50, :50]).all()


def test_a_picture_without_a_face_has_no_explanation(analyzer):
    result, found = explain_picture(analyzer, np.zeros((60, 60, 3), np.uint8))
    assert (len(result), found) == (0, [])
    assert explain_picture(analyzer, np.zeros((60, 60, 3), np.uint8), method=lambda crops, codes: 1 / 0)[1] == []


def test_wrong_questions(analyzer, astronaut):
    with pytest.raises(UsageError, match="unknown method 'lime': it is one of rise, occlusion"):
        explain_picture(analyzer, astronaut, method="lime")
    for word in ("joke", "contempt"):  # the second is a label of other heads
        with pytest.raises(UsageError, match=f"unknown label of head fer7 '{word}'"):
            explain_picture(analyzer, astronaut, label=word)


def test_labels_are_known_as_datasets_spell_them(analyzer):
    assert [label_of(analyzer.head, word) for word in ("happiness", "happy", "Happy")] == ["happiness"] * 3


def test_a_crop_is_shown_with_and_without_its_map():
    crop = np.full((1, 48, 48), 100, np.uint8)
    assert (shown_crop(crop) == 100).all()
    heat = np.zeros((48, 48), np.float32)
    heat[0, 0], heat[1, 1] = 1, -1
    shown = shown_crop(crop, heat)
    assert shown[0, 0, 0] > shown[0, 0, 2]
    assert shown[1, 1, 2] > shown[1, 1, 0]
    assert (shown[5, 5] == 100).all()


def test_a_map_lies_where_its_crop_was_taken():
    picture = np.full((480, 480, 3), 90, np.uint8)
    heat = np.zeros((48, 48), np.float32)
    heat[23:25, 23:25] = 1  # the middle
    explanation = Explanation(whole_face(picture, FER2013_CROP), "anger", np.zeros((1, 48, 48), np.uint8), heat)
    image = draw_explanations(picture, ImageResult((), 480, 480, "m"), [explanation], FER2013_CROP)
    drawn = np.asarray(image).astype(int)
    assert (drawn != 90).any()
    assert np.abs(drawn - drawn[:, ::-1]).max() <= 2
    assert np.abs(drawn - drawn[::-1]).max() <= 2


def test_maps_are_drawn_on_a_picture_that_is_too_long_for_opencv():
    short = np.full((80, 200, 3), 90, np.uint8)
    long = np.full((80, 40_000, 3), 90, np.uint8)
    heat = np.random.default_rng(0).normal(size=(48, 48)).astype(np.float32)
    crop = np.zeros((1, 48, 48), np.uint8)
    drawn = []
    for picture, left in ((short, 100), (long, 39_900)):
        face = Face(Box(left, 10, left + 60, 70), 1.0)
        result = ImageResult((), picture.shape[1], 80, "m")
        image = draw_explanations(picture, result, [Explanation(face, "anger", crop, heat)], FER2013_CROP)
        drawn.append(np.asarray(image))
    assert (drawn[0] == drawn[1][:, -200:]).all()
    assert (drawn[0] != 90).any()
    assert (drawn[1][:, :39_800] == 90).all()


def test_drawing_takes_no_more_memory_than_some_copies_of_the_picture():
    picture = np.zeros((3000, 4000, 3), np.uint8)
    face = Face(Box(1000, 1000, 1100, 1100), 1.0)
    found = FaceResult(face, Emotions(("anger", "neutral"), (0.9, 0.1)))
    result = ImageResult((found,), 4000, 3000, "m")
    explanation = Explanation(face, "anger", np.zeros((1, 48, 48), np.uint8), np.ones((48, 48), np.float32))
    tracemalloc.start()
    try:
        draw_explanations(picture, result, [explanation], FER2013_CROP)
        assert tracemalloc.get_traced_memory()[1] < 4 * picture.nbytes
    finally:
        tracemalloc.stop()

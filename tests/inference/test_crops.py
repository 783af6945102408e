import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import UsageError
from mien.inference.crops import crop_faces, crop_transform, crop_whole
from mien.model_card import FER2013_CROP, CropSpec
from mien.results import Box, Face

TARGETS = np.array(FER2013_CROP.landmarks)
RGB_CROP = CropSpec(48, "rgb", FER2013_CROP.landmarks, FER2013_CROP.box)


def apply(transform, points):
    return points @ transform[:, :2].T + transform[:, 2]


def landmarks_at(center, side, degrees):
    turn = math.radians(degrees)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return ((TARGETS - 0.5) * side @ rotation.T + center).astype(np.float32)


@given(st.floats(20, 400), st.floats(20, 400), st.floats(10, 300), st.floats(-179, 179))
def test_landmarks_are_put_where_the_card_says_whatever_the_turn(x, y, side, degrees):
    face = Face(Box(0, 0, 1, 1), 1.0, landmarks_at((x, y), side, degrees))
    assert apply(crop_transform(face, FER2013_CROP), face.landmarks) == pytest.approx(TARGETS, abs=1e-3)


def test_a_box_is_put_where_the_card_says():
    transform = crop_transform(Face(Box(100, 50, 200, 150), 1.0), FER2013_CROP)
    left, top, side = FER2013_CROP.box
    corners = apply(transform, np.array([[100, 50], [200, 150]]))
    assert corners == pytest.approx(np.array([[left, top], [left + side, top + side]]))


@pytest.mark.parametrize("box", [Box(100, 50, 200, 110), Box(100, 50, 160, 150)])
def test_of_a_box_that_is_no_square_the_longer_side_counts_and_its_middle_is_kept(box):
    left, top, side = FER2013_CROP.box
    middle = np.array([[(box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2]])
    transform = crop_transform(Face(box, 1.0), FER2013_CROP)
    assert apply(transform, middle) == pytest.approx(np.array([[left + side / 2, top + side / 2]]))
    assert apply(transform, middle + 50) - apply(transform, middle - 50) == pytest.approx(np.full((1, 2), side))


def test_a_gray_picture_of_the_models_size_stays_as_it_is():
    gray = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    picture = np.repeat(gray[..., None], 3, axis=2)
    assert (crop_whole(picture, FER2013_CROP)[0, 0] == gray).all()
    assert (crop_whole(picture, RGB_CROP)[0] == gray).all()


def test_whole_takes_the_central_square():
    picture = np.zeros((48, 148, 3), np.uint8)
    picture[:, 50:98] = np.arange(48, dtype=np.uint8)[None, :, None]
    assert (crop_whole(picture, FER2013_CROP)[0, 0] == np.arange(48)).all()
    assert (np.arange(48) == crop_whole(picture.transpose(1, 0, 2), FER2013_CROP)[0, 0].T).all()


@pytest.mark.parametrize("factor", [2, 3, 5, 11])
def test_large_faces_are_averaged_not_skipped_through(factor):
    small = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    large = np.kron(small, np.ones((factor, factor, 1), np.uint8))
    assert np.abs(crop_whole(large, RGB_CROP)[0].transpose(1, 2, 0).astype(int) - small).max() <= 1
    checkered = np.indices((48 * factor * 2, 48 * factor * 2)).sum(axis=0) % 2 * 255
    crop = crop_whole(np.repeat(checkered[..., None], 3, axis=2).astype(np.uint8), FER2013_CROP)
    assert np.abs(crop.astype(int) - 127).max() <= 2


def test_colour_is_luma_in_rgb_order():
    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = 255
    assert crop_whole(red, FER2013_CROP)[0, 0, 0, 0] == 76  # 0.299 * 255
    assert crop_whole(red, RGB_CROP)[0, :, 0, 0].tolist() == [255, 0, 0]


def test_a_face_beyond_the_edge_repeats_the_edge():
    picture = np.full((50, 50, 3), 90, np.uint8)
    crop = crop_faces(picture, [Face(Box(-30, -30, 20, 20), 1.0)], FER2013_CROP)
    assert (crop == 90).all()


def test_shapes_and_no_face():
    picture = np.zeros((50, 50, 3), np.uint8)
    assert crop_faces(picture, [], FER2013_CROP).shape == (0, 1, 48, 48)
    assert crop_faces(picture, [Face(Box(0, 0, 20, 20), 1.0)] * 3, RGB_CROP).shape == (3, 3, 48, 48)


def test_landmarks_in_one_point_do_not_break():
    face = Face(Box(0, 0, 1, 1), 1.0, np.full((5, 2), 10, np.float32))
    assert crop_faces(np.zeros((50, 50, 3), np.uint8), [face], FER2013_CROP).shape == (1, 1, 48, 48)


def test_golden_crop_of_the_astronaut(astronaut_pixels):
    # Pins the one preprocessing function: who changes these figures changes what every trained model sees.
    landmarks = np.array([[204, 115], [247, 114], [226, 141], [209, 160], [246, 159]], np.float32)
    aligned, boxed = crop_faces(
        astronaut_pixels,
        [Face(Box(0, 0, 1, 1), 1.0, landmarks), Face(Box(175, 65, 275, 165), 1.0)],
        FER2013_CROP,
    )
    straight = cv2.cvtColor(astronaut_pixels[63:167, 173:277], cv2.COLOR_RGB2GRAY)
    plain = cv2.resize(straight, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(boxed.ravel(), plain.ravel())[0, 1] > 0.98
    assert [int(aligned.mean()), int(boxed.mean())] == GOLDEN_MEANS
    assert aligned[0, 10:40:10, 10:40:10].ravel().tolist() == GOLDEN_PIXELS


GOLDEN_MEANS = [142, 150]
GOLDEN_PIXELS = [190, 189, 164, 212, 187, 200, 202, 238, 181]


def test_a_picture_that_is_too_long_for_opencv_is_cropped_all_the_same():
    strip = np.random.default_rng(2).integers(0, 256, (120, 400, 3), dtype=np.uint8)
    long = np.zeros((120, 40_000, 3), np.uint8)
    long[:, -400:] = strip
    shift = np.array([39_600, 0])
    for face in [Face(Box(300, 20, 380, 100), 1.0), Face(Box(360, 60, 460, 160), 1.0)]:
        far = Face(Box(face.box.x1 + 39_600, face.box.y1, face.box.x2 + 39_600, face.box.y2), 1.0)
        assert (crop_faces(long, [far], RGB_CROP) == crop_faces(strip, [face], RGB_CROP)).all()
    points = landmarks_at((200, 60), 80, 25)
    turned = Face(Box(0, 0, 1, 1), 1.0, points)
    far = Face(Box(0, 0, 1, 1), 1.0, points + shift.astype(np.float32))
    difference = crop_faces(long, [far], RGB_CROP).astype(int) - crop_faces(strip, [turned], RGB_CROP)
    assert np.abs(difference).max() <= 8  # the points are float32, to 0.002 pixels so far out


def test_a_face_beside_the_picture_repeats_its_edge():
    long = np.full((50, 40_000, 3), 7, np.uint8)
    assert (crop_faces(long, [Face(Box(41_000, 0, 41_050, 50), 1.0)], RGB_CROP) == 7).all()


@pytest.mark.parametrize(
    "box", [Box(178, 62, 90, 113), Box(1, 1, 1, 9), Box(0, 0, float("nan"), 9), Box(0, 0, np.inf, 9)]
)
def test_a_box_without_an_area_is_refused_by_what_a_box_is(box):
    with pytest.raises(UsageError, match=r"has no area: a Box is \(x1, y1, x2, y2\)"):
        crop_faces(np.zeros((200, 300, 3), np.uint8), [Face(box, 1.0)], FER2013_CROP)

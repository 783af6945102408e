import numpy as np
import pytest

from mien.inference.video.shots import COMPARED_S, LIKE, Shots, likeness, outlines_of


@pytest.fixture(scope="module")
def photo(astronaut_pixels):
    return np.ascontiguousarray(astronaut_pixels[40:400, :480])


@pytest.fixture(scope="module")
def other(astronaut_pixels):
    return np.ascontiguousarray(astronaut_pixels[150:510, 30:510][::-1])


def changed(picture, gain, noise=0.0):
    drawn = np.random.default_rng(0).normal(0, noise, picture.shape[:2])[..., None]
    return np.clip(picture * float(gain) + drawn, 0, 255).astype(np.uint8)


def begins(frames):
    shots = Shots()
    return [number for number, (picture, time_s) in enumerate(frames) if shots.see(picture, time_s)]


def at_25(*pictures):
    return [(picture, number / 25) for number, picture in enumerate(pictures)]


def test_another_light_is_the_same_shot(photo):
    half = photo.copy()
    half[:180] = changed(half[:180], 3)  # a flash while the shutter runs down
    for same in (changed(photo, 0.2), changed(photo, 1.8), changed(photo, 0.3, noise=8), half):
        assert likeness(outlines_of(photo), outlines_of(same)) > LIKE + 0.1


@pytest.mark.parametrize(("down", "right"), [(0, 40), (-30, 0), (20, -30)])
def test_a_camera_that_swings_is_the_same_shot(astronaut_pixels, down, right):
    before = astronaut_pixels[60:420, 60:440]
    after = astronaut_pixels[60 + down : 420 + down, 60 + right : 440 + right]
    assert likeness(outlines_of(before), outlines_of(after)) > LIKE + 0.3


def test_another_picture_is_another_shot(photo, other):
    assert likeness(outlines_of(photo), outlines_of(other)) < LIKE - 0.1
    assert begins(at_25(photo, photo, other, other, photo)) == [2, 4]


def test_black_frames_belong_to_the_shot_before(photo, other):
    black = changed(np.zeros_like(photo), 1, noise=2)
    assert begins(at_25(photo, black, black, photo, photo)) == []
    assert begins(at_25(photo, black, black, other, black, other)) == [3]
    assert begins(at_25(black, black, photo, photo)) == []


def test_frames_far_apart_are_not_compared(photo, other):
    late_s = COMPARED_S + 0.01
    assert begins([(photo, 0.0), (other, late_s), (photo, 2 * late_s)]) == []
    assert begins([(photo, 0.0), (other, late_s), (photo, late_s + 0.04)]) == [2]
    assert begins([(photo, 3600.0), (other, 0.0)]) == []  # another clock


def test_the_size_of_a_frame_does_not_matter(photo, other):
    large, tiny = np.kron(photo, np.ones((4, 4, 1), np.uint8)), photo[::20, ::20]
    assert begins(at_25(photo, large, photo)) == []
    assert begins(at_25(tiny, tiny, other[::20, ::20])) == [2]


def test_known_shots_are_gone_on_with(photo, other):
    shots = Shots()
    assert not shots.go_on(0, 0.0, None)
    assert shots.go_on(1, 0.04, photo)
    assert not shots.see(photo, 0.08)
    assert shots.number == 1
    independent = shots.copy()
    assert shots.see(other, 0.12)
    assert (shots.number, independent.number) == (2, 1)
    assert not independent.see(photo, 0.12)
    assert not shots.go_on(2, 0.16, None)
    assert not shots.see(photo, 0.2)  # what is known without its pixels cannot be compared

from dataclasses import replace

import numpy as np

from mien.film.thumbnails import MOST_A_TRACK, MOST_TRACKS, SIDE, Thumbnails
from mien.results import Box, Emotions, Face
from mien.video_results import FrameResult, TrackedFace


def result(index, *, track=1, clear=0.5, box=Box(20, 20, 60, 60), pixels=None):
    emotions = Emotions(("anger", "neutral"), (clear, 1 - clear))
    face = TrackedFace(Face(box, 1.0), emotions, track_id=track, smoothed=emotions, label="anger")
    pixels = np.full((80, 100, 3), index % 256, np.uint8) if pixels is None else pixels
    return FrameResult(index, index / 25, (face,), 100, 80, "m", pixels=pixels)


def test_a_long_film_keeps_a_few_clear_faces_all_over_it():
    thumbnails = Thumbnails()
    rng = np.random.default_rng(0)
    clear = rng.uniform(0, 1, 25 * 600)
    for index, value in enumerate(clear):
        thumbnails.add(result(index, clear=value))
    kept = thumbnails.of(1)
    assert MOST_A_TRACK / 2 <= len(kept) <= MOST_A_TRACK
    times = [time_s for time_s, _, _ in kept]
    assert times == sorted(times)
    assert times[0] < 60
    assert times[-1] > 540
    assert min(value for _, value, _ in kept) > 0.95
    for time_s, value, picture in kept:
        assert value == clear[round(time_s * 25)]
        assert picture.shape == (SIDE, SIDE, 3)
        assert (picture == round(time_s * 25) % 256).all()


def test_many_people_do_not_grow_without_end_and_the_longest_stay():
    thumbnails = Thumbnails()
    for index in range(50):
        thumbnails.add(result(index, track=1))
    for track in range(2, 200):
        thumbnails.add(result(track, track=track))
    assert len(thumbnails._tracks) == MOST_TRACKS
    assert thumbnails.of(1)
    assert thumbnails.of(199)
    assert thumbnails.of(50) == []


def test_a_face_at_the_edge_is_not_squeezed():
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[::2] = 255
    for box in (Box(-30, 10, 10, 50), Box(80, 60, 130, 110), Box(-50, -50, -10, -10), Box(99.5, 79.5, 99.9, 79.9)):
        thumbnails = Thumbnails()
        thumbnails.add(result(0, box=box, pixels=pixels))
        ((_, _, picture),) = thumbnails.of(1)
        assert picture.shape == (SIDE, SIDE, 3)


def test_frames_without_faces():
    thumbnails = Thumbnails()
    thumbnails.add(replace(result(0), faces=()))
    assert thumbnails.of(1) == []

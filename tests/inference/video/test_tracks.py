import numpy as np
import pytest

from mien.inference.video.motion import BoxMotion
from mien.inference.video.tracks import Tracker
from mien.results import Box, Face


def face(x, y, side=50.0):
    return Face(Box(x, y, x + side, y + side), 0.9)


def follow(frames, times, *, max_gap_s=1.0):
    """The ids of the faces of each frame."""
    tracker = Tracker(max_gap_s=max_gap_s)
    ids = []
    for faces, time_s in zip(frames, times, strict=True):
        tracker.predict(time_s)
        ids.append(tracker.place(faces, tracker.match(faces)))
    return ids


def test_two_people_who_pass_each_other_keep_their_ids_in_any_order_of_faces():
    frames = []
    for step in range(40):
        pair = [face(100 + 8 * step, 100), face(420 - 8 * step, 130)]
        frames.append(pair if step % 2 else pair[::-1])
    ids = follow(frames, [step / 25 for step in range(40)])
    assert ids == [[1, 2] if step % 2 == 0 else [2, 1] for step in range(40)]


@pytest.mark.parametrize("speed", [0, 150])
def test_a_short_occlusion_keeps_the_id_and_a_long_one_does_not(speed):
    times = [step / 25 for step in range(100)]

    def ids(hidden):
        frames = [[] if hidden(time_s) else [face(100 + speed * time_s, 100)] for time_s in times]
        return {number for frame in follow(frames, times) for number in frame}

    assert ids(lambda time_s: 1 < time_s < 1.8) == {1}
    assert ids(lambda time_s: 1 < time_s < 2.5) == {1, 2}


def test_of_frames_far_apart_a_face_in_two_that_follow_each_other_is_one_track():
    frames = [[face(0, 0)], [face(5, 0)], [face(9, 0)], [], [face(9, 0)], [face(300, 0)]]
    assert follow(frames, [0, 1.01, 30, 60, 90, 120]) == [[1], [1], [1], [], [2], [3]]
    assert follow([[face(0, 0)], [face(0, 0)], [], [face(0, 0)]], [0, 0.1, 0.2, 0.3], max_gap_s=0) == [
        [1],
        [1],
        [],
        [2],
    ]


def test_a_face_is_expected_where_it_moves_whatever_gap_is_allowed():
    tracker = Tracker(max_gap_s=0)
    for number in range(40):
        tracker.predict(0.04 * number)
        expected = [track.motion.box.x1 for track in tracker.tracks]
        seen = [face(6 * number, 0)]
        assert tracker.place(seen, tracker.match(seen)) == [1]
    assert expected == pytest.approx([6 * 39], abs=1)


def test_who_stops_while_hidden_is_found_where_last_seen():
    times = [step / 25 for step in range(60)]
    places = [100 + 200 * min(time_s, 1.0) for time_s in times]
    frames = [[] if 1 < time_s < 1.7 else [face(place, 100)] for place, time_s in zip(places, times, strict=True)]
    assert {number for frame in follow(frames, times) for number in frame} == {1}


def test_a_face_far_away_is_somebody_else():
    assert follow([[face(0, 0)], [face(300, 0)]], [0, 0.04]) == [[1], [2]]


@pytest.mark.parametrize(("off", "ids"), [(25, [1]), (30, [2])])
def test_a_face_belongs_to_a_track_that_it_overlaps_by_three_tenths(off, ids):
    assert follow([[face(0, 0)], [face(off, 0)]], [0, 0.04]) == [[1], ids]  # 25 of 75 pixels are shared, 20 of 80


def moved_right(speed):
    """A tracker whose one face has moved to the right for a second, ready for the next frame."""
    tracker = Tracker(max_gap_s=1.0)
    for step in range(26):
        tracker.predict(step / 25)
        seen = [face(100 + speed * step / 25, 100)]
        tracker.place(seen, tracker.match(seen))
    tracker.predict(26 / 25)
    return tracker, 100 + speed * 26 / 25


def test_of_faces_that_overlap_alike_the_one_in_the_direction_of_movement_is_taken():
    tracker, x = moved_right(100)
    beside, ahead = face(x, 110), face(x + 10, 100)
    assert tracker.match([beside, ahead]) == [None, 1]
    assert tracker.match([ahead, beside]) == [1, None]


def test_a_face_that_turns_back_is_not_held_off():
    tracker, x = moved_right(40)
    back, beside = face(x - 12, 100), face(x - 5, 110)  # 61 and 56 % of what is expected
    assert tracker.match([beside, back]) == [None, 1]


@pytest.mark.parametrize("later_s", [30.0, 1e18])
def test_after_a_long_time_a_face_is_expected_where_it_may_still_be(later_s):
    tracker, x = moved_right(100)
    assert tracker.predict(later_s) == []
    assert x <= tracker.tracks[0].motion.box.x1 <= x + 101  # a second further, at most
    assert tracker.passed_s == pytest.approx(later_s - 1)
    assert tracker.match([face(200, 100)]) == [1]  # where it was last seen


def test_a_copy_is_independent():
    tracker, x = moved_right(100)
    copy = tracker.copy()
    assert copy.match([face(x, 100)]) == [1]
    copy.place([face(x, 100), face(0, 300)], [1, None])
    copy.predict(9.0)
    assert [track.id for track in tracker.tracks] == [1]
    assert (tracker.now_s, tracker.tracks[0].last_seen_s, tracker.tracks[0].last_box.x1) == (1.04, 1.0, 200)
    assert tracker.tracks[0].motion.box.x1 == pytest.approx(x, abs=1)
    assert tracker.place([face(500, 0)], [None]) == [2]


def test_after_it_was_hidden_a_face_has_the_speed_of_the_straight_way():
    tracker, x = moved_right(100)
    tracker.place([], [])
    tracker.predict(1.6)
    (number,) = tracker.match([face(x, 100)])
    tracker.place([face(x, 100)], [number])
    assert number == 1
    assert abs(tracker.tracks[0].motion.velocity[0]) < 25  # it has moved by 4 pixels in 0.6 s


def test_time_counts_not_frames():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.choice([0.005, 0.2], 60))
    frames = [[face(100 + 120 * time_s, 100)] for time_s in times]
    assert follow(frames, times.tolist()) == [[1]] * 60


def test_times_that_stand_still_or_run_backwards_do_no_harm():
    assert follow([[face(0, 0)]] * 5, [0.0, 0.0, 1.0, 0.5, 1.0]) == [[1]] * 5


def test_motion_does_not_depend_on_how_a_stretch_of_time_is_cut():
    whole, cut = (BoxMotion(Box(0, 0, 50, 60)) for _ in range(2))
    for motion in (whole, cut):
        motion.predict(0.1)
        motion.update(Box(10, 5, 60, 65))
    whole.predict(0.3)
    for _ in range(3):
        cut.predict(0.1)
    assert np.allclose(whole.position, cut.position)
    whole.update(Box(30, 10, 80, 70))
    cut.update(Box(30, 10, 80, 70))
    assert np.allclose(whole.velocity, cut.velocity)


def test_motion_learns_a_steady_speed():
    motion = BoxMotion(Box(0, 0, 50, 50))
    for step in range(1, 60):
        motion.predict(0.04)
        motion.update(Box(4 * step, 0, 4 * step + 50, 50))
    assert motion.velocity == pytest.approx([100, 0, 0, 0], abs=1)
    motion.predict(0.5)
    assert motion.box.x1 == pytest.approx(4 * 59 + 50, abs=2)


def test_another_clock_ends_all_tracks():
    frames = [[face(0, 0)], [face(0, 0)], [face(0, 0)], [], [face(0, 0)]]
    assert follow(frames, [100.0, 100.04, 0.0, 0.04, 1.2]) == [[1], [1], [2], [], [3]]
    tracker = Tracker(max_gap_s=1)
    tracker.predict(100.0)
    tracker.place([face(0, 0)], [None])
    assert [track.id for track in tracker.predict(3.0)] == [1]
    assert tracker.tracks == []


def test_a_box_that_trembles_is_not_taken_for_another_ones_direction():
    # Two people pass each other, and while they overlap one of them hides the other.
    frames = []
    for step in range(20):
        nearer, other = face(100 + 2 * step - 3 * (step == 19), 100), face(180 - 2 * step, 100)
        frames.append([nearer, other] if step < 14 else [nearer])
    ids = follow(frames, [step / 60 for step in range(20)])
    assert ids == [[1, 2]] * 14 + [[1]] * 6

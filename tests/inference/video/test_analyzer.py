import dataclasses

import numpy as np
import pytest

import mien
from mien.inference.video.analyzer import VideoAnalyzer, VideoSettings
from mien.results import Box, Face
from tests.films_on_disk import two_shots, wandering_face


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer(detector="haar")


@pytest.fixture(scope="module")
def film(astronaut_pixels):
    """Two seconds of a smiling face that wanders to the right, hidden from 0.8 s to 1.2 s."""
    return [(picture, number / 25) for number, picture in enumerate(wandering_face(astronaut_pixels))]


def analyze(video, film, batch):
    results = [result for start in range(0, len(film), batch) for result in video.step(film[start : start + batch])]
    return results, [event for result in results for event in result.events] + video.finish()


def test_a_face_is_followed_through_an_occlusion(analyzer, film):
    results, events = analyze(VideoAnalyzer(analyzer), film, 16)
    assert [result.index for result in results] == list(range(50))
    assert [result.time_s for result in results] == [time_s for _, time_s in film]
    assert [len(result) for result in results[:20]] == [1] * 20
    assert all(len(result) == 0 for result in results[20:30])
    assert [len(result) for result in results[30:]] == [1] * 20
    assert {face.track_id for result in results for face in result} == {1}
    assert {face.label for result in results for face in result} == {"happiness"}
    (event,) = events
    assert (event.emotion, event.onset_s, event.offset_s) == ("happiness", 0, 49 / 25)
    boxes = [result.faces[0].face.box for result in results if result.faces]
    wandered = (boxes[-1].x1 + boxes[-1].x2 - boxes[0].x1 - boxes[0].x2) / 2
    assert wandered == pytest.approx(3 * 49, abs=8)


def test_batches_do_not_change_the_results(analyzer, film):
    whole, whole_events = analyze(VideoAnalyzer(analyzer), film, 50)
    single, single_events = analyze(VideoAnalyzer(analyzer), film, 1)
    for one, other in zip(whole, single, strict=True):
        assert [face.face.box for face in one] == [face.face.box for face in other]
        for face, same in zip(one, other, strict=True):
            assert np.allclose(face.smoothed.probabilities, same.smoothed.probabilities, atol=1e-6)
    assert [event.emotion for event in whole_events] == [event.emotion for event in single_events]


def test_a_replayed_beginning_changes_nothing(analyzer, film):
    expected, expected_events = analyze(VideoAnalyzer(analyzer), film, 10)
    for cut in (7, 25, 33):
        video = VideoAnalyzer(analyzer)
        results = [video.replay(known) for known in expected[:cut]]
        assert results == expected[:cut]
        for start in range(cut, 50):
            results += video.step(film[start : start + 1])
        assert [result.index for result in results] == list(range(50))
        assert [[(face.track_id, face.label, face.face.box) for face in result] for result in results] == [
            [(face.track_id, face.label, face.face.box) for face in result] for result in expected
        ]
        events = [event for result in results for event in result.events] + video.finish()
        assert [(event.onset_s, event.offset_s) for event in events] == [
            (event.onset_s, event.offset_s) for event in expected_events
        ]


@pytest.mark.parametrize("gap_s", [0.5, 1.01, 30.0])
def test_frames_far_apart_lose_no_face(analyzer, film, gap_s):
    # In the last ones the face is on the other side each time.
    pictures = [film[0][0], film[7][0], film[14][0], film[7][0], film[0][0], film[49][0], film[0][0]]
    results, _ = analyze(VideoAnalyzer(analyzer), [(each, number * gap_s) for number, each in enumerate(pictures)], 3)
    assert [len(result) for result in results] == [1] * 7
    assert {face.track_id for result in results[:5] for face in result} == {1}


def test_where_the_film_is_cut_faces_get_new_numbers_at_once(analyzer, astronaut_pixels):
    film = [(picture, number / 25) for number, picture in enumerate(two_shots(astronaut_pixels))]
    results, events = analyze(VideoAnalyzer(analyzer), film, 5)
    assert [result.shot for result in results] == [0] * 12 + [1] * 12
    assert [[face.track_id for face in result] for result in results] == [[1]] * 12 + [[2]] * 12
    (first,) = results[12]
    assert np.allclose(first.smoothed.probabilities, first.emotions.probabilities)  # nothing of whoever was there
    assert [(event.track_id, event.onset_s, event.offset_s) for event in events] == [(1, 0, 0.44), (2, 0.48, 0.92)]
    one_shot, _ = analyze(VideoAnalyzer(analyzer, VideoSettings(cuts=False)), film, 5)
    assert {(result.shot, face.track_id) for result in one_shot for face in result} == {(0, 1)}


def test_a_shot_is_seen_to_begin_where_a_replayed_beginning_ends(analyzer, astronaut_pixels):
    film = [(picture, number / 25) for number, picture in enumerate(two_shots(astronaut_pixels))]
    expected, _ = analyze(VideoAnalyzer(analyzer), film, 24)
    for known in (11, 12, 13):
        video = VideoAnalyzer(analyzer)
        for result in expected[: known - 1]:
            video.replay(result)
        video.replay(expected[known - 1], film[known - 1][0])
        rest = video.step(film[known:])
        assert [(result.shot, [face.track_id for face in result]) for result in rest] == [
            (result.shot, [face.track_id for face in result]) for result in expected[known:]
        ]


def test_where_a_track_has_ended_the_whole_frame_is_searched(analyzer, film):
    settings = VideoSettings(detect_every=1000, max_gap_s=0.1)
    pictures = [film[0][0], film[20][0], film[20][0], film[40][0]]  # hidden in the second and third
    results, _ = analyze(VideoAnalyzer(analyzer, settings), [(each, n / 25) for n, each in enumerate(pictures)], 4)
    assert [[face.track_id for face in result] for result in results] == [[1], [], [], [2]]


def test_a_replayed_beginning_of_frames_far_apart_changes_nothing(analyzer, film):
    times = np.cumsum(np.random.default_rng(0).choice([0.04, 0.3, 0.5, 1.2, 9.0], 30)).tolist()
    sparse = [(film[number * 7 % 50][0], time_s) for number, time_s in enumerate(times)]
    expected, _ = analyze(VideoAnalyzer(analyzer), sparse, 1)
    assert len({face.track_id for result in expected for face in result}) > 1
    for cut in range(1, 30):
        video = VideoAnalyzer(analyzer)
        results = [video.replay(known, pixels) for known, (pixels, _) in zip(expected[:cut], sparse, strict=False)]
        results += video.step(sparse[cut:])
        assert [[(face.track_id, face.label, face.face.box) for face in result] for result in results] == [
            [(face.track_id, face.label, face.face.box) for face in result] for result in expected
        ]


@pytest.mark.parametrize("broken", ["detector", "network"])
def test_after_a_step_that_failed_all_is_as_it_was_before(film, monkeypatch, broken):
    analyzer = mien.Analyzer(detector="haar")
    settings = VideoSettings(detect_every=3, max_gap_s=0.1)
    expected, expected_events = analyze(VideoAnalyzer(analyzer, settings), film, 4)
    owner, name = (analyzer.detector, "find_faces") if broken == "detector" else (analyzer, "judge")
    works, calls = getattr(owner, name), []

    def fails_now_and_then(*given, **options):
        calls.append(1)
        if len(calls) % 5 == 3:
            raise RuntimeError("a hiccup of the driver")
        return works(*given, **options)

    monkeypatch.setattr(owner, name, fails_now_and_then)
    video = VideoAnalyzer(analyzer, settings)
    results, failures = [], 0
    while len(results) < 50:
        try:
            results += video.step(film[len(results) : len(results) + 2])
        except RuntimeError:
            failures += 1
    assert failures >= 6
    assert [result.index for result in results] == list(range(50))
    for result, same in zip(results, expected, strict=True):
        assert [(face.track_id, face.face.box) for face in result] == [(face.track_id, face.face.box) for face in same]
    events = [event for result in results for event in result.events] + video.finish()
    assert [(event.track_id, event.onset_s) for event in events] == [
        (event.track_id, event.onset_s) for event in expected_events
    ]


def test_after_a_step_that_failed_others_may_follow(film, monkeypatch):
    analyzer = mien.Analyzer(detector="haar")
    video = VideoAnalyzer(analyzer)
    with monkeypatch.context() as broken:
        broken.setattr(analyzer, "judge", lambda crops: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            video.step(film[:2])
    blank = np.zeros((40, 60, 3), np.uint8)
    assert [len(video.step([(blank, time_s)])[0]) for time_s in (2.0, 2.04, 4.0)] == [0, 0, 0]


def test_the_whole_frame_is_searched_in_every_nth_only(analyzer, film, monkeypatch):
    shapes = []
    find_faces = analyzer.detector.find_faces

    def seen(picture, *, smallest=0):
        shapes.append((*picture.shape[:2], smallest))
        return find_faces(picture, smallest=smallest)

    monkeypatch.setattr(analyzer.detector, "find_faces", seen)
    VideoAnalyzer(analyzer, VideoSettings(detect_every=4)).step(film[:9])
    assert shapes.count((240, 420, 0)) == 3
    assert shapes.count((160, 160, 40)) == 6  # a face is 80 pixels high there
    shapes.clear()
    times = [0.0, 0.34, 0.7, 0.74]  # the third comes late: a face may be anywhere by then
    VideoAnalyzer(analyzer).step([(film[0][0], time_s) for time_s in times])
    assert shapes == [(240, 420, 0), (160, 160, 40), (240, 420, 0), (160, 160, 40)]


def test_all_faces_of_a_batch_are_one_call(analyzer, film, monkeypatch):
    counts = []
    judge = analyzer.judge
    monkeypatch.setattr(analyzer, "judge", lambda crops: counts.append(len(crops)) or judge(crops))
    VideoAnalyzer(analyzer).step(film[:16])
    assert counts == [16]


def test_frames_without_a_face_and_no_frames(analyzer):
    video = VideoAnalyzer(analyzer)
    assert video.step([]) == []
    (result,) = video.step([(np.zeros((40, 60, 3), np.uint8), 0.0)])
    assert (len(result), result.width, result.height) == (0, 60, 40)
    assert [row["track_id"] for row in result.to_rows()] == [None]
    assert video.finish() == []


def test_whole_frames_are_crops(astronaut_pixels):
    video = VideoAnalyzer(mien.Analyzer(detector="whole"))
    results = video.step([(astronaut_pixels[20:240, 120:340], step / 25) for step in range(3)])
    assert [[face.track_id for face in result] for result in results] == [[1]] * 3


def test_pixels_are_handed_on_where_asked_for(analyzer, film):
    assert VideoAnalyzer(analyzer).step(film[:1])[0].pixels is None
    assert VideoAnalyzer(analyzer).step(film[:1], pixels=True)[0].pixels is film[0][0]


@pytest.mark.parametrize("wrong", [{"detect_every": 0}, {"hold_s": -1}, {"smoothing_s": float("nan")}])
def test_impossible_settings(wrong):
    with pytest.raises(mien.UsageError, match=next(iter(wrong))):
        VideoSettings(**wrong)


def test_the_models_verdict_on_frames_and_on_labels(film):
    analyzer = mien.Analyzer(detector="haar")
    analyzer.head = dataclasses.replace(analyzer.head, unsure_below=None)
    (face,) = VideoAnalyzer(analyzer).step(film[:1])[0]
    assert (face.unsure, face.label_unsure) == (None, None)
    analyzer.head = dataclasses.replace(analyzer.head, unsure_below=face.confidence + 1e-6)
    results = VideoAnalyzer(analyzer).step(film[:16])
    for face in (face for result in results for face in result):
        assert face.unsure == (face.emotions.confidence < analyzer.head.unsure_below)
        assert face.label_unsure == (face.confidence < analyzer.head.unsure_below)
    assert results[0].faces[0].label_unsure
    assert mien.FrameResult.from_dict(results[0].to_dict()).faces[0].label_unsure


def test_a_frame_comes_back_from_plain_types(film):
    analyzer = mien.Analyzer(detector="haar", labels="multilabel8")
    (result,) = VideoAnalyzer(analyzer).step(film[:1])
    (face,) = result
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    marked = dataclasses.replace(face, face=dataclasses.replace(face.face, landmarks=points))
    (again,) = mien.FrameResult.from_dict(dataclasses.replace(result, faces=(marked,)).to_dict())
    assert np.array_equal(again.face.landmarks, points)
    assert again.present == face.present == analyzer.head.present(face.emotions.probabilities)


def test_a_film_of_two_clocks_has_the_events_of_both(analyzer, film):
    # Two recordings joined into one file: the second one's times begin at 0 again.
    times = [60 + time_s for _, time_s in film[:20]] + [time_s for _, time_s in film[:20]]
    joined = [(picture, time_s) for (picture, _), time_s in zip(film[:20] * 2, times, strict=True)]
    results, events = analyze(VideoAnalyzer(analyzer), joined, 16)
    assert [result.time_s for result in results] == times
    assert [(event.track_id, event.onset_s, event.offset_s) for event in events] == [(1, 60, 60.76), (2, 0, 0.76)]
    video = VideoAnalyzer(analyzer)
    assert [video.replay(known) for known in results] == results


def test_times_that_run_back_a_little_make_no_negative_events(analyzer, film):
    times = [0.0, 0.04, 0.03, 0.01]
    _, (event,) = analyze(
        VideoAnalyzer(analyzer), [(picture, time_s) for (picture, _), time_s in zip(film, times, strict=False)], 4
    )
    assert (event.onset_s, event.offset_s) == (0, 0.04)


def test_after_its_end_a_film_may_go_on(analyzer, film):
    video = VideoAnalyzer(analyzer)
    video.step(film[:3])
    assert len(video.finish()) == 1
    results = video.step([(np.zeros((40, 60, 3), np.uint8), time_s) for time_s in (1.0, 2.0, 3.0)])
    assert [len(result) for result in results] == [0, 0, 0]


def test_frames_are_read_as_pictures_are(analyzer, film):
    picture = film[0][0]
    (expected,) = VideoAnalyzer(analyzer).step(film[:1])
    assert len(expected) == 1
    rgba = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    for frame in (picture.astype(np.uint16) * 257, rgba, picture[..., ::-1].copy()[..., ::-1]):
        assert VideoAnalyzer(analyzer).step([(frame, 0.0)])[0].to_dict() == expected.to_dict()
    assert len(VideoAnalyzer(analyzer).step([(picture[..., 0], 0.0)])[0]) == 1
    with pytest.raises(mien.PictureError, match="must be uint8"):
        VideoAnalyzer(analyzer).step([(picture.astype(np.float32) / 255, 0.0)])
    with pytest.raises(mien.UsageError, match="a frame's time is nan"):
        VideoAnalyzer(analyzer).step([(picture, float("nan"))])


def test_a_hidden_face_that_came_nearer_does_not_fill_the_memory(analyzer, monkeypatch):
    sides = []
    monkeypatch.setattr(
        "mien.inference.video.analyzer.look_again",
        lambda picture, boxes, detector: sides.extend(max(box.width, box.height) for box in boxes) or [],
    )
    faces = [
        Face(Box(600 - side / 2, 300 - side / 2, 600 + side / 2, 300 + side / 2), 0.9) for side in range(200, 400, 20)
    ]
    seen = iter(faces)
    monkeypatch.setattr(analyzer.detector, "find_faces", lambda picture, **options: [next(seen)])
    frame = np.zeros((600, 1200, 3), np.uint8)
    near = VideoAnalyzer(analyzer, VideoSettings(detect_every=1, max_gap_s=60)).step(
        [(frame, n / 25) for n in range(10)]
    )
    assert {face.track_id for result in near for face in result} == {1}
    video = VideoAnalyzer(analyzer, VideoSettings(detect_every=10**6, max_gap_s=60))
    for known in near:
        video.replay(known)
    for number in range(10, 1000):
        video.step([(frame, number / 25)])
    assert max(sides) <= 1.5 * 1200

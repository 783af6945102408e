import dataclasses

import numpy as np
import pytest

import mien
from mien.inference.video.analyzer import VideoAnalyzer, VideoSettings
from tests.films_on_disk import wandering_face


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

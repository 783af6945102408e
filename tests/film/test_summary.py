from mien.film.summary import Summary
from mien.results import Box, Emotions, Face
from mien.video_results import Event, FrameResult, TrackedFace

LABELS = ("anger", "neutral")


def result(index, *people, events=()):
    """Each person: track, label, raw probability of anger."""
    faces = tuple(
        TrackedFace(
            Face(Box(0, 0, 10, 10), 1.0),
            Emotions(LABELS, (anger, 1 - anger)),
            track_id=track,
            smoothed=Emotions(LABELS, (0.5, 0.5)),
            label=label,
        )
        for track, label, anger in people
    )
    return FrameResult(index, index / 10, faces, 10, 10, "m", events=events, shot=index // 3)


def test_people_and_their_changes():
    summary = Summary()
    rows = [
        result(0, (1, "neutral", 0.1)),
        result(1, (1, "neutral", 0.9), (2, "anger", 0.9)),
        result(2, (1, "neutral", 0.1)),
        result(3),
        result(4, (1, "anger", 0.9), events=(Event(1, "neutral", 0, 0, 0.4, 0.9),)),
    ]
    for row in rows:
        summary.add(row)
    assert (summary.frames, summary.frames_with_faces, summary.faces) == (5, 4, 5)
    assert (summary.first_s, summary.last_s, summary.shots) == (0, 0.4, 2)
    first, second = summary.longest(5)
    assert (first.track_id, first.frames, first.label_changes, first.raw_changes, first.events) == (1, 4, 1, 3, 1)
    assert (first.first_s, first.last_s) == (0, 0.4)
    assert first.labels == {"neutral": 3, "anger": 1}
    assert (second.track_id, second.frames, second.label_changes) == (2, 1, 0)
    assert [person.track_id for person in summary.longest(1)] == [1]

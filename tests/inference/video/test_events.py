import numpy as np
import pytest

from mien.inference.video.events import History
from mien.model_card import Head

SINGLE = Head("two", "single", ("anger", "neutral"))
MULTI = Head("two", "multi", ("anger", "fear"), thresholds=(0.5, 0.4))


def run(head, rows):
    """Rows: time, scores. No smoothing, so that the truth can be read off."""
    history = History(7, head, smoothing_s=0, hold_s=0.2)
    labels, events = [], []
    for time_s, *scores in rows:
        _, label, over = history.update(np.array(scores, float), time_s)
        labels.append(label)
        events += over
    return labels, events + history.finish()


def test_onset_apex_and_offset_of_a_single_label():
    rows = [(step / 10, 0.1, 0.9) for step in range(10)]
    rows += [(1 + step / 10, value, 1 - value) for step, value in enumerate((0.6, 0.8, 0.95, 0.7, 0.55))]
    rows += [(1.5 + step / 10, 0.2, 0.8) for step in range(6)]
    labels, (calm, angry, calm_again) = run(SINGLE, rows)
    assert (calm.emotion, calm.onset_s, calm.offset_s) == ("neutral", 0, 1)
    assert (angry.track_id, angry.emotion, angry.onset_s, angry.apex_s, angry.offset_s) == (7, "anger", 1, 1.2, 1.5)
    assert angry.apex_probability == 0.95
    assert angry.duration_s == pytest.approx(0.5)
    assert (calm_again.onset_s, calm_again.offset_s) == (1.5, 2.0)
    assert labels[12] == "anger"  # believed 0.2 s after its onset
    assert labels[11] == "neutral"


def test_a_flicker_is_no_event():
    rows = [(step / 25, *((0.9, 0.1) if step % 5 == 3 else (0.1, 0.9))) for step in range(100)]
    labels, events = run(SINGLE, rows)
    assert set(labels) == {"neutral"}
    assert [event.emotion for event in events] == ["neutral"]


def test_an_apex_before_the_event_is_believed_counts():
    rows = [(0, 0.0, 1.0), (0.3, 0.99, 0.01), (0.4, 0.7, 0.3), (0.6, 0.7, 0.3), (0.7, 0.7, 0.3)]
    _, (_, angry) = run(SINGLE, rows)
    assert (angry.onset_s, angry.apex_s, angry.offset_s) == (0.3, 0.3, 0.7)


def test_a_first_impression_that_does_not_last_is_no_event():
    rows = [(0, 0.4, 0.6), *((0.02 + step / 10, 0.9, 0.1) for step in range(5))]
    _, (angry,) = run(SINGLE, rows)
    assert (angry.emotion, angry.onset_s, angry.offset_s) == ("anger", 0, pytest.approx(0.42))


def test_emotions_of_a_multi_label_head_overlap():
    rows = []
    for step in range(40):
        time_s = step / 10
        rows.append((time_s, 0.9 if 1 <= time_s < 3 else 0.1, 0.45 if 2 <= time_s < 3.5 else 0.3))
    _, events = run(MULTI, rows)
    assert [(event.emotion, event.onset_s, event.offset_s) for event in events] == [
        ("anger", 1, 3),
        ("fear", 2, 3.5),
    ]


def test_a_head_over_its_threshold_at_the_end_is_closed_where_it_was_last_seen():
    _, (event,) = run(MULTI, [(0, 0.1, 0.1), (1, 0.9, 0.1), (2, 0.8, 0.1)])
    assert (event.emotion, event.onset_s, event.apex_s, event.offset_s) == ("anger", 1, 1, 2)


def test_an_apex_lies_within_its_event():
    """Where two emotions rise at the cost of a third, the first one goes on rising after the second has passed it."""
    head = Head("three", "single", ("anger", "fear", "neutral"))
    rows = [(step / 10, 0.5, 0.1, 0.4) for step in range(5)]
    rows += [(0.5 + step / 10, 0.51 + step / 1000, 0.52 + step / 1000, 0.0) for step in range(5)]
    events = run(head, rows)[1]
    assert [(event.emotion, event.onset_s, event.offset_s) for event in events] == [
        ("anger", 0, 0.5),
        ("fear", 0.5, pytest.approx(0.9)),
    ]
    assert (events[0].apex_s, events[0].apex_probability) == (0, 0.5)
    assert events[1].apex_probability == pytest.approx(0.524)

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mien.draw import COLORS
from mien.errors import UsageError
from mien.film.summary import Summary
from mien.film.thumbnails import Thumbnails
from mien.film.timeline import check_plot, draw_timeline
from mien.results import Box, Emotions, Face
from mien.video_results import Event, FrameResult, TrackedFace

LABELS = ("anger", "neutral")


def film(people, count=100):
    """Everybody is angry in the first half; a magenta face."""
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[...] = (255, 0, 255)
    results = []
    for index in range(count):
        anger = 0.9 if index < count // 2 else 0.1
        emotions = Emotions(LABELS, (anger, 1 - anger))
        faces = tuple(
            TrackedFace(
                Face(Box(20, 20, 60, 60), 1.0),
                emotions,
                track_id=track,
                smoothed=emotions,
                label=emotions.top,
            )
            for track in people
        )
        last, half_s = index == count - 1, count / 50
        events = [
            event
            for track in people
            for event in (
                Event(track, "anger", 0, 1, half_s, 0.9),
                Event(track, "neutral", half_s, 3, (count - 1) / 25, 0.9),
            )
        ]
        results.append(
            FrameResult(index, index / 25, faces, 100, 80, "m", events=tuple(events) if last else (), pixels=pixels)
        )
    return results


def draw(results, path, *, title="a.mp4", labels=LABELS):
    summary, thumbnails = Summary(), Thumbnails()
    for result in results:
        summary.add(result)
        thumbnails.add(result)
    draw_timeline(results, path, title=title, labels=labels, summary=summary, thumbnails=thumbnails)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def near(picture, color):
    return np.abs(picture - color).sum(axis=2) < 30


def test_curves_faces_and_the_ribbon_of_events(tmp_path):
    picture = draw(film([1]), tmp_path / "p.png")
    angry, calm = near(picture, COLORS["anger"]), near(picture, COLORS["neutral"])
    assert near(picture, (255, 0, 255)).sum() > 5 * 40 * 40  # several thumbnails
    ribbon = angry.sum(axis=1).argmax()  # the row with most of the colour of anger
    places = np.flatnonzero(angry[ribbon])
    middle = picture.shape[1] / 2
    assert places.min() < 0.1 * picture.shape[1]
    assert places.max() == pytest.approx(middle, abs=0.05 * picture.shape[1])
    assert np.flatnonzero(calm[ribbon]).max() > 0.95 * picture.shape[1]


def test_cuts_are_dotted_lines(tmp_path):
    whole = film([1])
    cut = [replace(result, shot=int(result.index >= len(whole) // 4)) for result in whole]
    pictures = draw(cut, tmp_path / "cut.png"), draw(whole, tmp_path / "whole.png")
    lines = (pictures[0] != pictures[1]).any(axis=2)[: pictures[0].shape[0] * 3 // 4]
    assert lines.any(axis=0).nonzero()[0] == pytest.approx(0.28 * lines.shape[1], abs=0.03 * lines.shape[1])
    assert lines.any(axis=1).sum() > 40


def test_more_people_make_it_taller_up_to_a_point(tmp_path):
    one, two = draw(film([1]), tmp_path / "1.png"), draw(film([1, 2]), tmp_path / "2.png")
    many, more = draw(film(range(6)), tmp_path / "6.png"), draw(film(range(30)), tmp_path / "30.png")
    assert one.shape[1] == two.shape[1]
    assert two.shape[0] > 1.6 * one.shape[0]
    assert many.shape == more.shape


def test_a_film_without_a_face_and_one_of_a_single_frame(tmp_path):
    assert draw(film([], 10), tmp_path / "0.png").size
    assert draw(film([1], 1), tmp_path / "1.png").size


def test_who_is_seen_for_a_moment_has_dots_and_a_face(tmp_path):
    results = film([1])
    results = [result if index == 0 else replace(result, faces=()) for index, result in enumerate(results)]
    results[-1] = replace(results[-1], events=(Event(1, "anger", 0, 0, 0, 0.9),))
    picture = draw(results, tmp_path / "p.png")
    assert near(picture, (255, 0, 255)).sum() > 40 * 40
    dots = near(picture, COLORS["neutral"])[: picture.shape[0] * 3 // 4, : picture.shape[1] // 8]
    assert dots.sum() >= 4


def test_another_ending(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.png"):
        check_plot(tmp_path / "p.txt")


@pytest.mark.parametrize("title", ["a$_$b.mp4", "映画.mp4", "caf\udce9.mp4", "$\\frac$.mp4"])
def test_a_name_is_drawn_as_it_is(tmp_path, title):
    assert draw(film([1], 10), tmp_path / "p.png", title=title).size
    draw_timeline(
        [], tmp_path / "p.svg", title=title, labels=LABELS, summary=Summary(), thumbnails=Thumbnails()
    )  # where the text stands as it is
    shown = title.encode("utf-8", "backslashreplace").decode()
    assert f"<!-- {shown}: 0 people -->" in (tmp_path / "p.svg").read_text("utf-8")


def test_a_label_is_drawn_as_it_is(tmp_path):
    assert draw(film([], 10), tmp_path / "p.png", labels=("$_$", "neutral")).size

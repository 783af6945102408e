import itertools
import time

import cv2
import numpy as np
import pytest

import mien
from mien.errors import VideoError
from mien.inference.video.frames import Part, open_film
from tests.films_on_disk import gray_steps, step_of, write_film


class Unplugged:
    """A camera that gives ten frames and is then pulled out."""

    opened = True

    def __init__(self, device):
        self.left = 10
        self.released = False
        Unplugged.last = self

    def isOpened(self):
        return self.opened

    def read(self):
        self.left -= 1
        time.sleep(0.01)
        return (self.left >= 0, np.full((64, 96, 3), (0, 0, 200), np.uint8) if self.left >= 0 else None)

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Unplugged)
    return Unplugged


def test_frames_are_rgb_and_the_clock_starts_with_the_first(camera):
    film = open_film("0")
    problems = []
    frames = list(film.frames(Part(), after=None, on_problem=problems.append))
    assert (film.name, film.live, film.expected_frames(Part())) == ("camera 0", True, None)
    assert [frame.index for frame in frames] == list(range(10))
    assert frames[0].time_s == 0
    assert all(a.time_s < b.time_s for a, b in itertools.pairwise(frames))
    assert frames[0].pixels[0, 0].tolist() == [200, 0, 0]
    assert "gives no more pictures" in problems[0]


def test_a_part_of_what_a_camera_sees(camera):
    film = open_film(0)
    frames = list(film.frames(Part(0.02, 0.06, 2), after=None, on_problem=pytest.fail))
    assert 1 <= len(frames) <= 3
    assert all(frame.index % 2 == 0 and 0.02 <= frame.time_s < 0.06 for frame in frames)


def test_a_camera_that_is_busy_or_absent(monkeypatch, capfd):
    monkeypatch.setattr(cv2, "VideoCapture", type("Busy", (Unplugged,), {"opened": False}))
    with pytest.raises(VideoError, match="another program uses it"):
        open_film(3)
    monkeypatch.undo()
    with pytest.raises(VideoError, match="camera 97: cannot be opened"):
        open_film(97)
    assert capfd.readouterr().err == ""


def test_live_ends_with_an_error_when_the_camera_goes_away(camera):
    seen = []
    with pytest.raises(VideoError, match="camera 0: gives no more pictures"):
        seen.extend(mien.live(0, analyzer=mien.Analyzer(detector="haar")))
    assert [result.pixels.shape for result in seen] == [(64, 96, 3)] * len(seen)
    assert 1 <= len(seen) <= 10
    assert all(a.index < b.index for a, b in itertools.pairwise(seen))
    assert Unplugged.last.released


def test_live_takes_no_larger_frames_than_its_analyzer(tmp_path):
    path = write_film(tmp_path / "a.mp4", gray_steps(2))
    with pytest.raises(VideoError, match="megapixels"):
        next(mien.live(path, analyzer=mien.Analyzer(detector="haar", max_pixels=1000)))


def test_live_keeps_up_by_dropping_frames(tmp_path):
    path = write_film(tmp_path / "a.mp4", gray_steps(40))
    begin = time.monotonic()
    late = []
    for result in mien.live(path, analyzer=mien.Analyzer(detector="haar")):
        late.append(time.monotonic() - begin - result.time_s)
        assert step_of(result.pixels) == result.index
        time.sleep(0.15)
    assert 5 <= len(late) <= 14  # of 40: the others were dropped
    assert late[-1] - late[0] < 0.4


def test_leaving_the_loop_lets_go_of_the_camera(camera, monkeypatch):
    monkeypatch.setattr(Unplugged, "read", lambda self: (True, np.zeros((64, 96, 3), np.uint8)))
    for _ in mien.live(0, analyzer=mien.Analyzer(detector="haar")):
        break
    assert Unplugged.last.released

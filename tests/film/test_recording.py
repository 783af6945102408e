import cv2
import pytest

import mien
from mien.film.journal import FilmJournal
from mien.film.recording import Recorder, Stopped
from mien.inference.video.analyzer import VideoSettings
from mien.inference.video.frames import Part, open_film
from tests.films_on_disk import wandering_face, write_film


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer(detector="haar")


@pytest.fixture(scope="module")
def frames(astronaut_pixels):
    return wandering_face(astronaut_pixels, count=40, hidden=range(0))


@pytest.fixture
def camera(monkeypatch, frames):
    """A camera that shows the wandering face over and over."""

    class Endless:
        def __init__(self, device):
            self.count = 0

        def isOpened(self):
            return True

        def read(self):
            self.count += 1
            return True, frames[self.count % len(frames)][..., ::-1]

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Endless)


def record(analyzer, path, source, **options):
    """Record a film, stopped after so many frames where `stop_after` says so."""
    stop_after = options.pop("stop_after", None)
    seen = []
    with FilmJournal(path, {}) as journal:
        recorder = Recorder(
            analyzer,
            journal,
            part=Part(),
            settings=VideoSettings(),
            stop=lambda: stop_after is not None and len(seen) >= stop_after,
        )
        film = open_film(source)
        try:
            summary = recorder.record(film, on_frame=lambda: seen.append(1), **options)
        finally:
            film.close()
        return summary, journal.films[film.name], list(journal.frames(film.name))


def test_a_camera_is_stopped_in_good_order(analyzer, camera, tmp_path):
    paths = {"annotated": tmp_path / "a.mp4", "plot": tmp_path / "p.png"}
    summary, state, results = record(analyzer, tmp_path / "j", 0, stop_after=5, **paths)
    assert state.ended
    assert summary.frames == len(results) >= 5
    assert [event.emotion for event in results[-1].events] == ["happiness"]
    assert all(path.stat().st_size > 1000 for path in paths.values())


def test_a_camera_that_was_killed_is_not_gone_on_with(analyzer, camera, tmp_path):
    with FilmJournal(tmp_path / "j", {}) as journal:
        journal.begin("camera 0", {})
        journal.write(mien.FrameResult(0, 0.0, (), 10, 10, "m"))
    summary, state, results = record(analyzer, tmp_path / "j", 0)
    assert (summary.frames, len(results), state.ended) == (1, 1, True)
    assert "was interrupted; what had been seen by then is saved" in state.problems[0]


def test_a_stopped_film_goes_on_with_copy_and_timeline(analyzer, frames, tmp_path):
    film = write_film(tmp_path / "a.mp4", frames)
    _, _, expected = record(analyzer, tmp_path / "whole", film)
    copy, plot = tmp_path / "b.mp4", tmp_path / "p.png"
    with pytest.raises(Stopped):
        record(analyzer, tmp_path / "j", film, annotated=copy, plot=plot, stop_after=10)
    assert not copy.exists()
    assert not plot.exists()
    summary, state, results = record(analyzer, tmp_path / "j", film, annotated=copy, plot=plot)
    assert state.ended
    assert summary.frames == 40
    assert [result.to_rows()[0]["label"] for result in results] == [row.to_rows()[0]["label"] for row in expected]
    assert [event.to_dict() for event in results[-1].events] == [event.to_dict() for event in expected[-1].events]
    assert len(list(open_film(copy).frames(Part(), after=None, on_problem=pytest.fail))) == 40
    again, _, _ = record(analyzer, tmp_path / "j", film)  # it is complete: nothing is analysed
    assert (again.frames, again.people) == (summary.frames, summary.people)


def test_a_copy_that_is_wanted_later_is_made_of_what_is_known(analyzer, frames, tmp_path):
    film = write_film(tmp_path / "a.mp4", frames)
    first, _, expected = record(analyzer, tmp_path / "j", film)
    copy, plot = tmp_path / "b.mp4", tmp_path / "p.png"
    summary, state, results = record(analyzer, tmp_path / "j", film, annotated=copy, plot=plot)
    assert state.ended
    assert [result.to_dict() for result in results] == [result.to_dict() for result in expected]
    assert vars(summary) == vars(first)
    assert len(list(open_film(copy).frames(Part(), after=None, on_problem=pytest.fail))) == 40
    assert plot.stat().st_size > 1000


@pytest.mark.parametrize("drawn", [False, True])
def test_what_was_lost_before_a_stop_is_not_forgotten(analyzer, frames, tmp_path, drawn):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(frames):
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture[..., ::-1])
    (folder / "003.png").write_bytes(b"no picture")
    options = {"annotated": tmp_path / "a.mp4"} if drawn else {}
    with pytest.raises(Stopped):
        record(analyzer, tmp_path / "j", folder, stop_after=20, **options)
    summary, state, results = record(analyzer, tmp_path / "j", folder, **options)
    assert summary.frames == len(results) == 39
    assert [result.index for result in results] == [number for number in range(40) if number != 3]
    assert len(state.problems) == 1
    assert "003.png: is not a picture" in state.problems[0]


def test_a_folder_of_pictures_changes_with_its_pictures_and_not_with_what_lies_beside_them(analyzer, frames, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(frames[:30]):
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture[..., ::-1])
    with pytest.raises(Stopped):
        record(analyzer, tmp_path / "j", folder, stop_after=10)
    (folder / "faces.csv").write_text("written beside the frames")
    with pytest.raises(Stopped):
        record(analyzer, tmp_path / "j", folder, stop_after=20)
    cv2.imwrite(str(folder / "002.png"), frames[3][..., ::-1])
    with pytest.raises(mien.UsageError, match="has changed since its first"):
        record(analyzer, tmp_path / "j", folder)

import numpy as np
import pytest

import mien
from mien.errors import UsageError, VideoError
from mien.inference.video import film as film_module
from mien.inference.video.analyzer import VideoAnalyzer
from mien.inference.video.film import follow_film
from mien.inference.video.frames import Frame, Part, open_film
from tests.films_on_disk import gray_steps, two_shots, wandering_face, write_film


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer(detector="haar")


@pytest.fixture(scope="module")
def path(astronaut_pixels, tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("films") / "face.mp4", wandering_face(astronaut_pixels))


def follow(analyzer, path, part=None, **options):
    film = open_film(path)
    video = VideoAnalyzer(analyzer, source=film.name)
    yield from follow_film(film, video, part or Part(), on_problem=pytest.fail, **options)
    film.close()


def plain(results):
    return [
        (
            result.index,
            result.time_s,
            result.shot,
            [(face.track_id, face.label, face.face.box) for face in result],
            result.events,
        )
        for result in results
    ]


@pytest.fixture(scope="module")
def whole(analyzer, path):
    return list(follow(analyzer, path))


def test_a_row_for_every_frame_and_one_track(analyzer, path, whole):
    results = list(analyzer.analyze_video(path))
    assert plain(results) == plain(whole)
    assert [result.index for result in results] == list(range(50))
    assert {face.track_id for result in results for face in result} == {1}
    assert sum(len(result.to_rows()) for result in results) == 50
    assert results[0].source == str(path)
    assert [event.emotion for event in results[-1].events] == ["happiness"]


@pytest.mark.parametrize("cut", [1, 20, 33, 50])
@pytest.mark.parametrize("pixels", [False, True])
def test_an_interrupted_run_is_gone_on_with(analyzer, path, whole, cut, pixels):
    known = [mien.FrameResult.from_dict(result.to_dict()) for result in whole[:cut]]
    results = list(follow(analyzer, path, known=known, pixels=pixels))
    assert plain(results) == plain(whole)
    assert all((result.pixels is not None) == pixels for result in results)


@pytest.mark.parametrize("pixels", [False, True])
def test_a_run_that_was_interrupted_at_a_cut_is_gone_on_with(analyzer, astronaut_pixels, tmp_path, pixels):
    path = write_film(tmp_path / "cut.mp4", two_shots(astronaut_pixels))
    whole = list(follow(analyzer, path))
    assert [result.shot for result in whole] == [0] * 12 + [1] * 12
    for known in (1, 11, 12, 13):
        assert plain(follow(analyzer, path, known=whole[:known], pixels=pixels)) == plain(whole)


def test_known_frames_cost_nothing(analyzer, path, whole, monkeypatch):
    monkeypatch.setattr(analyzer.detector, "find_faces", lambda *_, **__: pytest.fail("looked at a known frame"))
    assert len(list(follow(analyzer, path, known=whole))) == 50


def test_stopping_keeps_what_can_be_gone_on_with(analyzer, path, whole):
    first = []
    for result in follow(analyzer, path, stop=lambda: len(first) >= 9):
        first.append(result)
    assert plain(first) == plain(whole[: len(first)])
    assert 9 <= len(first) < 40
    assert all(result.events == () for result in first)
    assert plain(follow(analyzer, path, known=first)) == plain(whole)


def test_large_frames_are_held_in_small_numbers(analyzer, path, monkeypatch):
    monkeypatch.setattr(film_module, "BATCH_BYTES", 2 * 240 * 420 * 3)
    sizes = []
    video = VideoAnalyzer(analyzer)
    step = video.step
    monkeypatch.setattr(video, "step", lambda frames, **options: sizes.append(len(frames)) or step(frames, **options))
    film = open_film(path)
    assert len(list(follow_film(film, video, Part(), on_problem=pytest.fail))) == 50
    assert sizes == [2] * 25


def test_every_start_and_end(analyzer, path):
    results = list(analyzer.analyze_video(path, start_s=0.4, end_s=0.8, every=2))
    assert [result.index for result in results] == [10, 12, 14, 16, 18]
    with pytest.raises(VideoError, match="not one frame that can be decoded in this part"):
        list(analyzer.analyze_video(path, start_s=100))
    with pytest.raises(UsageError, match="start 2 s is not before end 1 s"):
        list(analyzer.analyze_video(path, start_s=2, end_s=1))


def test_what_is_lost_is_raised_after_all_that_is_there(analyzer, tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(50)]
    path = write_film(tmp_path / "a.mp4", noise, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    results = []
    with pytest.raises(VideoError, match="ends in the middle of a frame"):
        results.extend(analyzer.analyze_video(path))
    problems = []
    assert len(list(analyzer.analyze_video(path, on_problem=problems.append))) == len(results) > 15
    assert problems


def test_a_folder_of_pictures_is_a_film(analyzer, tmp_path):
    from PIL import Image

    for number, picture in enumerate(gray_steps(3)):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    assert [result.time_s for result in analyzer.analyze_video(tmp_path)] == [0, 0.04, 0.08]


def test_a_film_of_two_clocks_is_gone_on_with_where_it_stopped(analyzer, astronaut_pixels):
    pictures = wandering_face(astronaut_pixels, count=40, hidden=range(0))

    class Joined:
        name, live = "joined.ts", False

        def frames(self, part, *, after, on_problem):
            # As a file does, goes on from the first time after the one that is known.
            times = [(5 + number / 25) if number < 25 else (number - 25) / 25 + 4.5 for number in range(40)]
            first = next(n for n, time_s in enumerate(times) if after is None or time_s > after[1])
            for count, number in enumerate(range(first, 40), after[0] + 1 if after else 0):
                yield Frame(count, times[number], pictures[number])

    def results(known=()):
        video = VideoAnalyzer(analyzer, source="joined.ts")
        return list(follow_film(Joined(), video, Part(), known=known, on_problem=pytest.fail))

    whole = results()
    assert len(whole) == 40
    assert plain(results(whole[:30])) == plain(whole)


@pytest.mark.parametrize("cut", [10, 45, 60])
def test_a_joined_file_is_gone_on_with_where_it_stopped(analyzer, astronaut_pixels, tmp_path, cut):
    pictures = wandering_face(astronaut_pixels, count=40, hidden=range(0))
    parts = [write_film(tmp_path / f"{name}.ts", pictures[:count]) for name, count in (("a", 40), ("b", 30))]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    def results(known=()):
        film = open_film(joined)
        video = VideoAnalyzer(analyzer, source=film.name)
        try:
            return list(follow_film(film, video, Part(), known=known, on_problem=lambda problem: None))
        finally:
            film.close()

    whole = results()
    assert len(whole) == 70
    assert plain(results(whole[:cut])) == plain(whole)

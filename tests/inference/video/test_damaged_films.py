"""What is said of films that are damaged or end early, and not said of those that are whole."""

import av
import numpy as np
import pytest

from mien.inference.video.frames import Part, open_film
from tests.films_on_disk import gray_steps, write_film
from tests.inference.video.test_video_file import read


def test_a_film_that_was_cut_off_keeps_what_is_there_and_says_so(tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(50)]
    path = write_film(tmp_path / "a.mp4", noise, options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    frames, problems = read(path)
    assert 25 < len(frames) < 35
    assert "ends in the middle of a frame" in problems[0]
    assert "though its header promises 2.00 s" in problems[1]


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_film_whose_sound_goes_on_after_its_picture_is_whole(tmp_path, ending):
    frames, problems = read(write_film(tmp_path / f"a.{ending}", gray_steps(50), sound="aac", sound_s=7))
    assert (len(frames), problems) == (50, [])
    film = open_film(tmp_path / f"a.{ending}")
    assert film.expected_frames(Part()) == 50
    film.close()


@pytest.mark.parametrize(("tag", "promised_s"), [(b"00:00:03.500000000", 3.5), (b"no length of ours.", 2.0)])
def test_a_picture_that_ends_before_its_tag_says_is_told(tmp_path, tag, promised_s):
    path = write_film(tmp_path / "a.mkv", gray_steps(50))
    content = path.read_bytes()
    assert content.count(b"00:00:02.000000000") == 1
    path.write_bytes(content.replace(b"00:00:02.000000000", tag))
    frames, problems = read(path)
    assert len(frames) == 50
    told = [f"ends at 2.00 s, though its header promises {promised_s:.2f} s"] if promised_s > 2 else []
    assert [problem.split(": ")[1].split(";")[0] for problem in problems] == told


def test_damage_in_the_middle_costs_some_frames_only(tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(50)]
    path = write_film(tmp_path / "a.mp4", noise, options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 12000] = bytes(rng.integers(0, 256, 12000, dtype=np.uint8))
    path.write_bytes(content)
    frames, problems = read(path)
    assert 30 < len(frames) < 50
    assert frames[-1].time_s == pytest.approx(49 / 25, abs=0.001)
    assert any("damaged and left out" in problem for problem in problems)


def test_what_was_lost_is_told_where_the_reader_stops(tmp_path):
    path = write_film(tmp_path / "a.mp4", gray_steps(50))
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    position, size = places[7]
    content[position + 5 : position + size] = b"\xff" * (size - 5)
    path.write_bytes(content)
    problems = []
    film = open_film(path)
    frames = film.frames(Part(), after=None, on_problem=problems.append)
    while next(frames).index < 20:
        pass
    assert problems == []
    frames.close()
    film.close()
    assert len(problems) == 1
    assert "damaged and left out" in problems[0]


def test_a_stream_that_turns_up_on_the_way_ends_nothing(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", gray_steps(20)))
    container = film._container

    class Grown:
        """As PyAV is at the end of a film of which a stream has turned up on the way."""

        streams, format, duration = container.streams, container.format, container.duration

        def demux(self, stream):
            yield from container.demux(stream)
            raise IndexError("list index out of range")

    film._container = Grown()
    assert len(list(film.frames(Part(), after=None, on_problem=pytest.fail))) == 20
    container.close()

from fractions import Fraction

import av
import numpy as np
import pytest

from mien.errors import OutputError
from mien.film.annotated import annotated_film
from mien.inference.video.frames import Part, open_film
from tests.films_on_disk import gray_steps, step_of, turned, write_film


def copy(source, target, part=None):
    film, part = open_film(source), part or Part()
    with annotated_film(target, film, start_s=part.start_s or 0.0, end_s=part.end_s, on_problem=pytest.fail) as writer:
        for frame in film.frames(part, after=None, on_problem=pytest.fail):
            writer.write(frame.pixels, frame.time_s)
    film.close()


def frames_of(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def sound_of(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        return container.streams.audio[0].codec_context.name, frames[0].time, frames[-1].time, frames


def test_times_are_kept_to_the_tick(tmp_path):
    times = [0.0, 0.04, 0.11, 0.5, 0.52, 1.75]
    copy(write_film(tmp_path / "a.mp4", gray_steps(6), times=times), tmp_path / "b.mp4")
    frames = frames_of(tmp_path / "b.mp4")
    assert [time_s for time_s, _ in frames] == pytest.approx(times, abs=0.001)
    assert [step_of(pixels) for _, pixels in frames] == list(range(6))


@pytest.mark.parametrize(("ending", "sound", "expected"), [("mp4", "aac", "aac"), ("mkv", "pcm_s16le", "aac")])
def test_the_sound_is_kept(tmp_path, ending, sound, expected):
    source = write_film(tmp_path / f"a.{ending}", gray_steps(50), sound=sound)
    copy(source, tmp_path / "b.mp4")
    codec, first_s, last_s, frames = sound_of(tmp_path / "b.mp4")
    assert codec == expected
    assert first_s == pytest.approx(0, abs=0.15)
    assert last_s == pytest.approx(2, abs=0.2)
    tone = np.concatenate([frame.to_ndarray().astype(float).ravel() for frame in frames])
    assert tone.std() > 0.02  # it can be heard
    assert len(frames_of(tmp_path / "b.mp4")) == 50


def test_a_copied_sound_is_the_same_bytes(tmp_path):
    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    copy(write_film(tmp_path / "a.mp4", gray_steps(25), sound="aac"), tmp_path / "b.mp4")
    original = packets(tmp_path / "a.mp4")
    kept = packets(tmp_path / "b.mp4")
    assert kept == original[: len(kept)]
    assert len(original) - len(kept) <= 2  # what lies after the last frame


def test_a_part_begins_at_zero_with_its_sound(tmp_path):
    copy(write_film(tmp_path / "a.mp4", gray_steps(50), sound="aac"), tmp_path / "b.mp4", Part(1.0, 1.6))
    frames = frames_of(tmp_path / "b.mp4")
    assert [step_of(pixels) for _, pixels in frames] == pytest.approx(list(range(25, 40)), abs=1)
    assert frames[0][0] == pytest.approx(0, abs=0.001)
    _, first_s, last_s, _ = sound_of(tmp_path / "b.mp4")
    assert first_s == pytest.approx(0, abs=0.2)
    assert last_s == pytest.approx(0.6, abs=0.2)


def test_a_turned_film_with_odd_sides_comes_upright(tmp_path):
    copy(turned(write_film(tmp_path / "a.mp4", gray_steps(3, width=98, height=66))), tmp_path / "b.mp4")
    assert frames_of(tmp_path / "b.mp4")[0][1].shape == (98, 66, 3)
    film = open_film(tmp_path / "a.mp4")
    with annotated_film(tmp_path / "c.mp4", film, on_problem=pytest.fail) as writer:
        writer.write(np.zeros((45, 33, 3), np.uint8), 0.0)
        writer.write(np.zeros((64, 96, 3), np.uint8), 0.0)  # another size, and no later
    film.close()
    assert [pixels.shape for _, pixels in frames_of(tmp_path / "c.mp4")] == [(44, 32, 3)] * 2


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(8, 9)])
def test_a_film_of_long_pixels_is_drawn_as_it_is_shown(tmp_path, aspect):
    copy(write_film(tmp_path / "a.mp4", gray_steps(3), aspect=aspect), tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 1)
    frames = frames_of(tmp_path / "b.mp4")
    # 136.5 x 64: an odd width makes way for the even one that the encoder takes.
    assert [pixels.shape for _, pixels in frames] == [(64, 136, 3) if aspect > 1 else (72, 96, 3)] * 3
    assert [step_of(pixels) for _, pixels in frames] == pytest.approx([0, 1, 2], abs=1)


def test_nothing_is_left_of_a_copy_that_failed(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", gray_steps(3)))
    with pytest.raises(AttributeError), annotated_film(tmp_path / "b.mp4", film, on_problem=pytest.fail) as writer:
        writer.write(None, 0.0)
    film.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("sound", [None, "aac"])
def test_a_full_disk_is_no_damage(tmp_path, sound):
    resource = pytest.importorskip("resource")
    source = write_film(tmp_path / "a.mp4", gray_steps(250), sound=sound)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OutputError, match=r"b\.mp4: cannot be written"):
            copy(source, tmp_path / "b.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]

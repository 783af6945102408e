from fractions import Fraction

import av
import numpy as np
import pytest

from mien.film.annotated import annotated_film
from mien.inference.video.frames import Part, open_film
from tests.films_on_disk import gray_steps, write_film

DAMAGED = "its sound is damaged in places, which are left out of the annotated copy"


def sounding(path, codec, rate, layouts=("mono",)):
    """A film of two seconds that is silent in the first, and has a tone in the second; layouts follow each other."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        tone = out.add_stream(codec, rate=rate, layout=layouts[0])
        encoders = [tone.codec_context]
        encoders += [av.CodecContext.create(codec, "w") for _ in layouts[1:]]
        for encoder, layout in zip(encoders[1:], layouts[1:], strict=True):
            encoder.layout, encoder.sample_rate, encoder.format = layout, rate, tone.format
        for number, pixels in enumerate(gray_steps(50)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
            samples = (8000 * (number >= 25) * np.sin(np.arange(rate // 25) * 2 * np.pi * 1000 / rate)).astype(np.int16)
            part = number * len(layouts) // 50
            channels = 2 if layouts[part] == "stereo" else 1
            heard = av.AudioFrame.from_ndarray(samples.repeat(channels)[None], format="s16", layout=layouts[part])
            heard.sample_rate, heard.pts, heard.time_base = rate, number * (rate // 25), Fraction(1, rate)
            for packet in encoders[part].encode(heard):
                packet.stream = tone
                out.mux(packet)
        out.mux(stream.encode(None))
    return path


def damaged(path, packets, *, intact=0):
    """Overwrite packets of the sound but for their first bytes."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        contents = [bytes(packet) for packet in container.demux(audio=0)]
    end = 0
    for number, packet in enumerate(contents):
        place = content.index(packet, end)
        end = place + len(packet)
        if number in packets:
            content[place + intact : end] = b"\xff" * (len(packet) - intact)
    path.write_bytes(content)
    return path


def copy(source, target, part=None):
    """What was lost of a film in its annotated copy."""
    problems = []
    film, part = open_film(source), part or Part()
    start_s = part.start_s or 0.0
    with annotated_film(target, film, start_s=start_s, end_s=part.end_s, on_problem=problems.append) as writer:
        for frame in film.frames(part, after=None, on_problem=pytest.fail):
            writer.write(frame.pixels, frame.time_s)
    film.close()
    return problems


def heard(path):
    """Codec, rate, and when the tone begins and ends."""
    times = []
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for frame in container.decode(stream):
            if np.abs(frame.to_ndarray().astype(float)).max() > 0.05:
                times += [frame.time, frame.time + frame.samples / frame.sample_rate]
        return stream.codec_context.name, stream.rate, min(times), max(times)


def count_frames(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(
    ("ending", "codec", "intact", "kept"),
    [("mkv", "mp2", 0, "aac"), ("avi", "libmp3lame", 0, "aac"), ("mkv", "ac3", 2, "ac3")],
)
def test_damage_costs_what_is_damaged_and_is_told_once(tmp_path, ending, codec, intact, kept):
    source = damaged(sounding(tmp_path / f"a.{ending}", codec, 48000), [4, 5, 12], intact=intact)
    assert copy(source, tmp_path / "b.mp4") == [f"{source}: {DAMAGED}"]
    assert count_frames(tmp_path / "b.mp4") == 50
    codec, _, first_s, last_s = heard(tmp_path / "b.mp4")
    assert codec == kept
    assert first_s == pytest.approx(1, abs=0.1)  # what is left out leaves a gap
    assert last_s == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("rate", "expected"), [(192000, 48000), (37800, 48000), (22050, 22050), (96000, 96000)])
def test_a_rate_that_aac_does_not_know_becomes_one_that_it_knows(tmp_path, rate, expected):
    source = sounding(tmp_path / "a.mov", "pcm_s16le", rate)
    assert copy(source, tmp_path / "b.mp4") == []
    codec, found, first_s, last_s = heard(tmp_path / "b.mp4")
    assert (codec, found) == ("aac", expected)
    assert (first_s, last_s) == pytest.approx((1, 2), abs=0.1)


def test_channels_may_change_on_the_way(tmp_path):
    source = sounding(tmp_path / "a.mkv", "mp2", 48000, ["mono", "stereo", "mono"])
    assert copy(source, tmp_path / "b.mp4") == []
    _, _, first_s, last_s = heard(tmp_path / "b.mp4")
    assert (first_s, last_s) == pytest.approx((1, 2), abs=0.1)


@pytest.mark.parametrize(("codec", "ending"), [("aac", "mp4"), ("pcm_s16le", "mov")])
def test_sound_goes_on_after_the_last_picture(tmp_path, codec, ending):
    source = write_film(tmp_path / f"a.{ending}", gray_steps(3), times=[0, 1, 2], rate=1, sound=codec, sound_s=9)
    assert copy(source, tmp_path / "b.mp4") == []
    assert count_frames(tmp_path / "b.mp4") == 3
    assert heard(tmp_path / "b.mp4")[2:] == pytest.approx((0, 9), abs=0.2)
    assert copy(source, tmp_path / "c.mp4", Part(0.5, 5)) == []
    assert heard(tmp_path / "c.mp4")[2:] == pytest.approx((0, 4.5), abs=0.2)


@pytest.mark.parametrize(("ending", "codec"), [("mkv", "mp2"), ("ts", "mp2"), ("ts", "aac"), ("mkv", "ac3")])
def test_a_part_has_its_own_sound(tmp_path, ending, codec):
    source = sounding(tmp_path / f"a.{ending}", codec, 48000)
    with av.open(str(source)) as container:
        begin_s = next(container.decode(video=0)).time
    assert copy(source, tmp_path / "b.mp4", Part(begin_s + 0.6, begin_s + 1.4)) == []
    _, _, first_s, last_s = heard(tmp_path / "b.mp4")
    assert (first_s, last_s) == pytest.approx((0.4, 0.8), abs=0.1)


def test_sound_that_cannot_be_decoded_is_missed(tmp_path):
    source = write_film(tmp_path / "a.mkv", gray_steps(5), sound="aac")
    source.write_bytes(source.read_bytes().replace(b"A_AAC", b"A_ZZZ"))
    problems = copy(source, tmp_path / "b.mp4")
    assert problems == [
        f"{source}: its sound is of a codec that this FFmpeg cannot decode; the annotated copy is silent"
    ]
    assert count_frames(tmp_path / "b.mp4") == 5


def test_sound_that_cannot_be_opened_is_missed(tmp_path):
    source = write_film(tmp_path / "a.mp4", gray_steps(5), sound="aac")
    problems = []
    film = open_film(source)
    frames = list(film.frames(Part(), after=None, on_problem=pytest.fail))
    source.unlink()
    with annotated_film(tmp_path / "b.mp4", film, on_problem=problems.append) as writer:
        for frame in frames:
            writer.write(frame.pixels, frame.time_s)
    film.close()
    assert "its sound cannot be read (No such file or directory); the annotated copy is silent" in problems[0]
    assert count_frames(tmp_path / "b.mp4") == 5

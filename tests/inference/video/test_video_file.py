from fractions import Fraction

import av
import numpy as np
import pytest

from mien.errors import MissingExtraError, UsageError, VideoError
from mien.inference.video.frames import Part, open_film
from tests.films_on_disk import gray_steps, step_of, trimmed, write_film


def read(path, part=None, *, after=None):
    """The frames of a film, and what was lost of it."""
    problems = []
    film = open_film(path)
    frames = list(film.frames(part or Part(), after=after, on_problem=problems.append))
    film.close()
    return frames, problems


def test_frames_come_with_their_own_times(tmp_path):
    times = [0.0, 0.04, 0.11, 0.5, 0.52, 1.75, 1.76]
    frames, problems = read(write_film(tmp_path / "a.mp4", gray_steps(7), times=times))
    assert problems == []
    assert [frame.index for frame in frames] == list(range(7))
    assert [step_of(frame.pixels) for frame in frames] == list(range(7))
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=0.001)
    assert frames[0].pixels.shape == (64, 96, 3)
    assert frames[0].pixels.dtype == np.uint8


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_a_part_keeps_the_numbers_of_the_whole(tmp_path, ending):
    path = write_film(tmp_path / f"a.{ending}", gray_steps(50))
    whole, _ = read(path)
    begin_s = whole[0].time_s
    part, problems = read(path, Part(begin_s + 0.99, begin_s + 1.5, every=3))
    assert problems == []
    assert [frame.index for frame in part] == [27, 30, 33, 36]
    assert [frame.time_s for frame in part] == [whole[index].time_s for index in (27, 30, 33, 36)]
    assert [step_of(frame.pixels) for frame in part] == [27, 30, 33, 36]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("last", [0, 13, 48, 49])
def test_reading_goes_on_after_any_frame(tmp_path, ending, last):
    path = write_film(tmp_path / f"a.{ending}", gray_steps(50))
    whole, _ = read(path)
    rest, problems = read(path, after=(last, whole[last].time_s))
    assert problems == []
    assert [(frame.index, frame.time_s) for frame in rest] == [
        (frame.index, frame.time_s) for frame in whole[last + 1 :]
    ]
    assert [step_of(frame.pixels) for frame in rest] == list(range(last + 1, 50))


def far_between(path, count=100):
    """A film with B-frames and a key frame each three seconds."""
    codec, options = (
        ("libx264", {"preset": "veryfast", "sc_threshold": "0"})
        if path.suffix in (".ts", ".mp4")
        else ("mpeg2video", {})
    )
    rng = np.random.default_rng(0)  # noise, for of many small frames in one packet but the first has a time in .mpg
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.gop_size, stream.codec_context.max_b_frames = 75, 2
        for number in range(count):
            pixels = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", ["ts", "mpg", "vob", "mp4"])
@pytest.mark.parametrize("start", [1, 20, 70, 76])
def test_a_part_is_whole_where_key_frames_are_far_between(tmp_path, ending, start):
    path = far_between(tmp_path / f"a.{ending}")
    whole, _ = read(path)
    part, problems = read(path, Part(whole[start].time_s - 0.001))
    assert problems == []
    assert [(frame.index, frame.time_s) for frame in part] == [(frame.index, frame.time_s) for frame in whole[start:]]


@pytest.mark.parametrize("lands", ["late", "nowhere"])
def test_where_no_seek_helps_all_is_decoded(tmp_path, lands):
    path = far_between(tmp_path / "a.mpg")
    whole, _ = read(path)
    film = open_film(path)

    class Late:
        """A container of which each seek lands at its end, or none works."""

        def __init__(self, container):
            self._container = container

        def __getattr__(self, name):
            return getattr(self._container, name)

        def seek(self, offset, **options):
            if lands == "nowhere":
                raise av.error.PermissionError(1, "Operation not permitted")
            self._container.seek(int(whole[-1].time_s / film.stream.time_base), **options)

    film._container = Late(film._container)
    assert [frame.index for frame in film.frames(Part(whole[1].time_s), after=None, on_problem=pytest.fail)] == list(
        range(1, 100)
    )
    film.close()


def test_a_part_of_a_film_that_was_trimmed_without_encoding_keeps_the_numbers_of_the_whole(tmp_path):
    path = trimmed(write_film(tmp_path / "whole.mp4", gray_steps(50)), tmp_path / "a.mp4", 0.6)
    whole, _ = read(path)
    assert [step_of(frame.pixels) for frame in whole] == list(range(15, 50))
    part, problems = read(path, Part(whole[7].time_s, every=5))
    assert problems == []
    assert [(frame.index, frame.time_s) for frame in part] == [(frame.index, frame.time_s) for frame in whole[10::5]]
    assert [step_of(frame.pixels) for frame in part] == list(range(25, 50, 5))


def test_bare_h264_gets_times_from_its_rate(tmp_path):
    frames, _ = read(write_film(tmp_path / "a.h264", gray_steps(20)))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 25 for number in range(20)])
    rest, _ = read(tmp_path / "a.h264", after=(7, frames[7].time_s))
    assert [frame.index for frame in rest] == list(range(8, 20))


def test_expected_frames(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", gray_steps(50)))
    assert film.expected_frames(Part()) == 50
    assert film.expected_frames(Part(0.5, 1.5, every=5)) == 5
    film.close()


@pytest.mark.parametrize(("sound", "start_s"), [("aac", 0.0), (None, 1.0)])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_film_starts_with_its_first_stream(tmp_path, ending, sound, start_s):
    times = [1 + number / 25 for number in range(40)]
    path = write_film(tmp_path / f"a.{ending}", gray_steps(40), times=times, sound=sound)
    film = open_film(path)
    assert film.start_s == pytest.approx(start_s, abs=1e-3)
    film.close()
    assert read(path)[0][0].time_s == pytest.approx(1.0, abs=1e-3)


def test_a_title_in_another_encoding_does_not_matter(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "a title of 1998"
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    written = path.read_bytes()
    path.write_bytes(written.replace(b"a title", b"\xe9 \xfc\xdfe\xe4"))
    assert path.read_bytes() != written
    frames, problems = read(path)
    assert (len(frames), problems) == (1, [])


def sound_only(path):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))


def unknown_codec(path):
    write_film(path, gray_steps(3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))


@pytest.mark.parametrize(
    ("name", "make", "text"),
    [
        ("a.mp4", lambda path: path.write_bytes(b""), "is not a film that can be read"),
        ("a.mp4", lambda path: path.write_text("text " * 100), "is not a film that can be read"),
        ("a.wav", sound_only, "has no video in it"),
        ("a.mp4", unknown_codec, "codec is not one that this FFmpeg can decode"),
        ("a.mp4", lambda path: None, "no such file"),
    ],
)
def test_what_is_no_film(tmp_path, name, make, text):
    make(tmp_path / name)
    with pytest.raises(VideoError, match=text) as caught:
        open_film(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_nobody_answers_at_an_address():
    with pytest.raises(VideoError, match="no stream there"):
        open_film("rtsp://127.0.0.1:9/none")


def test_a_playlist_does_not_reach_the_network(tmp_path):
    playlist = tmp_path / "a.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoError, match="is not a film that can be read"):
        open_film(playlist)


def test_too_large(tmp_path):
    path = write_film(tmp_path / "a.mp4", gray_steps(2))
    with pytest.raises(VideoError, match=r"96 x 64 are more than the limit of 0\.001 megapixels"):
        open_film(path, max_pixels=1000)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"start_s": 2.0, "end_s": 1.0}])
def test_impossible_parts(wrong):
    with pytest.raises(UsageError):
        Part(**wrong)


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4", gray_steps(2))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"mien\[video\]"):
        open_film(path)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_a_film_of_one_frame_a_second_is_whole(tmp_path, ending):
    path = write_film(tmp_path / f"a.{ending}", gray_steps(5), times=range(5), rate=1)
    frames, problems = read(path)
    assert (len(frames), problems) == (5, [])
    rest, problems = read(path, after=(frames[-1].index, frames[-1].time_s))
    assert (rest, problems) == ([], [])


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    write_film(tmp_path / "12:30.mp4", gray_steps(3))
    monkeypatch.chdir(tmp_path)
    assert len(read("12:30.mp4")[0]) == 3


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile a.mp4\n", "#EXTM3U\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n"])
def test_a_text_that_names_another_film_is_none(tmp_path, text):
    write_film(tmp_path / "a.mp4", gray_steps(3))
    (tmp_path / "list").write_text(text)
    with pytest.raises(VideoError, match="is not a film that can be read"):
        open_film(tmp_path / "list")

"""Writes films for the tests: times, sound and damage as wanted."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

CLOCK = Fraction(1, 12800)


def write_film(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    times: Sequence[float] | None = None,
    rate: int = 25,
    sound: str | None = None,
    sound_s: float | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode frames, 25 a second where no times are given; the header says `rate`.

    `sound` is the codec of a tone, as long as the film where `sound_s` says nothing else; a pixel is `aspect` times as
    wide as high.
    """
    times = [number / 25 for number in range(len(frames))] if times is None else times
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream(
            "libx264", rate=rate, options={"bf": "0", "crf": "16", "preset": "ultrafast", "g": "10"}
        )
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.time_base = stream.codec_context.time_base = CLOCK
        tone = out.add_stream(sound, rate=8000, layout="mono") if sound else None
        for picture, time_s in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(time_s / CLOCK), CLOCK
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if tone is not None:
            length_s = times[-1] + 0.04 if sound_s is None else sound_s
            samples = (8000 * np.sin(np.arange(int(8000 * length_s)) / 5)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
            out.mux(tone.encode(frame))
            out.mux(tone.encode(None))
    return path


def gray_steps(count: int, *, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """Plain frames, each a little lighter than the one before; see `step_of`."""
    return [np.full((height, width, 3), 20 + 4 * number % 220, np.uint8) for number in range(count)]


def step_of(pixels: np.ndarray) -> int:
    """Which of the `gray_steps` a decoded frame is."""
    return round((float(pixels.mean()) - 20) / 4)


def turned(path: Path) -> Path:
    """Set the flag that a telephone sets when it is held upright: shown a quarter turn clockwise."""
    return laid(path, 0, 1, -1, 0)


def laid(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Have the header of an MP4 film say that what lies at (x, y) is shown at (a x + c y, b x + d y)."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def trimmed(path: Path, target: Path, seconds: float) -> Path:
    """Cut off the beginning of an MP4 film without encoding it anew: an edit list says what is not shown."""
    with av.open(str(path)) as whole, av.open(str(target), "w", options={"avoid_negative_ts": "disabled"}) as out:
        stream = whole.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is not None:
                off = round(seconds / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - off, packet.dts - off, copy
                out.mux(packet)
    return target


def two_shots(astronaut_pixels: np.ndarray, *, count: int = 24) -> list[np.ndarray]:
    """A smiling face, and from the middle on, in the same place, its mirror image before another background."""
    face = astronaut_pixels[20:240, 120:340]
    tiles = np.random.default_rng(0)
    shots = [
        np.kron(tiles.integers(0, 2, (240 // side, 420 // side, 1), np.uint8), np.full((side, side, 3), 140, np.uint8))
        for side in (30, 12)
    ]
    shots[0][10:230, 90:310], shots[1][10:230, 90:310] = face, face[:, ::-1]
    return [shots[number >= count // 2] for number in range(count)]


def wandering_face(astronaut_pixels: np.ndarray, *, count: int = 50, hidden: range = range(20, 30)) -> list[np.ndarray]:
    """A smiling face that wanders to the right by three pixels a frame, and is hidden for a while."""
    face = astronaut_pixels[20:240, 120:340]
    frames = []
    for number in range(count):
        picture = np.full((240, 420, 3), 90, np.uint8)
        if number not in hidden:
            x = 10 + 3 * (number % 60)
            picture[10:230, x : x + 220] = face
        frames.append(picture)
    return frames

"""Annotated frames -> an MP4 file with the film's own times and its sound."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import import_extra
from mien.files import written_whole
from mien.inference.video.frames import Film
from mien.inference.video.video_file import VideoFile, any_titles

ENCODERS = ("libx264", "libopenh264", "h264", "mpeg4")
"""H.264 by whichever encoder this FFmpeg has, the best first; MPEG-4 part 2 where it has none."""
OPTIONS = {"libx264": {"preset": "veryfast", "crf": "20"}}
SOUND_IN_MP4 = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
"""Sound that goes into the copy as it is; anything else becomes AAC."""
CLOCK = Fraction(1, 90_000)
"""The clock of films that have none of their own, in seconds."""


class FilmWriter:
    """Writes frames to an MP4 file; made by `annotated_film`.

    Args:
        path: the file.
        film: the one that the frames come from; its clock and its sound are taken over.
        start_s: where the copy begins, on the film's own clock, in seconds.
    """

    def __init__(self, path: Path, film: Film, *, start_s: float) -> None:
        self._av: Any = import_extra("av", extra="video", purpose="writing an annotated film")
        self._out = self._av.open(os.path.abspath(path), "w", format="mp4")
        self._start_s = start_s
        self._film = film
        self._clock = film.stream.time_base if isinstance(film, VideoFile) else CLOCK
        self._stream: Any = None
        self._sound: _Sound | None = None
        self._last_pts = -1

    def write(self, pixels: NDArray[np.uint8], time_s: float) -> None:
        """Add a frame.

        Args:
            pixels: (height, width, 3) uint8 RGB; frames of another size than the first are made to fit.
            time_s: on the film's own clock, in seconds.
        """
        if self._stream is None:
            self._open_streams(pixels.shape[1], pixels.shape[0])
        if self._sound is not None:
            self._sound.write_until(time_s)
        frame = self._av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = frame.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        # No two frames may have one time, whatever the film says.
        frame.pts = max(round((time_s - self._start_s) / self._clock), self._last_pts + 1)
        frame.time_base = self._clock
        self._last_pts = frame.pts
        self._out.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            if self._sound is not None:
                self._sound.write_until(self._start_s + float((self._last_pts + 1) * self._clock))
                self._sound.close()
            self._out.mux(self._stream.encode(None))
        self._out.close()

    def _open_streams(self, width: int, height: int) -> None:
        name = next(name for name in ENCODERS if name in self._av.codecs_available)
        rate = self._film.stream.average_rate if isinstance(self._film, VideoFile) else None
        self._stream = self._out.add_stream(name, rate=rate or 25, options=OPTIONS.get(name, {}))
        self._stream.width, self._stream.height = max(width - width % 2, 2), max(height - height % 2, 2)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = self._clock
        if isinstance(self._film, VideoFile) and not self._film.live:
            self._sound = _Sound.of(self._av, self._film.name, self._out, self._start_s)


class _Sound:
    # The sound of a film, on its way into the copy; a reader of its own, for the film's is ahead of it.
    def __init__(self, source: Any, out: Any, start_s: float) -> None:
        self._source = source
        self._out = out
        self._start_s = start_s
        stream = source.streams.audio[0]
        if stream.codec_context.name in SOUND_IN_MP4:
            self._stream = out.add_stream_from_template(stream)
            self._packets = self._copied(stream)
        else:
            self._stream = out.add_stream("aac", rate=stream.rate)
            self._packets = self._encoded(stream)
        if start_s > 0:
            source.seek(int(start_s / stream.time_base), stream=stream, backward=True)
        self._waiting: Any = None

    @classmethod
    def of(cls, av: Any, name: str, out: Any, start_s: float) -> "_Sound | None":
        source = av.open(os.path.abspath(name), **any_titles(av))
        if source.streams.audio and source.streams.audio[0].codec_context is not None:
            return cls(source, out, start_s)
        source.close()
        return None

    def write_until(self, time_s: float) -> None:
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = packet
            if packet is None or packet.pts * packet.time_base > time_s - self._start_s:
                return
            self._out.mux(packet)
            self._waiting = None

    def close(self) -> None:
        self._source.close()

    def _copied(self, stream: Any) -> Iterator[Any]:
        begin = round(self._start_s / stream.time_base)
        for packet in self._source.demux(stream):
            # Sound that begins before the film, as AAC's first packet does, is needed there and nowhere else.
            if packet.dts is None or (begin > 0 and packet.pts < begin):
                continue
            packet.pts -= begin
            packet.dts -= begin
            packet.stream = self._stream
            yield packet

    def _encoded(self, stream: Any) -> Iterator[Any]:
        for frame in self._source.decode(stream):
            if frame.time < self._start_s:
                continue
            frame.pts = round((frame.time - self._start_s) * frame.sample_rate)
            frame.time_base = Fraction(1, frame.sample_rate)
            yield from self._stream.encode(frame)
        yield from self._stream.encode(None)


@contextmanager
def annotated_film(path: Path, film: Film, *, start_s: float = 0.0) -> Iterator[FilmWriter]:
    """Give a writer; the file is there when the block ends well, and not at all when it does not.

    Args:
        path: of the MP4 file.
        film: the one that the frames come from.
        start_s: where the copy begins, on the film's own clock, in seconds.

    Raises:
        MissingExtraError: PyAV is not installed.
        OutputError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        writer = FilmWriter(temporary, film, start_s=start_s)
        try:
            yield writer
        finally:
            writer.close()

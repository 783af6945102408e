"""Annotated frames -> an MP4 file with the film's own times and its sound."""

import errno
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import import_extra
from mien.files import written_whole
from mien.film.sound import Sound, open_sound
from mien.inference.video.frames import Film
from mien.inference.video.video_file import VideoFile

ENCODERS = ("libx264", "libopenh264", "h264", "mpeg4")
"""H.264 by whichever encoder this FFmpeg has, the best first; MPEG-4 part 2 where it has none."""
OPTIONS = {"libx264": {"preset": "veryfast", "crf": "20"}}
CLOCK = Fraction(1, 90_000)
"""The clock of films that have none of their own, in seconds."""


class FilmWriter:
    """Writes frames to an MP4 file; made by `annotated_film`.

    Args:
        path: the file.
        film: the one that the frames come from; its clock and its sound are taken over.
        start_s: where the copy begins, on the film's own clock, in seconds.
        end_s: where it ends; its sound may last longer than its pictures.
        on_problem: told in one line what of the sound is lost.
    """

    def __init__(
        self, path: Path, film: Film, *, start_s: float, end_s: float, on_problem: Callable[[str], None]
    ) -> None:
        self._av: Any = import_extra("av", extra="video", purpose="writing an annotated film")
        self._out = self._av.open(os.path.abspath(path), "w", format="mp4")
        self._start_s = start_s
        self._end_s = end_s
        self._on_problem = on_problem
        self._film = film
        self._clock = film.stream.time_base if isinstance(film, VideoFile) else CLOCK
        self._stream: Any = None
        self._sound: Sound | None = None
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
            self._mux(self._sound.until(time_s))
        frame = self._av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = frame.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        # No two frames may have one time, whatever the film says.
        frame.pts = max(round((time_s - self._start_s) / self._clock), self._last_pts + 1)
        frame.time_base = self._clock
        self._last_pts = frame.pts
        self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what is held back, and the rest of the sound: the last picture stands while it lasts."""
        if self._stream is not None:
            self._mux(self._stream.encode(None))
            if self._sound is not None:
                self._mux(self._sound.until(self._end_s))

    def close(self) -> None:
        """Close the file."""
        try:
            with self._sound_may_fail():
                self._out.close()
        finally:
            if self._sound is not None:
                self._sound.close()
        if self._sound is not None and self._sound.damaged:
            self._on_problem(
                f"{self._film.name}: its sound is damaged in places, which are left out of the annotated copy"
            )

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            with self._sound_may_fail():
                self._out.mux(packet)

    @contextmanager
    def _sound_may_fail(self) -> Iterator[None]:
        # Packets are held back until some of the other stream have come, so what fails may be one from before. It is
        # the sound's, for the picture comes from an encoder; a full disk is another thing. -1, which FFmpeg says of a
        # packet, reads as EPERM.
        try:
            yield
        except self._av.FFmpegError as error:
            if self._sound is None or (isinstance(error, OSError) and error.errno != errno.EPERM):
                raise
            self._sound.damaged = True

    def _open_streams(self, width: int, height: int) -> None:
        name = next(name for name in ENCODERS if name in self._av.codecs_available)
        rate = self._film.stream.average_rate if isinstance(self._film, VideoFile) else None
        self._stream = self._out.add_stream(name, rate=rate or 25, options=OPTIONS.get(name, {}))
        self._stream.width, self._stream.height = max(width - width % 2, 2), max(height - height % 2, 2)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = self._clock
        if isinstance(self._film, VideoFile) and not self._film.live:
            self._sound = open_sound(self._film.name, self._out, start_s=self._start_s, on_problem=self._on_problem)
        self._out.start_encoding()


@contextmanager
def annotated_film(
    path: Path, film: Film, *, start_s: float = 0.0, end_s: float | None = None, on_problem: Callable[[str], None]
) -> Iterator[FilmWriter]:
    """Give a writer; the file is there when the block ends well, and not at all when it does not.

    Args:
        path: of the MP4 file.
        film: the one that the frames come from.
        start_s: where the copy begins, on the film's own clock, in seconds.
        end_s: where it ends; None is the end of the film.
        on_problem: told in one line what of the sound is lost, at the latest when the block ends.

    Raises:
        MissingExtraError: PyAV is not installed.
        OutputError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        end_s = math.inf if end_s is None else end_s
        writer = FilmWriter(temporary, film, start_s=start_s, end_s=end_s, on_problem=on_problem)
        try:
            yield writer
            writer.finish()
        finally:
            writer.close()

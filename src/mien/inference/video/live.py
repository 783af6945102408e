"""A camera, analysed as it runs: the newest frame is kept and older ones are dropped, so that it never lags behind."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from mien.errors import VideoError
from mien.inference.analyzer import Analyzer
from mien.inference.video.analyzer import VideoAnalyzer, VideoSettings
from mien.inference.video.frames import Film, FilmSource, Frame, Part, open_film
from mien.video_results import FrameResult


def live(
    source: FilmSource = 0, *, analyzer: Analyzer | None = None, settings: VideoSettings | None = None
) -> Iterator[FrameResult]:
    """Watch a camera or a stream; a film is played at its own speed.

    Frames that arrive while another one is worked on are dropped, except for the newest: gaps in `FrameResult.index`
    count them. Leaving the loop lets go of the camera.

    Args:
        source: the number of a camera, the address of a stream, or a film.
        analyzer: finds and scores the faces; None takes one with all defaults.
        settings: how faces are followed.

    Yields:
        One result a frame that could be analysed, with its pixels. After the end of a film there are no more.

    Raises:
        VideoError: there is no such camera, it is busy, or it goes away.
        MissingExtraError: SciPy, or for a stream PyAV, is not installed.
    """
    analyzer = analyzer or Analyzer()
    film = open_film(source, max_pixels=analyzer.max_pixels)
    video = VideoAnalyzer(analyzer, settings, source=film.name)
    newest = _Newest(film)
    try:
        while (frame := newest.take()) is not None:
            (result,) = video.step([(frame.pixels, frame.time_s)], pixels=True)
            yield replace(result, index=frame.index)
    finally:
        newest.stop()
    if newest.problems and film.live:
        raise VideoError(newest.problems[-1])


class _Newest:
    # Reads a film in a thread of its own and keeps the last frame.
    def __init__(self, film: Film) -> None:
        self.problems: list[str] = []
        self._film = film
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._read, name=f"mien {film.name}", daemon=True)
        self._thread.start()

    def take(self) -> Frame | None:
        """Wait for a frame that was not taken yet; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._stopped)
            if self._error is not None:
                raise self._error
            frame, self._frame = self._frame, None
            return frame

    def stop(self) -> None:
        """Let go of the camera."""
        with self._changed:
            self._stopped = True
        self._thread.join(timeout=5)  # a camera that hangs in its driver is left to it

    def _read(self) -> None:
        begin = time.monotonic()
        first_s: float | None = None
        try:
            for frame in self._film.frames(Part(), after=None, on_problem=self.problems.append):
                first_s = frame.time_s if first_s is None else first_s
                if not self._film.live:
                    time.sleep(max(begin + frame.time_s - first_s - time.monotonic(), 0))
                with self._changed:
                    if self._stopped:
                        break
                    self._frame = frame
                    self._changed.notify()
        except BaseException as error:  # handed to whoever waits for frames
            self._error = error
        finally:
            self._film.close()
            with self._changed:
                self._stopped = True
                self._changed.notify()

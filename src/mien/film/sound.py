"""The sound of a film -> its annotated copy: as it is where an MP4 file takes it, as AAC otherwise."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any

from mien.errors import import_extra
from mien.inference.video.video_file import any_titles, packets_of

SOUND_IN_MP4 = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
"""Sound that goes into the copy as it is, where it can be written; anything else becomes AAC."""
AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
"""Samples a second that AAC knows; any other sound gets `OTHER_RATE`."""
OTHER_RATE = 48000


class Sound:
    """Gives the sound of a film packet by packet; made by `open_sound`. Damage costs what is damaged, not the rest.

    Args:
        source: the film, opened for this alone.
        out: the copy.
        start_s: where the copy begins, on the film's own clock, in seconds.

    Attributes:
        damaged: whether something could not be read or written; the writer of the copy notes it too.
    """

    def __init__(self, source: Any, out: Any, start_s: float) -> None:
        self._av: Any = import_extra("av", extra="video", purpose="writing an annotated film")
        self._source = source
        self._start_s = start_s
        self._from = source.streams.audio[0]
        self.damaged = False
        if self._from.codec_context.name in SOUND_IN_MP4 and _taken_as_it_is(self._av, self._from):
            self._stream = out.add_stream_from_template(self._from)
            self._packets = self._copied()
        else:
            rate = self._from.rate
            self._stream = out.add_stream("aac", rate=rate if rate in AAC_RATES else OTHER_RATE)
            self._packets = self._encoded()
        if start_s > 0:
            with suppress(self._av.FFmpegError):  # what comes before is passed over anyway
                source.seek(int(start_s / self._from.time_base), stream=self._from, backward=True)
        self._waiting: Any = None
        self._kind: tuple[str, str, int] | None = None  # format, layout and rate of the frames that come
        self._resampler: Any = None
        self._next_s = 0.0

    def until(self, time_s: float) -> Iterator[Any]:
        """Yield the packets up to a time that were not yielded yet.

        Args:
            time_s: on the film's own clock, in seconds.
        """
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = packet
            if packet is None or packet.pts * packet.time_base > time_s - self._start_s:
                return
            self._waiting = None
            yield packet

    def close(self) -> None:
        """Close the film."""
        self._source.close()

    def _read(self) -> Iterator[Any]:
        packets = packets_of(self._source, self._from)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self._av.FFmpegError:
                self.damaged = True
                return
            yield packet

    def _copied(self) -> Iterator[Any]:
        begin = round(self._start_s / self._from.time_base)
        for packet in self._read():
            if packet.dts is None:
                continue
            pts = packet.dts if packet.pts is None else packet.pts
            # Sound that begins before the film, as AAC's first packet does, is needed there and nowhere else.
            if begin > 0 and pts < begin:
                continue
            packet.pts, packet.dts = pts - begin, packet.dts - begin
            packet.stream = self._stream
            yield packet

    def _encoded(self) -> Iterator[Any]:
        for packet in self._read():
            try:
                frames = packet.decode()
            except self._av.FFmpegError:
                self.damaged = True
                continue
            for frame in frames:
                time_s = self._next_s if frame.time is None else frame.time
                self._next_s = time_s + frame.samples / frame.sample_rate
                if time_s >= self._start_s:
                    frame.pts = round((time_s - self._start_s) * frame.sample_rate)
                    frame.time_base = Fraction(1, frame.sample_rate)
                    yield from self._as_aac(frame)
        yield from self._as_aac(None)

    def _as_aac(self, frame: Any) -> Sequence[Any]:
        # None stands for the end.
        try:
            packets = [packet for ready in self._resampled(frame) for packet in self._stream.encode(ready)]
            return packets if frame is not None else [*packets, *self._stream.encode(None)]
        except self._av.FFmpegError:
            self.damaged = True
            return []

    def _resampled(self, frame: Any) -> list[Any]:
        # The encoder takes frames of one kind only, and a broadcast may go from one to two channels and back.
        kind = frame and (frame.format.name, frame.layout.name, frame.sample_rate)
        ready = []
        if kind != self._kind:
            if self._resampler is not None:
                ready = [rest for rest in self._resampler.resample(None) if rest is not None]
            self._kind = kind
            into = self._stream.codec_context
            self._resampler = self._av.AudioResampler(format=into.format, layout=into.layout, rate=into.sample_rate)
        return ready + (self._resampler.resample(frame) if frame is not None else [])


def open_sound(name: str, out: Any, *, start_s: float, on_problem: Callable[[str], None]) -> Sound | None:
    """Open the sound of a film and make room for it in a copy; None where there is none.

    Args:
        name: path of the film.
        out: the copy, an output container of PyAV that has not been begun.
        start_s: where the copy begins, on the film's own clock, in seconds.
        on_problem: told in one line that there is sound, and that it cannot be read.
    """
    av: Any = import_extra("av", extra="video", purpose="writing an annotated film")
    try:
        source = av.open(os.path.abspath(name), **any_titles(av))
    except av.FFmpegError as error:
        on_problem(f"{name}: its sound cannot be read ({error.strerror}); the annotated copy is silent")
        return None
    if source.streams.audio and source.streams.audio[0].codec_context is not None:
        return Sound(source, out, start_s)
    if source.streams.audio:
        on_problem(f"{name}: its sound is of a codec that this FFmpeg cannot decode; the annotated copy is silent")
    source.close()
    return None


def _taken_as_it_is(av: Any, stream: Any) -> bool:
    # Whether a header can be written: not with MP3 of less than 16 kHz, for one, nor with all that damage may say.
    trial = av.open(io.BytesIO(), "w", format="mp4")
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    finally:
        with suppress(av.FFmpegError):  # a file without a packet may be none
            trial.close()
    return True

"""Video files and network streams -> frames, with PyAV (FFmpeg's libraries)."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from typing import Any

from mien.errors import VideoError, import_extra
from mien.inference.video.display import Display, shown_size
from mien.inference.video.frames import Frame, Part, check_frame

TIMEOUT_S = 15.0
"""A network stream that is silent for this long is given up."""
EARLY_S = 0.5
"""A film that ends this much before the time that its own header gives is told to end early."""
SOUND_S = 2.0
"""The same where the header gives the length of the whole file, for its sound may be longer than its picture."""
LEAD_S = 5.0
"""What should begin where the film does is sought so much before: a seek goes by the times at which frames are decoded,
and with B-frames those are earlier."""
FORMATS = (
    "aac,apng,asf,avi,bmp_pipe,dv,flac,flv,gif,h264,hevc,image2,ivf,jpeg_pipe,m4v,matroska,mjpeg,mov,mp3,mpeg,mpegts,"
    "mpegvideo,mpjpeg,mxf,nut,obu,ogg,png_pipe,rm,tiff_pipe,wav,webp,webp_pipe,yuv4mpegpipe"
)
"""What is read from a file, by FFmpeg's names. Playlists are not among it: such a text has other files opened, those of
other clients of a server too."""


def any_titles(av: Any) -> dict[str, str]:
    """Return what `av.open` must be told so that titles in another encoding than UTF-8 do not matter.

    Since PyAV 19 they never do, and it takes no word about them.
    """
    return {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def packets_of(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets of a stream.

    At the end of a damaged film PyAV stumbles over streams that seemed to begin on the way; by then all packets are
    out.

    Raises:
        FFmpegError: of PyAV; the container cannot be read on.
    """
    with suppress(IndexError):
        yield from container.demux(stream)


class VideoFile:
    """A film in a file or at an address.

    Args:
        name: its path or address.
        live: whether its frames come once, in real time.
        max_pixels: larger frames are refused.

    Raises:
        VideoError: it is no film, has no picture, or a codec that cannot be decoded.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, name: str, *, live: bool, max_pixels: int) -> None:
        self.name = name
        self.live = live
        self._max_pixels = max_pixels
        self._display = Display()
        self._av: Any = import_extra("av", extra="video", purpose="decoding a film")
        self._container = self._open()
        self.start_s = (self._container.start_time or 0) / self._av.time_base
        try:
            self.stream = self._video_stream()
            # Without a word of its own about them the container has the codec's, and those may change on the way.
            aspect = self.stream.sample_aspect_ratio
            self._aspect = None if aspect == self.stream.codec_context.sample_aspect_ratio else aspect
            self._size_of(self.stream)
        except VideoError:
            self.close()
            raise
        self.stream.thread_type = "AUTO"

    def expected_frames(self, part: Part) -> int | None:
        """Return about how many frames there will be, by the header."""
        rate = self.stream.average_rate
        until_s = self._promised_s()[0]
        if until_s is None or not rate or self.live:
            return None
        begin_s = self._begin_s()
        from_s = max(part.start_s or begin_s, begin_s)
        to_s = min(until_s if part.end_s is None else part.end_s, until_s)
        return max(round((to_s - from_s) * float(rate)) // part.every, 0)

    def frames(
        self, part: Part, *, after: tuple[int, float] | None, on_problem: Callable[[str], None]
    ) -> Iterator[Frame]:
        """Yield the frames one after the other; see `mien.inference.video.frames.Film`."""
        begin_s = after[1] if after else part.start_s
        problems: list[str] = []
        seeks = begin_s is not None and begin_s > self._begin_s() and self._seekable and not (after and self._joinable)
        decoded = self._decoded_from(begin_s, problems) if seeks and begin_s is not None else self._decoded(problems)
        index = after[0] + 1 if after else -1 if seeks else 0  # -1: not known yet
        clock = _Clock(self.stream)
        lost, reached = 0, after is None
        try:
            for frame in decoded:
                if frame is None:
                    if reached and index >= 0:
                        lost, index = lost + 1, index + 1
                    continue
                time_s = clock.time_s(frame)
                reached = reached or after is None or time_s > after[1]
                if not reached:
                    continue
                if part.start_s is not None and time_s < part.start_s:
                    index += index >= 0
                    continue
                if part.end_s is not None and time_s >= part.end_s:
                    break
                if index < 0:
                    index = self._count_before(time_s)
                if frame.is_corrupt:
                    lost += 1
                elif index % part.every == 0:
                    yield Frame(index, time_s, self._display.pixels(frame, self._size_of(frame)))
                index += 1
            else:
                self._check_end(clock.end_s, part, problems)
        finally:  # told too where the caller stops before the end, for those who go on from there do not see it again
            if lost:  # at least: decoders pass over some of the damage in silence
                problems.append(f"{self.name}: at least {lost} frame{'s' * (lost > 1)} damaged and left out")
            for problem in problems:
                on_problem(problem)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _open(self) -> Any:
        # Over UDP, FFmpeg's default, a lost packet is half a gray picture. A file has no business on the network: a
        # playlist that somebody sends as a film could ask for any address.
        options = (
            {"rtsp_transport": "tcp"} if self.live else {"protocol_whitelist": "file", "format_whitelist": FORMATS}
        )
        place = self.name if self.live else os.path.abspath(self.name)  # "12:30.mp4" would be a file of the protocol 12
        timeout = TIMEOUT_S if self.live else None
        try:
            return self._av.open(place, options=options, timeout=timeout, **any_titles(self._av))
        except self._av.FFmpegError as error:
            if self.live:
                raise VideoError(
                    f"{self.name}: no stream there ({error.strerror}); check the address, the camera and the network"
                ) from error
            raise VideoError(
                f"{self.name}: is not a film that can be read, or its end is missing ({error.strerror}); copy or "
                "download it again"
            ) from error

    def _video_stream(self) -> Any:
        covers = self._av.stream.Disposition.attached_pic
        streams = [stream for stream in self._container.streams.video if not stream.disposition & covers]
        if not streams:
            raise VideoError(f"{self.name}: has no video in it; give a film, not a sound file")
        stream = streams[0]
        if stream.codec_context is None:
            raise VideoError(
                f"{self.name}: its video codec is not one that this FFmpeg can decode; convert it: "
                "ffmpeg -i FILE -c:v libx264 -c:a copy NEW.mp4"
            )
        return stream

    def _size_of(self, picture: Any) -> tuple[int, int]:
        # As it is shown, of a frame or of all of them.
        aspect: Fraction | None = self._aspect or self.stream.codec_context.sample_aspect_ratio
        size = shown_size(picture.width, picture.height, aspect)
        check_frame(*size, name=self.name, max_pixels=self._max_pixels)
        return size

    def _decoded(self, problems: list[str]) -> Iterator[Any]:
        # Damage costs the frames that are damaged, not those after; None stands for one that could not be decoded.
        cut = False
        packets = packets_of(self._container, self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except self._av.FFmpegError as error:
                what = "stopped" if self.live else "cannot be read to its end"
                problems.append(f"{self.name}: {what} ({error.strerror}); what came before is complete")
                break
            cut = cut or packet.is_corrupt
            try:
                yield from packet.decode()
            except self._av.FFmpegError:
                yield None
        if cut:
            problems.append(
                f"{self.name}: ends in the middle of a frame, it has been cut off; what came before is complete"
            )

    def _decoded_from(self, begin_s: float, problems: list[str]) -> Iterator[Any]:
        # Begins at or before a time. Some containers have no index, and a seek lands too late: it is tried earlier, and
        # where that does not help either, everything is decoded.
        for target_s in self._earlier_and_earlier(begin_s):
            problems.clear()
            with suppress(self._av.FFmpegError):
                self._container.seek(int(target_s / self.stream.time_base), stream=self.stream, backward=True)
                frames = self._decoded(problems)
                first = next((frame for frame in frames if frame is not None), None)
                if first is not None and first.time is not None and first.time <= begin_s:
                    return chain([first], frames)
        problems.clear()
        place = self.stream.index
        self.close()
        self._container = self._open()
        self.stream = self._container.streams[place]
        self.stream.thread_type = "AUTO"
        return self._decoded(problems)

    def _earlier_and_earlier(self, begin_s: float) -> Iterator[float]:
        back_s = 0.0
        while begin_s - back_s > self._begin_s():
            yield begin_s - back_s
            back_s = max(2 * back_s, 1.0)
        yield self._begin_s() - LEAD_S

    @property
    def _seekable(self) -> bool:
        return not self.live and self.stream.start_time is not None

    @property
    def _joinable(self) -> bool:
        # Such films (.ts, .vob) are cut and joined as they are; the clock begins anew there, and a seek to a time may
        # land behind a join.
        return bool(self._container.format.flags & self._av.format.Flags.ts_discont.value)

    def _begin_s(self) -> float:
        start = self.stream.start_time
        return 0.0 if start is None else float(start * self.stream.time_base)

    def _promised_s(self) -> tuple[float | None, float]:
        # When the film should end on its own clock, and how much earlier it may end all the same.
        if self.stream.duration:
            return self._begin_s() + float(self.stream.duration * self.stream.time_base), EARLY_S
        if (tagged_s := _tagged_s(self.stream.metadata)) > 0:
            return tagged_s, EARLY_S
        if self._container.duration:
            silent = not self._container.streams.audio
            return self._begin_s() + self._container.duration / self._av.time_base, EARLY_S if silent else SOUND_S
        return None, 0.0

    def _check_end(self, end_s: float | None, part: Part, problems: list[str]) -> None:
        promised_s, tolerance_s = self._promised_s()
        if promised_s is None or self.live:
            return
        if part.end_s is not None:
            promised_s = min(promised_s, part.end_s)
        if end_s is not None and end_s < promised_s - tolerance_s:
            problems.append(
                f"{self.name}: ends at {end_s:.2f} s, though its header promises {promised_s:.2f} s; what came before "
                "is complete"
            )

    def _count_before(self, time_s: float) -> int:
        count = 0
        with self._open() as container, suppress(self._av.FFmpegError):
            stream = container.streams[self.stream.index]
            for packet in packets_of(container, stream):
                # What was trimmed off without encoding anew is in the file still, and never comes as a frame.
                shown = packet.pts is not None and not packet.is_discard
                count += shown and float(packet.pts * stream.time_base) < time_s
        return count


class _Clock:
    # Frames without a timestamp (bare H.264, for one) get one from the rate. `end_s`: when the last one that came ends.
    def __init__(self, stream: Any) -> None:
        self._rate = float(stream.average_rate or stream.guessed_rate or 25)
        self._next_s = 0.0
        self.end_s: float | None = None

    def time_s(self, frame: Any) -> float:
        time_s = self._next_s if frame.time is None else float(frame.time)
        self._next_s = time_s + 1 / self._rate
        lasts_s = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 1 / self._rate
        self.end_s = time_s + lasts_s
        return time_s


def _tagged_s(metadata: dict[str, str]) -> float:
    # Matroska's tag of one stream; 0 where there is none. FFmpeg writes when it ends, mkvmerge how long it is;
    # taken as an end, neither has a whole film called cut off.
    found = re.fullmatch(r"(\d{1,4}):(\d\d):(\d\d(?:\.\d+)?)", metadata.get("DURATION", ""))
    hours, minutes, seconds = found.groups() if found else (0, 0, 0)
    return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)

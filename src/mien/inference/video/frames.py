"""Anything that a caller may have as a film -> upright RGB frames with their times."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError, VideoError
from mien.inference.image import MAX_PIXELS, PICTURE_SUFFIXES

FilmSource = str | os.PathLike[str] | int
"""What may be given as a film: a file, a folder of pictures, the address of a stream, or the number of a camera."""

VIDEO_SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".gif",
        ".h264",
        ".hevc",
        ".m2ts",
        ".m4v",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".y4m",
    ]
)
"""Endings by which a folder's films are told from its other files, in lower case."""

SEQUENCE_RATE = 25.0
"""Frames a second of a folder of pictures, where nobody says otherwise."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a film.

    Attributes:
        index: its number, counted from 0 at the beginning of the film, also where a part of it is read.
        time_s: on the film's own clock, in seconds.
        pixels: (height, width, 3) uint8 RGB, upright.
    """

    index: int
    time_s: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Part:
    """Which frames of a film are wanted.

    Attributes:
        start_s: none before this, on the film's own clock; None from the beginning.
        end_s: none from this on; None to the end.
        every: only each n-th frame, by its index.

    Raises:
        UsageError: nothing could be left.
    """

    start_s: float | None = None
    end_s: float | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"every is {self.every}: it counts frames; give 1 (all frames) or more")
        if self.start_s is not None and self.end_s is not None and not self.start_s < self.end_s:
            raise UsageError(f"start {self.start_s:g} s is not before end {self.end_s:g} s; swap them or leave one out")


class Film(Protocol):
    """A film that has been opened.

    Attributes:
        name: what was given, for results and messages.
        live: whether its frames can be had only once.
        start_s: when it begins on its own clock, with its picture or its sound.
    """

    name: str
    live: bool
    start_s: float

    def expected_frames(self, part: Part) -> int | None:
        """Return about how many frames there will be, None where nobody knows; for progress bars."""
        ...

    def frames(
        self, part: Part, *, after: tuple[int, float] | None, on_problem: Callable[[str], None]
    ) -> Iterator[Frame]:
        """Yield the frames one after the other.

        Args:
            part: which frames are wanted.
            after: index and time of the last frame that is known already; the frames after it are yielded.
            on_problem: told, in one line each, what was lost: damaged frames, an early end.

        Raises:
            VideoError: a frame is too large.
        """
        ...

    def close(self) -> None:
        """Let go of the file or the camera."""
        ...


def open_film(source: FilmSource, *, rate: float = SEQUENCE_RATE, max_pixels: int = MAX_PIXELS) -> Film:
    """Open a film.

    Args:
        source: a video file; a folder of pictures, taken in the order of the numbers in their names; an address such as
            ``rtsp://camera.local/stream``; or the number of a camera (0, or ``"0"`` where nothing
            has that name, is the first).
        rate: frames a second, of a folder of pictures.
        max_pixels: larger frames are refused.

    Raises:
        VideoError: there is no such film, it cannot be decoded, or the camera is busy.
        MissingExtraError: a video file without PyAV.
    """
    from mien.inference.video.camera import Camera
    from mien.inference.video.pictures import PictureFolder
    from mien.inference.video.video_file import VideoFile

    name = os.fspath(source) if not isinstance(source, int) else str(source)
    camera = re.fullmatch(r"\d{1,3}|/dev/video\d+", name)
    path = Path(name)
    if camera and (isinstance(source, int) or not (path.is_file() or path.is_dir())):
        return Camera(int(name) if name.isdecimal() else name, max_pixels=max_pixels)
    if is_address(name):
        return VideoFile(name, live=True, max_pixels=max_pixels)
    if path.is_dir():
        return PictureFolder(path, rate=rate, max_pixels=max_pixels)
    if not path.exists():
        raise VideoError(f"{name}: no such file; check the path")
    return VideoFile(name, live=False, max_pixels=max_pixels)


def is_address(name: str) -> bool:
    """Return whether a name is the address of a stream, such as ``rtsp://camera.local/stream``."""
    return re.match(r"[a-z][a-z0-9+.-]+://", name, re.IGNORECASE) is not None


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures that lie in a folder itself; numbers in their names count as numbers (2 before 10).

    Raises:
        VideoError: the folder may not be read.
    """
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    except OSError as error:
        raise VideoError(f"{folder}: cannot be read ({error.strerror}); check the folder's permissions") from error
    return sorted(found, key=lambda path: [(int(digits or -1), text) for digits, text in _PARTS.findall(path.name)])


_PARTS = re.compile(r"(\d+)|(\D+)")


def check_frame(width: int, height: int, *, name: str, max_pixels: int) -> None:
    """Refuse frames that are too large.

    Raises:
        VideoError: they are.
    """
    if width * height > max_pixels:
        raise VideoError(
            f"{name}: frames of {width} x {height} are more than the limit of {max_pixels / 1e6:g} megapixels; "
            "make the film smaller, or raise the limit (max_pixels=, --max-megapixels)"
        )

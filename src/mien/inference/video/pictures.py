"""A folder of pictures -> the frames of a film."""

from collections.abc import Callable, Iterator
from pathlib import Path

from mien.errors import PictureError, UsageError, VideoError
from mien.inference.image import read_picture
from mien.inference.video.frames import Frame, Part, pictures_in


class PictureFolder:
    """Pictures that are the frames of a film; the n-th is shown n / rate seconds after the first.

    Args:
        folder: they lie in it, and not in its subfolders.
        rate: frames a second.
        max_pixels: larger pictures are refused.

    Raises:
        VideoError: there is no picture.
        UsageError: an impossible rate.
    """

    live = False
    start_s = 0.0

    def __init__(self, folder: Path, *, rate: float, max_pixels: int) -> None:
        if not 0 < rate < float("inf"):
            raise UsageError(f"rate is {rate:g}: it counts frames a second; give more than 0")
        self.name = str(folder)
        self._rate = rate
        self._max_pixels = max_pixels
        self._files = pictures_in(folder)
        if not self._files:
            raise VideoError(f"{folder}: no pictures in this folder; give a film or a folder of its frames")

    def expected_frames(self, part: Part) -> int | None:
        """Return how many frames there will be."""
        return len(self._wanted(part, None))

    def frames(
        self, part: Part, *, after: tuple[int, float] | None, on_problem: Callable[[str], None]
    ) -> Iterator[Frame]:
        """Yield the frames one after the other; see `mien.inference.video.frames.Film`."""
        for index in self._wanted(part, after):
            try:
                pixels = read_picture(self._files[index], max_pixels=self._max_pixels)
            except PictureError as error:
                on_problem(str(error))
                continue
            yield Frame(index, index / self._rate, pixels)

    def close(self) -> None:
        """Nothing is open between two frames."""

    def _wanted(self, part: Part, after: tuple[int, float] | None) -> list[int]:
        first = after[0] + 1 if after else 0
        return [
            index
            for index in range(first, len(self._files))
            if index % part.every == 0
            and (part.start_s is None or index / self._rate >= part.start_s)
            and (part.end_s is None or index / self._rate < part.end_s)
        ]

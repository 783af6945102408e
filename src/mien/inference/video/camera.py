"""A camera of this machine -> frames, with OpenCV, which knows the cameras of every system."""

import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from mien.errors import VideoError
from mien.inference.video.frames import Frame, Part, check_frame


class Camera:
    """A camera; its clock starts with its first frame.

    Args:
        device: its number, 0 for the first, or its path.
        max_pixels: larger frames are refused.

    Raises:
        VideoError: there is no such camera, or something else uses it.
    """

    live = True
    start_s = 0.0

    def __init__(self, device: int | str, *, max_pixels: int) -> None:
        self.name = f"camera {device}"
        self._max_pixels = max_pixels
        logging = cv2.utils.logging
        level = logging.getLogLevel()
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # OpenCV prints its own warnings beside our error
        try:
            self._capture = cv2.VideoCapture(device)
        finally:
            logging.setLogLevel(level)
        if not self._capture.isOpened():
            raise VideoError(
                f"{self.name}: cannot be opened; it is not there, or another program uses it (close that one), or this "
                "user may not"
            )

    def expected_frames(self, part: Part) -> int | None:
        """Return None: a camera has no end."""
        return None

    def frames(
        self, part: Part, *, after: tuple[int, float] | None, on_problem: Callable[[str], None]
    ) -> Iterator[Frame]:
        """Yield the frames as they come; see `mien.inference.video.frames.Film`. `after` is without meaning here."""
        start = None
        index = 0
        while True:
            given, picture = self._capture.read()
            now = time.monotonic()
            if not given:
                on_problem(f"{self.name}: gives no more pictures; it was unplugged, or something else took it")
                return
            start = now if start is None else start
            time_s = now - start
            if part.end_s is not None and time_s >= part.end_s:
                return
            if index % part.every == 0 and (part.start_s is None or time_s >= part.start_s):
                check_frame(picture.shape[1], picture.shape[0], name=self.name, max_pixels=self._max_pixels)
                yield Frame(index, time_s, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8))
            index += 1

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()

"""Pixels -> the bytes of a picture file, and what kind of file some bytes are."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import PictureError


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture as PNG, which loses nothing.

    Args:
        picture: gray (height, width) or RGB (height, width, 3).

    Raises:
        PictureError: it is too large for PNG.
    """
    ordered = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, content = cv2.imencode(".png", ordered)
    if not done:
        raise PictureError(f"a picture of {picture.shape} cannot be encoded as PNG; make it smaller")
    return content.tobytes()


def suffix_of(content: bytes) -> str:
    """Return the file name ending that the bytes of an encoded picture call for, whatever the name says."""
    if content.startswith(b"\x89PNG"):
        return ".png"
    if content.startswith(b"\xff\xd8"):
        return ".jpg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    if content.startswith(b"BM"):
        return ".bmp"
    if content.startswith(b"GIF8"):
        return ".gif"
    return ".tif"

"""Anything that a caller may have as a picture -> upright RGB pixels.

The only place that decides about colour and EXIF rotation. Pillow decodes every file, so that a path, its bytes and an
opened PIL picture give identical pixels.
"""

import io
import os
import re
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from mien.errors import PictureError

PictureSource = str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[np.generic] | Image.Image
"""What may be given as a picture."""

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif"})
"""Endings by which a folder's pictures are told from its other files, in lower case."""

MAX_PIXELS = 100_000_000
"""Default limit on the decoded size: 100 megapixels."""

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "PPM", "TIFF", "WEBP", "AVIF")
"""What is decoded, by Pillow's names. Not all that Pillow knows: for EPS it would run another program on the file."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation."""

ADDRESS = re.compile(r"(https?|ftp|s3|gs):/|data:", re.IGNORECASE)
"""How the address of a picture on the web begins; a path has lost its second slash."""


class _WithoutPillowsLimit:
    # Pillow has one limit of its own for the whole process, and asks it while it reads a header and, of a TIFF, once
    # more while it decodes. mien's limit is an argument and is checked in between. Threads may be within together.
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._before: int | None = None
        if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
            os.register_at_fork(after_in_child=self._forget_threads)

    def _forget_threads(self) -> None:
        # Threads that were within, or held the lock, do not exist in a forked process, and would never leave there.
        if self._within:
            Image.MAX_IMAGE_PIXELS = self._before
        self._lock, self._within = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                self._before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._within += 1

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                Image.MAX_IMAGE_PIXELS = self._before


without_pillows_limit = _WithoutPillowsLimit()
"""A block within which Pillow has no limit of its own on the size of pictures."""


def read_picture(source: PictureSource, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture to upright RGB.

    Args:
        source: a path, the bytes of an encoded picture, a PIL image, or an array. Arrays are gray (h, w) or (h, w, 1),
            RGB (h, w, 3) or RGBA (h, w, 4), uint8 or uint16, in RGB order; OpenCV's BGR frames go in as
            ``frame[..., ::-1]``.
        max_pixels: pictures with more pixels than this are refused before they are decoded.

    Returns:
        uint8 array (height, width, 3), RGB, contiguous, EXIF rotation applied. Transparent parts are white, 16-bit
        values are scaled to 8 bits, of an animation it is the first frame.

    Raises:
        PictureError: not a picture, truncated, empty, too large, or of a type that cannot be read.
    """
    name = describe(source)
    if isinstance(source, np.ndarray):
        return _from_array(source, name=name, max_pixels=max_pixels)
    if isinstance(source, Image.Image):
        return _from_pillow(source, name=name, max_pixels=max_pixels, is_file=False)
    if isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
    elif isinstance(source, str | os.PathLike):
        content = _read_file(source)
    else:
        raise PictureError(
            f"cannot read a picture from {type(source).__name__}: give a path, bytes, a NumPy array or a PIL image"
            f"{_remedy(source)}"
        )
    if not content:
        raise PictureError(f"{name}: is empty (0 bytes); copy or download it again")
    with _open(content, name=name) as picture:
        return _from_pillow(picture, name=name, max_pixels=max_pixels)


def describe(source: object) -> str:
    """Return a short name of a picture source for messages: the path, or what kind of object it is."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    if isinstance(source, np.ndarray):
        return f"array {source.shape} {source.dtype}"
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or f"PIL image {source.size}")
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{len(source)} bytes"
    return type(source).__name__


def is_one_picture(sources: object) -> bool:
    """Return whether what should be several pictures is one: a path, bytes, a PIL image, or the array of one picture.

    An array of three dimensions is several gray pictures unless the last one is of colours.
    """
    if isinstance(sources, np.ndarray):
        return sources.ndim == 2 or (sources.ndim == 3 and sources.shape[2] in (1, 3, 4))
    return isinstance(sources, str | os.PathLike | bytes | bytearray | memoryview | Image.Image)


def _remedy(source: object) -> str:
    if source is None:  # what cv2.imread answers
        return "; None is what OpenCV gives for a file that it cannot read, so check the path"
    if isinstance(source, list | tuple):
        return "; for several there is analyze_many"
    return "; of an open file its bytes, .read()" if hasattr(source, "read") else ""


def _read_file(source: str | os.PathLike[str]) -> bytes:
    path = Path(source)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unread(path, os.fspath(source), error) from error
    except ValueError as error:  # a character that no name can have
        raise PictureError(f"{str(path)!r}: cannot be the name of a file ({error}); check the path") from error


def _unread(path: Path, given: str, error: OSError) -> PictureError:
    if ADDRESS.match(given):
        return PictureError(
            f"{given[:200]}: mien loads nothing from the web; download it and give the file or its bytes"
        )
    if isinstance(error, FileNotFoundError):
        return PictureError(f"{path}: no such file; check the path")
    if isinstance(error, IsADirectoryError):
        return PictureError(f"{path}: is a folder, not a picture; give the files in it")
    return PictureError(f"{path}: cannot be read ({error.strerror or error}); check the file's permissions")


def _open(content: bytes, *, name: str) -> Image.Image:
    try:
        with without_pillows_limit:
            return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise PictureError(
            f"{name}: is not a picture that can be read; JPEG, PNG, WebP, AVIF, BMP, TIFF and GIF can"
        ) from None
    except Exception as error:  # a damaged header makes Pillow's plugins raise almost anything
        raise PictureError(f"{name}: is damaged ({error}); copy or download it again") from error


def _check_size(width: int, height: int, *, name: str, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise PictureError(f"{name}: has no pixels ({width} x {height}); give a picture of at least 1 x 1")
    if width * height > max_pixels:
        raise PictureError(
            f"{name}: {width} x {height} is more than the limit of {max_pixels / 1e6:g} megapixels; "
            "make it smaller, or raise the limit (max_pixels=, --max-megapixels)"
        )


def _from_pillow(picture: Image.Image, *, name: str, max_pixels: int, is_file: bool = True) -> NDArray[np.uint8]:
    _check_size(*picture.size, name=name, max_pixels=max_pixels)
    try:
        with without_pillows_limit:
            picture.load()
        upright = _upright(picture)
        if upright.mode in ("I;16", "I;16L", "I;16B", "I"):
            # Pillow clips these at 255 when it converts; the values are 16-bit, also where the mode is "I".
            gray = np.clip(np.asarray(upright).astype(np.int64), 0, 65535).astype(np.uint16)
            if isinstance(clear := upright.info.get("transparency"), int):  # the value of a PNG that stands for nothing
                gray[gray == clear] = 65535
            return _from_array(gray, name=name, max_pixels=max_pixels)
        if upright.mode == "F":
            raise PictureError(f"{name}: has floating-point pixels; save it with 8 or 16 bits a channel")
        if upright.mode == "La":
            upright = upright.convert("LA")  # Pillow makes nothing else of it
        if upright.has_transparency_data:
            return _from_array(np.asarray(upright.convert("RGBA")), name=name, max_pixels=max_pixels)
        return np.ascontiguousarray(np.asarray(upright.convert("RGB")))
    except PictureError:
        raise
    except Exception as error:  # truncated or damaged data: OSError, SyntaxError, struct.error, ... by format
        if not is_file:
            raise PictureError(f"{name}: cannot be decoded ({error}); it must be open, and its file whole") from error
        raise PictureError(f"{name}: is truncated or damaged ({error}); copy or download it again") from error


def _upright(picture: Image.Image) -> Image.Image:
    # Not ImageOps.exif_transpose, which writes the EXIF data anew and fails on what it cannot write, such as a text
    # where a number should be: the pixels are whole then.
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # as with a damaged header
        return picture
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def _from_array(array: NDArray[np.generic], *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise PictureError(f"{name}: an array must be (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)")
    height, width = array.shape[:2]
    _check_size(width, height, name=name, max_pixels=max_pixels)
    if array.dtype.newbyteorder("=") == np.uint16:  # TIFF and FITS files hold the other byte order too
        array = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.dtype != np.uint8:
        raise PictureError(
            f"{name}: an array must be uint8 (0..255) or uint16; scale it and convert with .astype('uint8')"
        )
    pixels: NDArray[np.uint8] = array.astype(np.uint8, copy=False)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.uint32)
        over_white = pixels[..., :3] * alpha + 255 * (255 - alpha)
        pixels = ((over_white + 127) // 255).astype(np.uint8)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels)

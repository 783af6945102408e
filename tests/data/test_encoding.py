"""Encoding loses nothing, and bytes say what kind of file they are."""

import io

import numpy as np
import pytest
from PIL import Image

from mien.data.encoding import encode_png, suffix_of
from mien.inference.image import read_picture


@pytest.mark.parametrize("shape", [(48, 48), (7, 5), (48, 48, 3), (1, 1, 3)])
def test_png_gives_every_pixel_back(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    decoded = read_picture(encode_png(picture))
    assert np.array_equal(decoded, picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("BMP", ".bmp"), ("GIF", ".gif"), ("TIFF", ".tif")],
)
def test_the_bytes_decide_the_ending(kind: str, suffix: str) -> None:
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, kind)
    assert suffix_of(content.getvalue()) == suffix

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.errors import PictureError
from mien.inference.image import PICTURE_SUFFIXES, describe, is_one_picture, read_picture, without_pillows_limit
from tests.forking import forked_while_a_thread_is_within

GRADIENT = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8) * 2
COLOR = np.stack([GRADIENT, GRADIENT[::-1], 255 - GRADIENT], axis=2)


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_path_bytes_array_and_pil_give_the_same_pixels(astronaut):
    content = astronaut.read_bytes()
    with Image.open(astronaut) as picture:
        array = np.asarray(picture)
        ways = [str(astronaut), astronaut, content, bytearray(content), memoryview(content), array, picture]
        pixels = [read_picture(way) for way in ways]
    assert all(p.dtype == np.uint8 and p.flags.c_contiguous for p in pixels)
    assert all((p == pixels[0]).all() for p in pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_for_files_and_opened_pictures(orientation):
    upright = Image.fromarray(COLOR)
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # EXIF tag -> the transposition that undoes the viewer's
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(turn[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(stored, "PNG", exif=exif)
    assert (read_picture(content) == COLOR).all()
    with Image.open(io.BytesIO(content)) as opened:
        assert (read_picture(opened) == COLOR).all()


def test_gray_and_palette():
    gray = np.repeat(GRADIENT[..., None], 3, axis=2)
    for source in (GRADIENT, GRADIENT[..., None], encoded(Image.fromarray(GRADIENT), "PNG")):
        assert (read_picture(source) == gray).all()
    palette = encoded(Image.fromarray(GRADIENT).quantize(256), "PNG")
    assert np.abs(read_picture(palette).astype(int) - gray).max() <= 2
    one_bit = read_picture(encoded(Image.fromarray(GRADIENT > 60), "PNG"))
    assert set(np.unique(one_bit)) == {0, 255}


def test_sixteen_bits_are_scaled_and_not_cut_off():
    deep = GRADIENT.astype(np.uint16) * 257
    gray = np.repeat(GRADIENT[..., None], 3, axis=2)
    for source in (deep, encoded(Image.fromarray(deep), "PNG"), encoded(Image.fromarray(deep), "TIFF")):
        assert (read_picture(source) == gray).all()
    assert (read_picture(COLOR.astype(np.uint16) * 257) == COLOR).all()


def test_transparent_parts_are_white_for_files_and_arrays_alike():
    rgba = np.dstack([COLOR, np.full_like(GRADIENT, 255)])
    rgba[:10, :, 3] = 0
    rgba[10:20, :, 3] = 128
    expected = COLOR.astype(float)
    expected[:10] = 255
    expected[10:20] = (expected[10:20] * 128 + 255 * 127) / 255
    for source in (rgba, encoded(Image.fromarray(rgba), "PNG"), Image.fromarray(rgba)):
        assert np.abs(read_picture(source) - expected).max() <= 0.51


def test_the_gray_that_stands_for_nothing_is_white_in_16_bits_too():
    for gray in (GRADIENT, GRADIENT.astype(np.uint16) * 257):
        clear = int(gray[5, 5])
        found = read_picture(encoded(Image.fromarray(gray), "PNG", transparency=clear))[..., 0]
        assert (found == np.where(GRADIENT[5, 5] == GRADIENT, 255, GRADIENT)).all()


def test_cmyk_jpeg():
    content = encoded(Image.fromarray(COLOR).convert("CMYK"), "JPEG", quality=98)
    assert np.abs(read_picture(content).astype(int) - COLOR).mean() < 4


def test_animation_gives_its_first_frame():
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (10, 200)]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert (read_picture(content) == 10).all()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"", "is empty"),
        (b"this is a text, not a picture", "is not a picture that can be read"),
        (png_header(60_000, 60_000), "60000 x 60000 is more than the limit of 100 megapixels"),
        (png_header(12_000, 8_000), "truncated or damaged"),
        ("no/such/file.jpg", "no/such/file.jpg: no such file"),
        (".", "is a folder"),
        (np.zeros((4, 4)), "must be uint8"),
        (np.zeros((4, 4, 2), np.uint8), "must be \\(h, w\\)"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
        (np.zeros(4, np.uint8), "must be \\(h, w\\)"),
        (3, "cannot read a picture from int"),
        (None, "cannot read a picture from NoneType.* OpenCV gives for a file that it cannot read"),
        (["a.jpg"], "cannot read a picture from list.* for several there is analyze_many"),
        (io.BytesIO(), r"cannot read a picture from BytesIO.* its bytes, \.read\(\)"),
        ("https://example.org/a.jpg", "https://example.org/a.jpg: mien loads nothing from the web; download it"),
        ("data:image/png;base64," + "A" * 9999, "^data:image/png;.{150,200}: mien loads nothing from the web"),
    ],
)
def test_bad_input_is_one_line_that_names_it(source, text):
    with pytest.raises(PictureError, match=text) as caught:
        read_picture(source)
    assert "\n" not in str(caught.value)


def test_a_name_that_no_file_can_have():
    with pytest.raises(PictureError, match=r"^'a\\x00b\.jpg': cannot be the name of a file"):
        read_picture("a\0b.jpg")


def test_truncated_jpeg(astronaut):
    content = astronaut.read_bytes()
    with pytest.raises(PictureError, match="truncated or damaged"):
        read_picture(content[: len(content) // 2])


def test_a_pil_picture_that_cannot_be_decoded_is_no_file_to_download(tmp_path):
    Image.fromarray(COLOR).save(tmp_path / "a.jpg")
    closed = Image.open(tmp_path / "a.jpg")
    closed.close()
    cut = Image.open(io.BytesIO((tmp_path / "a.jpg").read_bytes()[:-50]))
    for picture, cause in ((closed, "closed"), (cut, "truncated")):
        with pytest.raises(
            PictureError, match=rf"cannot be decoded \(.*{cause}.*\); it must be open, and its file whole"
        ):
            read_picture(picture)


def test_gray_with_multiplied_transparency_is_read_as_gray_with_transparency():
    gray = Image.fromarray(np.stack([GRADIENT, 255 - GRADIENT], axis=2), "LA")
    assert np.abs(read_picture(gray.convert("La")).astype(int) - read_picture(gray)).max() <= 1


def test_floating_point_tiff_is_refused():
    content = encoded(Image.fromarray(GRADIENT.astype(np.float32)), "TIFF")
    with pytest.raises(PictureError, match="floating-point"):
        read_picture(content)


def test_the_limit_on_pixels_is_the_callers_and_pillow_keeps_its_own():
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(PictureError, match=r"60 x 40 is more than the limit of 0\.002 megapixels"):
        read_picture(COLOR, max_pixels=2000)
    with pytest.raises(PictureError, match="truncated"):  # allowed through the header check, so decoding is tried
        read_picture(png_header(20_000, 15_000), max_pixels=10**9)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_pillows_limit_is_not_asked(monkeypatch, kind):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for compression in ("raw", "tiff_lzw"):  # Pillow decodes one itself, and libtiff the other
        content = encoded(Image.fromarray(GRADIENT), kind, **({"compression": compression} if kind == "TIFF" else {}))
        assert read_picture(content).shape == (40, 60, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_pillows_limit_comes_back_after_the_last_thread(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with without_pillows_limit:
        read_picture(encoded(Image.fromarray(GRADIENT), "PNG"))
        assert Image.MAX_IMAGE_PIXELS is None
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("place", [without_pillows_limit, without_pillows_limit._lock])
def test_pillows_limit_comes_back_in_a_forked_process(monkeypatch, place):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)

    def comes_back():
        with without_pillows_limit:
            within = Image.MAX_IMAGE_PIXELS
        return (within, Image.MAX_IMAGE_PIXELS) == (None, 100)

    assert forked_while_a_thread_is_within(place, comes_back)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 5_000), value=st.integers(0, 255), cut=st.integers(1, 5_000))
def test_damaged_files_never_raise_anything_else(position, value, cut):
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"):
        content = bytearray(encoded(Image.fromarray(COLOR), kind))
        content[position % len(content)] = value
        try:
            pixels = read_picture(content[:cut] if cut % 2 else content)
        except PictureError:
            continue
        assert pixels.ndim == 3


def test_describe():
    assert describe(b"abc") == "3 bytes"
    assert describe("a/b.jpg") == "a/b.jpg"
    assert describe(GRADIENT) == "array (40, 60) uint8"


def test_postscript_is_not_run(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {ran}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(PictureError, match="is not a picture that can be read"):
        read_picture(content)
    assert not ran.exists()


@pytest.mark.parametrize("kind", ["PPM", "AVIF"])
def test_kinds_that_are_not_looked_for_in_folders_are_read_where_they_are_named(kind):
    content = encoded(Image.fromarray(COLOR), kind)
    assert np.abs(read_picture(content).astype(int) - COLOR).mean() < 4


def test_sixteen_bits_in_the_other_byte_order():
    assert (read_picture((COLOR.astype(np.uint16) * 257).astype(">u2")) == COLOR).all()


def test_exif_data_that_is_damaged_does_not_cost_the_picture():
    # The orientation says: a quarter turn. The resolution is a text, which Pillow reads, but does not write.
    entries = [(0x0112, 3, 1, b"\6\0\0\0"), (0x011A, 2, 4, b"abc\0")]
    directory = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    picture = Image.fromarray(COLOR)
    upright = np.rot90(read_picture(encoded(picture, "JPEG")), -1)
    assert (read_picture(encoded(picture, "JPEG", exif=exif)) == upright).all()


@pytest.mark.parametrize(
    ("sources", "one"),
    [
        ("a.jpg", True),
        (Path("a.jpg"), True),
        (b"", True),
        (Image.new("L", (2, 2)), True),
        (COLOR, True),
        (GRADIENT, True),
        (np.stack([GRADIENT, GRADIENT]), False),
        (np.stack([COLOR, COLOR]), False),
        (["a.jpg"], False),
        (iter(["a.jpg"]), False),
    ],
)
def test_one_picture_is_told_from_several(sources, one):
    assert is_one_picture(sources) is one


@pytest.mark.parametrize("ending", sorted(PICTURE_SUFFIXES))
def test_what_a_folder_gives_by_its_ending_can_be_read(ending, tmp_path):
    file = tmp_path / f"a{ending}"
    Image.fromarray(COLOR).save(file, "JPEG" if ending == ".jfif" else None)
    assert read_picture(file).shape == COLOR.shape


def test_folders_give_what_browsers_save():
    assert {".jfif", ".avif", ".webp"} <= PICTURE_SUFFIXES

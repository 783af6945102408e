import gc
import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from mien.errors import VideoError
from mien.inference.video.display import shown_size
from mien.inference.video.frames import Part, open_film
from tests.films_on_disk import gray_steps, laid, turned, write_film


def shown(path, **options):
    """The frames of a film."""
    film = open_film(path, **options)
    pixels = [frame.pixels for frame in film.frames(Part(), after=None, on_problem=lambda problem: None)]
    film.close()
    return pixels


@pytest.fixture
def corner():
    """A frame that looks another way in each of the eight ways in which it can lie."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = 255
    picture[:16, 48:72] = 128
    return picture


def test_no_frame_stays_in_memory(tmp_path):
    path = turned(write_film(tmp_path / "long.mp4", gray_steps(50)))
    gc.collect()
    gc.disable()  # nothing but the frames themselves decides when they go
    try:
        film = open_film(path)
        for _ in film.frames(Part(), after=None, on_problem=pytest.fail):
            pass
        kept = sum(type(thing).__name__ == "VideoFrame" for thing in gc.get_objects())
        film.close()
    finally:
        gc.enable()
    assert kept < 10


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (None, (720, 576)),
        (Fraction(1), (720, 576)),
        (Fraction(64, 45), (1024, 576)),
        (Fraction(8, 9), (720, 648)),
        (Fraction(1, 1000), (720, 576)),
        (Fraction(1000), (720, 576)),
        (Fraction(-2), (720, 576)),
    ],
)
def test_the_shorter_side_of_a_pixel_grows(aspect, size):
    assert shown_size(720, 576, aspect) == size


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "ts", "h264"])
def test_a_film_of_long_pixels_comes_as_it_is_shown(tmp_path, corner, ending):
    stored = np.ascontiguousarray(corner[:, ::2])  # squeezed to half its width
    path = write_film(tmp_path / f"a.{ending}", [stored] * 12, aspect=Fraction(2))
    (pixels, *_) = shown(path)
    assert pixels.shape == corner.shape
    assert np.abs(pixels.astype(int) - corner).mean() < 6


def test_a_film_of_long_pixels_that_was_held_upright_is_stretched_and_then_turned(tmp_path, corner):
    stored = np.ascontiguousarray(corner[:, ::2])
    (pixels, *_) = shown(turned(write_film(tmp_path / "a.mp4", [stored] * 3, aspect=Fraction(2))))
    assert pixels.shape == (96, 64, 3)
    assert np.abs(pixels.astype(int) - np.rot90(corner, -1)).mean() < 6


def test_pixels_that_change_on_the_way_are_shown_as_they_are(tmp_path):
    # As a broadcast does that goes from 4:3 to 16:9.
    parts = [
        write_film(tmp_path / f"{number}.ts", gray_steps(12), aspect=Fraction(number, 11)) for number in (12, 16, 11)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    widths = [pixels.shape[1] for pixels in shown(joined)]
    assert widths == [105] * 12 + [140] * 12 + [96] * 12


def test_the_word_of_the_container_goes_before_that_of_the_codec(tmp_path):
    path = write_film(tmp_path / "a.mp4", gray_steps(3), aspect=Fraction(4, 3))
    content = path.read_bytes()
    given = b"pasp" + (4).to_bytes(4, "big") + (3).to_bytes(4, "big")
    assert given in content
    path.write_bytes(content.replace(given, b"pasp" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big")))
    assert [pixels.shape for pixels in shown(path)] == [(64, 192, 3)] * 3


def test_the_limit_is_of_what_is_shown(tmp_path):
    path = write_film(tmp_path / "a.mp4", gray_steps(3), aspect=Fraction(4))
    with pytest.raises(VideoError, match=r"384 x 64 are more than the limit of 0\.01 megapixels"):
        open_film(path, max_pixels=10_000)  # 96 x 64 are less


@pytest.mark.parametrize("aspect", [(1, 1000), (1000, 1), (2**31 - 1, 1)])
def test_pixels_that_no_film_has_are_taken_as_square(tmp_path, aspect):
    path = write_film(tmp_path / "a.mp4", gray_steps(3), aspect=Fraction(4, 3))
    content = bytearray(path.read_bytes())
    place = content.index(b"pasp") + 4
    content[place : place + 8] = b"".join(side.to_bytes(4, "big") for side in aspect)
    path.write_bytes(content)
    assert [pixels.shape for pixels in shown(path)] == [(64, 96, 3)] * 3


@pytest.mark.parametrize(
    ("matrix", "stored"),
    [
        ((1, 0, 0, 1), lambda picture: picture),
        ((0, 1, -1, 0), lambda picture: np.rot90(picture)),
        ((-1, 0, 0, -1), lambda picture: np.rot90(picture, 2)),
        ((0, -1, 1, 0), lambda picture: np.rot90(picture, 3)),
        ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),
        ((1, 0, 0, -1), lambda picture: picture[::-1]),
        ((0, 1, 1, 0), lambda picture: picture.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda picture: np.rot90(picture, 2).transpose(1, 0, 2)),
    ],
)
def test_however_a_film_lies_it_comes_upright_and_not_mirrored(tmp_path, corner, matrix, stored):
    path = laid(write_film(tmp_path / "a.mp4", [np.ascontiguousarray(stored(corner))] * 3), *matrix)
    for pixels in shown(path):
        assert pixels.shape == corner.shape
        assert pixels.flags.c_contiguous
        assert np.abs(pixels.astype(int) - corner).mean() < 3


def test_a_film_that_was_held_upright_comes_upright(tmp_path):
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = 255  # top left
    (pixels, *_) = shown(turned(write_film(tmp_path / "a.mp4", [picture] * 3)))
    assert pixels.shape == (96, 64, 3)
    assert pixels[10, 50].min() > 200  # a quarter turn clockwise: top right
    assert pixels[60:].max() < 50
    assert pixels[:, :20].max() < 50


def test_a_film_of_photographs_with_exif_is_turned(tmp_path, corner):
    exif = Image.Exif()
    exif[0x112] = 6  # to be shown a quarter turn clockwise
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(corner))).save(content, "JPEG", exif=exif, quality=95)
    (tmp_path / "a.mjpeg").write_bytes(3 * content.getvalue())
    for pixels in shown(tmp_path / "a.mjpeg"):
        assert np.abs(pixels.astype(int) - corner).mean() < 3

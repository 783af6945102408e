"""Frame and its result -> annotated frame. Calm, unlike a picture's: nothing may jump from one frame to the next."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.draw import UNSURE_COLOR, color_of
from mien.results import Box
from mien.video_results import FrameResult, TrackedFace

MOST_PANELS = 3
"""With more faces than this in the frame, only their numbers and labels are written: bars would hide other faces."""
INK = (255, 255, 255, 255)
GROUND = (20, 20, 24, 175)


def draw_frame(pixels: NDArray[np.uint8], result: FrameResult) -> NDArray[np.uint8]:
    """Draw each face's box, number and label, and a bar for every emotion, always in the same order; unsure is gray.

    Args:
        pixels: (height, width, 3) uint8 RGB, upright.
        result: of this frame.

    Returns:
        A new picture of the same size.
    """
    canvas = Image.fromarray(pixels)
    draw = ImageDraw.Draw(canvas, "RGBA")
    for found in result:
        box = found.face.box
        width = max(round(max(canvas.size) / 400), 2)
        draw.rectangle((box.x1, box.y1, box.x2, box.y2), outline=(*_label_color(found), 255), width=width)
    for found in result:
        _draw_panel(draw, found, canvas.size, with_bars=len(result) <= MOST_PANELS)
    return np.asarray(canvas)


def _draw_panel(draw: ImageDraw.ImageDraw, found: TrackedFace, size: tuple[int, int], *, with_bars: bool) -> None:
    font = _font(max(max(size) // 80 + 3, 11))
    line, pad = font.size * 1.25, font.size * 0.4
    head = f"{found.track_id} · {found.label}{'?' * bool(found.label_unsure)} {found.confidence:.0%}"
    if with_bars:
        width = font.getlength(f"000 · {max(found.smoothed, key=len)}? 100%") + 2 * pad
        height = line * (len(found.smoothed) + 1.2) + pad
        left, top = _beside(found.face.box, width, height, size)
    else:
        width, height = font.getlength(head) + 2 * pad, line * 1.1
        left, top = _above(found.face.box, width, height, size)
    draw.rectangle((left, top, left + width, top + height), fill=GROUND)
    draw.rectangle((left, top, left + width, top + line * 1.1), fill=(*_label_color(found), 230))
    ink = GROUND[:3] if found.label_unsure else INK
    draw.text((left + pad, top + line * 0.55), head, font=font, fill=ink, anchor="lm")
    for number, (label, value) in enumerate(found.smoothed.items() if with_bars else ()):
        y = top + line * (number + 1.2) + pad / 2
        bar = (width - 2 * pad) * value
        draw.rectangle((left + pad, y + line * 0.1, left + pad + bar, y + line * 0.9), fill=(*color_of(label), 200))
        draw.text((left + pad + 2, y + line / 2), label, font=font, fill=INK, anchor="lm")


def _above(box: Box, width: float, height: float, size: tuple[int, int]) -> tuple[float, float]:
    return min(max(box.x1, 0.0), max(size[0] - width, 0.0)), min(max(box.y1 - height, 0.0), size[1] - height)


def _beside(box: Box, width: float, height: float, size: tuple[int, int]) -> tuple[float, float]:
    # Right of the face where there is room, else left of it, else within its box: never a matter of a few pixels.
    if box.x2 + width <= size[0]:
        left = box.x2
    elif box.x1 - width >= 0:
        left = box.x1 - width
    else:
        left = max(min(box.x2, size[0]) - width, 0.0)
    return left, min(max(box.y1, 0.0), max(size[1] - height, 0.0))


def _label_color(found: TrackedFace) -> tuple[int, int, int]:
    return UNSURE_COLOR if found.label_unsure else color_of(found.label)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # with a size, Pillow gives its scalable font
    return font

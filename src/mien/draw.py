"""Result -> annotated picture. Blurring too, so that a picture can be shown without showing who is in it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mien.results import Box, FaceResult, ImageResult

COLORS = {
    "anger": (229, 72, 77),
    "disgust": (94, 158, 72),
    "fear": (151, 99, 210),
    "happiness": (245, 180, 0),
    "sadness": (62, 118, 214),
    "surprise": (0, 162, 174),
    "neutral": (139, 141, 152),
    "contempt": (176, 106, 52),
}
OTHER_COLOR = (139, 141, 152)
UNSURE_COLOR = (214, 216, 222)

BLUR_CELLS = 6
"""A blurred face keeps this many cells in width and height: too few to tell a person or an expression."""
BLUR_MARGIN = 0.25
"""How far the blur reaches beyond the box, as a share of its sides: hair, ears and chin tell a person too."""

BARS = 3


def blur_faces(picture: NDArray[np.uint8], result: ImageResult) -> NDArray[np.uint8]:
    """Make the faces of a result unrecognisable, for good: what is left of each is 6 x 6 averages.

    Args:
        picture: (height, width, 3) uint8 RGB, upright, the one that was analysed.
        result: its faces; a face that was not found is not blurred.

    Returns:
        A new picture of the same size.
    """
    canvas = Image.fromarray(picture)
    for found in result:
        box = found.face.box
        wide = Box(
            box.x1 - BLUR_MARGIN * box.width,
            box.y1 - BLUR_MARGIN * box.height,
            box.x2 + BLUR_MARGIN * box.width,
            box.y2 + BLUR_MARGIN * box.height,
        ).clipped(canvas.width, canvas.height)
        area = (int(wide.x1), int(wide.y1), int(np.ceil(wide.x2)), int(np.ceil(wide.y2)))
        part = canvas.crop(area)
        if part.width < 1 or part.height < 1:
            continue
        # Averaging into a few cells destroys the face for good; the blur only makes the cells pleasant to look at.
        cells = part.resize((BLUR_CELLS, BLUR_CELLS), Image.Resampling.BOX)
        smooth = cells.resize(part.size, Image.Resampling.BICUBIC)
        mask = Image.new("L", part.size, 0)
        ImageDraw.Draw(mask).ellipse((0, 0, part.width - 1, part.height - 1), fill=255)
        inner = Image.new("L", part.size, 0)
        x, y = int(box.x1 - area[0]), int(box.y1 - area[1])
        ImageDraw.Draw(inner).rectangle((x, y, x + int(box.width) + 1, y + int(box.height) + 1), fill=255)
        soft = mask.filter(ImageFilter.GaussianBlur(max(part.width / 40, 1)))
        canvas.paste(smooth, area[:2], Image.fromarray(np.maximum(np.asarray(soft), np.asarray(inner))))
    return np.array(canvas)


def draw_faces(picture: NDArray[np.uint8], result: ImageResult) -> Image.Image:
    """Draw boxes, labels and bars of the three most probable emotions; a face of unsure answer is gray and says so.

    Several faces are numbered from 1 in the order of the result, as in the tables of `mien analyze` and `mien explain`.

    Args:
        picture: (height, width, 3) uint8 RGB, upright, the one that was analysed.
        result: its faces.

    Returns:
        A new RGB picture of the same size.
    """
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas, "RGBA")
    taken = [found.face.box for found in result]
    for found in result:  # all boxes first, so that none runs through another face's text
        box = found.face.box
        width = max(round(max(canvas.size) / 400), 2)
        draw.rectangle((box.x1, box.y1, box.x2, box.y2), outline=(*_frame_color(found), 255), width=width)
    for number, found in enumerate(result, 1):
        prefix = f"{number} · " if len(result) > 1 else ""
        taken.append(_draw_panel(draw, found, prefix, canvas.size, taken))
    return canvas


def color_of(label: str) -> tuple[int, int, int]:
    """Return the colour of an emotion, red, green and blue, 0 to 255; gray for one that has none of its own."""
    return COLORS.get(label, OTHER_COLOR)


def _frame_color(found: FaceResult) -> tuple[int, int, int]:
    return UNSURE_COLOR if found.unsure else color_of(found.emotions.top)


def _draw_panel(
    draw: ImageDraw.ImageDraw, found: FaceResult, prefix: str, size: tuple[int, int], taken: list[Box]
) -> Box:
    box = found.face.box
    text_size = max(min(max(box.width / 7, 10), max(size) / 28), 8)  # readable, and in proportion
    font = ImageFont.load_default(text_size)
    rows = [(label, value, label) for label, value in found.emotions.ranked(BARS)]
    if prefix and not found.unsure:  # the number stands in the first line, whichever that is
        rows[0] = (*rows[0][:2], prefix + rows[0][0])
    pad, line = text_size * 0.4, text_size * 1.25
    label_width = max(font.getlength(f"{text} 100%") for *_, text in rows)
    above = line if found.unsure else 0.0
    panel = _free_place(box, label_width + 2 * pad, above + line * len(rows) + pad, size, taken)
    draw.rectangle((panel.x1, panel.y1, panel.x2, panel.y2), fill=(20, 20, 24, 190))
    if found.unsure:
        middle = panel.y1 + pad / 2 + line / 2
        draw.text((panel.x1 + pad + 2, middle), f"{prefix}unsure", font=font, fill=(*UNSURE_COLOR, 255), anchor="lm")
    for number, (label, value, text) in enumerate(rows):
        top = panel.y1 + pad / 2 + above + number * line
        bar = (panel.width - 2 * pad) * value
        draw.rectangle(
            (panel.x1 + pad, top + line * 0.08, panel.x1 + pad + bar, top + line * 0.92),
            fill=(*color_of(label), 170),
        )
        draw.text((panel.x1 + pad + 2, top + line / 2), text, font=font, fill=(255, 255, 255, 255), anchor="lm")
        percent = f"{value:.0%}"
        draw.text((panel.x2 - pad, top + line / 2), percent, font=font, fill=(255, 255, 255, 255), anchor="rm")
    return panel


def _free_place(box: Box, width: float, height: float, size: tuple[int, int], taken: list[Box]) -> Box:
    # Below, above, right or left of the face, at either end, whichever hides least of the other faces and of what is
    # drawn already.
    places = [
        (box.x1, box.y2),
        (box.x1, box.y1 - height),
        (box.x2, box.y1),
        (box.x1 - width, box.y1),
        (box.x2 - width, box.y2),
        (box.x2 - width, box.y1 - height),
        (box.x2, box.y2 - height),
        (box.x1 - width, box.y2 - height),
    ]
    candidates = []
    for order, (x, y) in enumerate(places):
        left = min(max(x, 0), max(size[0] - width, 0))
        top = min(max(y, 0), max(size[1] - height, 0))
        place = Box(left, top, left + width, top + height)
        hidden = sum(place.intersection(other) for other in taken)
        candidates.append((hidden, order, place))
    return min(candidates, key=lambda candidate: candidate[:2])[2]

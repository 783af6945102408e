import dataclasses

import numpy as np
import pytest
from PIL import ImageDraw

from mien import draw
from mien.draw import COLORS, UNSURE_COLOR, blur_faces, draw_faces
from mien.inference.detectors import Haar
from mien.labels import FER7, FERPLUS8
from mien.results import Box, Emotions, Face, FaceResult, ImageResult


def result_for(box, size=(512, 512), label="happiness"):
    face = FaceResult(Face(box, 0.9), Emotions((label, "anger", "neutral"), (0.7, 0.2, 0.1)))
    return ImageResult((face,), *size, "m")


def test_every_emotion_has_a_colour_of_its_own():
    labels = {label for labels in (FER7, FERPLUS8) for label in labels.labels}
    assert labels <= set(COLORS)
    assert len({COLORS[label] for label in labels}) == len(labels)


def test_box_and_panel_are_drawn_and_the_input_is_left_alone(astronaut_pixels):
    before = astronaut_pixels.copy()
    drawn = np.asarray(draw_faces(astronaut_pixels, result_for(Box(180, 70, 270, 170))))
    assert drawn.shape == astronaut_pixels.shape
    assert tuple(drawn[70, 220]) == COLORS["happiness"]
    assert (drawn[171:200, 185:260] != before[171:200, 185:260]).mean() > 0.5
    assert (astronaut_pixels == before).all()


@pytest.mark.parametrize("box", [Box(-40, -40, 30, 30), Box(500, 500, 640, 640), Box(0, 0, 512, 512)])
def test_boxes_over_the_edge_are_drawn_too(astronaut_pixels, box):
    result = result_for(box)
    assert draw_faces(astronaut_pixels, result).size == (512, 512)
    assert blur_faces(astronaut_pixels, result).shape == (512, 512, 3)


def test_an_unsure_face_is_gray_and_has_one_line_more(astronaut_pixels):
    sure = result_for(Box(100, 100, 300, 300))
    unsure = dataclasses.replace(sure, faces=(dataclasses.replace(sure.faces[0], unsure=True),))
    drawn, gray = (np.asarray(draw_faces(astronaut_pixels, result)) for result in (sure, unsure))
    assert tuple(drawn[100, 200]) == COLORS["happiness"]
    assert tuple(gray[100, 200]) == UNSURE_COLOR
    changed = [np.flatnonzero((picture != astronaut_pixels).any(axis=(1, 2))) for picture in (drawn, gray)]
    assert changed[1].max() > changed[0].max() + 10


def test_several_faces_are_numbered_and_one_is_not(monkeypatch):
    told = []
    real = ImageDraw.ImageDraw.text
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda *a, **k: told.append(a[2]) or real(*a, **k))
    pixels = np.zeros((400, 600, 3), np.uint8)
    (left,), (right,) = result_for(Box(20, 20, 120, 120)).faces, result_for(Box(300, 20, 400, 120)).faces
    draw_faces(pixels, ImageResult((left, dataclasses.replace(right, unsure=True)), 600, 400, "m"))
    assert ("1 · happiness" in told, "2 · unsure" in told) == (True, True)
    told.clear()
    draw_faces(pixels, ImageResult((left,), 600, 400, "m"))
    assert told[0] == "happiness"


def test_no_panel_hides_another_where_there_is_room(monkeypatch):
    """Below, above, left, and right at the top are others; right of it, at the bottom, there is room."""
    panels, real = [], draw._draw_panel
    monkeypatch.setattr(draw, "_draw_panel", lambda *words: panels.append(real(*words)) or panels[-1])
    boxes = [Box(0, 150, 120, 270), Box(0, 280, 120, 390), Box(0, 20, 120, 140), Box(130, 90, 230, 190)]
    faces = tuple(result_for(box).faces[0] for box in boxes)
    draw_faces(np.zeros((400, 600, 3), np.uint8), ImageResult(faces, 600, 400, "m"))
    for box in boxes:
        assert panels[0].intersection(box) == 0
    assert panels[0].x1 == boxes[0].x2


def test_a_tiny_picture_can_be_drawn_on():
    picture, result = np.zeros((5, 4, 3), np.uint8), result_for(Box(0, 0, 4, 5), (4, 5))
    assert draw_faces(blur_faces(picture, result), result).size == (4, 5)


def test_a_blurred_face_is_gone(astronaut_pixels):
    (face,) = Haar().find_faces(astronaut_pixels)
    before = astronaut_pixels.copy()
    blurred = blur_faces(astronaut_pixels, result_for(face.box))
    assert (astronaut_pixels == before).all()
    assert Haar().find_faces(blurred) == []
    box = face.box
    area = (slice(int(box.y1) + 3, int(box.y2) - 3), slice(int(box.x1) + 3, int(box.x2) - 3))
    # No detail is left: what remains changes slowly from pixel to pixel.
    sharp, soft = (np.abs(np.diff(p[area].astype(float), axis=1)).mean() for p in (astronaut_pixels, blurred))
    assert soft < sharp / 3

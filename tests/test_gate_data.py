"""Photographs of one scene are found, so that no split sees what another one is tested with."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.inference.image import read_picture

ASTRONAUT = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
SCRIPT = Path(__file__).parent.parent / "recipes" / "gate_data.py"


@pytest.fixture
def gate_data():
    spec = importlib.util.spec_from_file_location("gate_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clouds(seed):
    few = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(few, (400, 320), interpolation=cv2.INTER_CUBIC)


def test_turned_mirrored_and_darker_photographs_are_one_scene(gate_data):
    astronaut = read_picture(ASTRONAUT)
    first, second = (clouds(seed) for seed in (1, 2))
    darker = (astronaut * 0.4).astype(np.uint8)
    photos = [
        first,
        astronaut,
        np.ascontiguousarray(np.rot90(darker)),
        second,
        np.ascontiguousarray(first[:, ::-1]),
        np.ascontiguousarray(np.rot90(astronaut[:, ::-1], 2)),
    ]
    assert gate_data.scenes(photos) == [0, 1, 1, 3, 0, 1]


def test_boxes_turn_back_with_the_picture(gate_data):
    picture = np.zeros((40, 60), np.uint8)
    picture[5:15, 20:50] = 1
    for quarter in range(4):
        turned = np.rot90(picture, quarter)
        rows, columns = np.nonzero(turned)
        there = gate_data.Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        back = gate_data._turned_back(there, quarter, picture.shape)
        assert (back.x1, back.y1, back.x2, back.y2) == (20, 5, 50, 15)

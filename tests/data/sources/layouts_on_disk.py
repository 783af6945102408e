"""Writes real pictures in the layouts that the tests read."""

import csv
from pathlib import Path

import cv2

from mien.data.votes import VOTE_COLUMNS
from mien.inference.image import read_picture
from mien.labels import FER7

VOTE_HEADER = ["Usage", "Image name", *VOTE_COLUMNS[:-1], "NF"]


def put(root: Path, names: list[str], pngs) -> Path:
    """Write one real picture under each name."""
    for name, png in zip(names, pngs, strict=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png)
    return root


def csv_rows(faces) -> list[list[str]]:
    """The rows of fer2013.csv for some faces, header first."""
    rows = [["emotion", "pixels", "Usage"]]
    for face in faces:
        pixels = read_picture(face.image)[..., 0].ravel()
        rows.append([str(FER7.index(face.label)), " ".join(map(str, pixels)), face.split])
    return rows


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    """Write rows to a CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def vote_rows(faces) -> list[list[str]]:
    """The rows of fer2013new.csv for some faces, header first."""
    return [VOTE_HEADER] + [[face.split, face.path, *(f"{count:.0f}" for count in face.votes)] for face in faces]


def aligned_jpeg(png: bytes) -> bytes:
    """A real face as RAF-DB has them: 100 x 100 pixels, JPEG."""
    return cv2.imencode(".jpg", cv2.resize(read_picture(png), (100, 100)))[1].tobytes()

"""Faces in a picture -> the network's input.

ONE function, `crop_faces`, driven by the card's `CropSpec`: training, evaluation, the parity check, the server and the
analyzer all call it, so the same face gives the same numbers everywhere. The network's input is pixels, uint8; scaling
and standardisation are layers of the network itself and cannot be got wrong by a caller.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError
from mien.model_card import CropSpec
from mien.results import Box, Face

MAX_SUPERSAMPLING = 16
"""A face is sampled at up to this many times the crop's resolution before it is averaged down."""
OPENCV_SIDE = 32_767
"""OpenCV warps no picture with a side of this many pixels or more: a long screenshot, a panorama."""


def crop_faces(picture: NDArray[np.uint8], faces: Sequence[Face], spec: CropSpec) -> NDArray[np.uint8]:
    """Cut faces out of a picture, the way the network saw them in training.

    Args:
        picture: (height, width, 3) uint8 RGB.
        faces: in pixels of that picture.
        spec: the geometry and colour that the model expects.

    Returns:
        (n, channels, size, size) uint8. What lies beyond the picture's edge repeats the edge.

    Raises:
        UsageError: a box without landmarks has no area, as one of (x, y, width, height) may.
    """
    crops = np.empty((len(faces), spec.channels, spec.size, spec.size), np.uint8)
    for crop, face in zip(crops, faces, strict=True):
        sampled = _sample(picture, crop_transform(face, spec), spec.size)
        crop[:] = cv2.cvtColor(sampled, cv2.COLOR_RGB2GRAY) if spec.color == "gray" else sampled.transpose(2, 0, 1)
    return crops


def crop_whole(picture: NDArray[np.uint8], spec: CropSpec) -> NDArray[np.uint8]:
    """Take a whole picture as one tight crop: the central square of it, resized. Pictures of datasets are such crops.

    Args:
        picture: (height, width, 3) uint8 RGB.
        spec: the size and colour that the model expects.

    Returns:
        (1, channels, size, size) uint8; a gray picture of exactly the model's size comes out bit by bit as it is.
    """
    return crop_faces(picture, [whole_face(picture, spec)], spec)


def whole_face(picture: NDArray[np.uint8], spec: CropSpec) -> Face:
    """Return the face whose crop is the central square of the picture; its score is 1."""
    height, width = picture.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box_left, box_top, box_side = spec.box
    x1, y1 = left + box_left * side, top + box_top * side
    return Face(Box(x1, y1, x1 + box_side * side, y1 + box_side * side), 1.0)


def crop_transform(face: Face, spec: CropSpec) -> NDArray[np.float64]:
    """Return the (2, 3) similarity transform from pixels of the picture to units of the crop's side (0 to 1).

    With landmarks it is the least-squares fit of the five points onto the card's points, so the eyes come out level;
    without, the square box is put where the card says such a box lies.

    Raises:
        UsageError: a box without landmarks has no area, as one of (x, y, width, height) may.
    """
    if face.landmarks is not None:
        return _fit_similarity(face.landmarks.astype(np.float64), np.asarray(spec.landmarks))
    box_left, box_top, box_side = spec.box
    box = face.box
    if not (0 < box.width < math.inf and 0 < box.height < math.inf):
        raise UsageError(
            f"{box} has no area: a Box is (x1, y1, x2, y2), two corners in pixels, not a corner, a width and a height"
        )
    scale = box_side / max(box.width, box.height)
    center_x, center_y = box.center
    return np.array(
        [
            [scale, 0.0, box_left + box_side / 2 - scale * center_x],
            [0.0, scale, box_top + box_side / 2 - scale * center_y],
        ]
    )


def region_of(to_unit: NDArray[np.float64], width: int, height: int) -> tuple[int, int, int, int]:
    """Return the part of a picture that a crop is made of, with two pixels around it.

    Args:
        to_unit: (2, 3), of `crop_transform`.
        width: of the picture, in pixels.
        height: of the picture.

    Returns:
        Left, top, right, bottom in whole pixels, right and bottom exclusive; at least one pixel of the picture.
    """
    corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) - to_unit[:, 2]
    points = corners @ np.linalg.inv(to_unit[:, :2]).T
    most = np.array([width, height])
    left, top = np.clip(np.floor(points.min(axis=0)) - 2, 0, most - 1).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0)) + 2, (left + 1, top + 1), most).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _fit_similarity(points: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    # Least squares over rotation, one scale and shift (Umeyama 1991), in complex numbers: target = a * point + b.
    source = points[:, 0] + 1j * points[:, 1]
    target = targets[:, 0] + 1j * targets[:, 1]
    source_mean, target_mean = source.mean(), target.mean()
    spread = np.abs(source - source_mean) ** 2
    a = (np.conj(source - source_mean) * (target - target_mean)).sum() / max(spread.sum(), 1e-12)
    b = target_mean - a * source_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def _sample(picture: NDArray[np.uint8], to_unit: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    # Bilinear sampling of a face larger than the crop would skip pixels: sample finer, then average.
    scale = size * float(np.hypot(to_unit[0, 0], to_unit[1, 0]))
    factor = int(np.clip(np.ceil(1 / max(scale, 1e-6) - 1e-6), 1, MAX_SUPERSAMPLING))
    side = size * factor
    to_pixels = to_unit * side
    # Pixel centres lie at +0.5: without this, a crop of a picture's own size would not be the picture.
    to_pixels[:, 2] += 0.5 * (to_pixels[:, 0] + to_pixels[:, 1]) - 0.5
    if max(picture.shape[:2]) >= OPENCV_SIDE:
        left, top, right, bottom = region_of(to_unit, picture.shape[1], picture.shape[0])
        picture = picture[top:bottom, left:right]
        to_pixels[:, 2] += to_pixels[:, :2] @ (left, top)
    fine = cv2.warpAffine(picture, to_pixels, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if factor > 1:
        fine = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(fine, np.uint8)

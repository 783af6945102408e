"""Which pixels carried a decision: asked of the model from outside, so it works on any weight file.

A map says for each pixel of a crop how much the probability of one label depends on it. Two ways, both in batches:
`rise_maps` covers random halves and averages what is left (Petsiuk, Das & Saenko 2018, arXiv:1806.07421);
`occlusion_maps` covers one square after the other and sees what is lost (Zeiler & Fergus 2014, arXiv:1311.2901). RISE
is the default: a network that was trained with erased rectangles, as mien's are, hardly misses one square (on the
astronaut's smile its probability moves by less than 0.01), but it does miss half of the face. What the network did
inside is shown by `mien.grad_cam`, which needs a checkpoint.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.draw import draw_faces
from mien.errors import unknown_name
from mien.inference.analyzer import Analyzer
from mien.inference.crops import crop_faces, crop_transform, region_of
from mien.inference.image import PictureSource
from mien.labels import spelled_label
from mien.model_card import CropSpec, Head
from mien.results import Face, ImageResult

Maps = Callable[[NDArray[np.uint8], NDArray[np.int64]], NDArray[np.float32]]
"""Crops (n, channels, size, size) and the index of the label to explain for each (n,) -> maps (n, size, size)."""

Score = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Crops (n, channels, size, size) uint8 -> probabilities (n, labels); `mien.Analyzer.score` is one."""

PATCH, STRIDE = 12, 4
"""Side and step of the covering square, in pixels of a crop of 48; larger crops have them in proportion."""
MASKS, CELLS, LEFT_OPEN = 500, 6, 0.5
"""Random masks a crop, cells along a side of each, and the share of cells that stay open."""
TOGETHER = 2048
"""Covered crops of 48 gray pixels that are made at a time, of larger ones as many as take the same memory."""

METHODS = ("rise", "occlusion")
FOR, AGAINST = (220, 38, 38), (37, 99, 235)
"""The colours, RGB, of what spoke for a label and against it."""
REGIONS = ("forehead", "eyes", "nose", "mouth", "chin")


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one face got its label.

    Attributes:
        face: where it is.
        label: the label that is explained.
        crop: (channels, size, size) uint8, what the network saw.
        map: (size, size) float32, how much each pixel raised the probability of the label; below 0 it lowered it.
    """

    face: Face
    label: str
    crop: NDArray[np.uint8]
    map: NDArray[np.float32]


def explain_picture(
    analyzer: Analyzer,
    source: PictureSource,
    *,
    method: str | Maps = "rise",
    label: str | None = None,
    on_step: Callable[[int, int], None] = lambda done, faces: None,
) -> tuple[ImageResult, list[Explanation]]:
    """Analyze a picture and explain each face.

    Args:
        analyzer: finds and scores.
        source: as in `mien.Analyzer.analyze`.
        method: ``"rise"`` (500 passes a face), ``"occlusion"`` (196), or a function that makes the maps.
        label: explain this one, in any spelling that `label_of` knows; None explains the most probable one of each.
        on_step: called after each face with the number of those done and of all, for a progress bar.

    Returns:
        The result, and an explanation for each of its faces in the same order.

    Raises:
        UsageError: no such method or label.
        PictureError: not a picture.
    """
    if method not in METHODS and not callable(method):
        raise unknown_name("method", method, METHODS)
    labels = analyzer.head.labels
    asked = None if label is None else label_of(analyzer.head, label)
    picture = analyzer.read(source)
    result = analyzer.analyze(source)
    faces = [found.face for found in result]
    crops = crop_faces(picture, faces, analyzer.card.crop)
    named = [asked or found.emotions.top for found in result]
    codes = np.array([labels.index(name) for name in named], np.int64)
    found = []
    for number, face in enumerate(faces):
        one = slice(number, number + 1)
        if callable(method):
            (heat,) = method(crops[one], codes[one])
        else:
            (heat,) = (occlusion_maps if method == "occlusion" else rise_maps)(analyzer.score, crops[one], codes[one])
        found.append(Explanation(face, named[number], crops[number], heat))
        on_step(number + 1, len(faces))
    return result, found


def occlusion_maps(score: Score, crops: NDArray[np.uint8], codes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Cover one square after the other with the crop's mean, and see how much of the probability is lost.

    Args:
        score: the model.
        crops: (n, channels, size, size) uint8.
        codes: (n,) index of the label to explain for each crop.

    Returns:
        (n, size, size) float32: the mean loss over the squares that cover a pixel, in units of probability.
    """
    size = crops.shape[-1]
    masks = _squares(size)
    means = crops.mean(axis=(2, 3), keepdims=True).round().astype(np.uint8)
    before = _of_labels(score(crops), codes)
    maps = np.zeros((len(crops), size, size), np.float64)
    for number, left in enumerate(_covered(score, crops, codes, masks, fill=means)):
        maps[number] = np.tensordot(before[number] - left, ~masks, axes=1)
    return np.asarray(maps / np.maximum((~masks).sum(axis=0), 1), np.float32)


def rise_maps(
    score: Score, crops: NDArray[np.uint8], codes: NDArray[np.int64], *, masks: int = MASKS, seed: int = 0
) -> NDArray[np.float32]:
    """Cover random cells with black, and average the masks by the probability that is left.

    Args:
        score: the model.
        crops: (n, channels, size, size) uint8.
        codes: (n,) index of the label to explain for each crop.
        masks: random masks, the same for all crops.
        seed: of the masks.

    Returns:
        (n, size, size) float32: how much more probable the label is where the pixel is seen than in the mean.
    """
    size = crops.shape[-1]
    drawn = _random_masks(size, masks, seed)
    maps = np.zeros((len(crops), size, size), np.float64)
    black = np.zeros((len(crops), 1, 1, 1), np.uint8)
    for number, left in enumerate(_covered(score, crops, codes, drawn, fill=black)):
        maps[number] = np.tensordot(left - left.mean(), drawn, axes=1)
    return np.asarray(maps / drawn.sum(axis=0), np.float32)


def label_of(head: Head, word: str) -> str:
    """Return the label of a head that a word stands for: itself, or as datasets spell it (``"happy"``).

    Raises:
        UsageError: the head has no such label.
    """
    label = word if word in head.labels else spelled_label(word)
    if label not in head.labels:
        raise unknown_name(f"label of head {head.name}", word, head.labels)
    return label


def draw_explanations(
    picture: NDArray[np.uint8], result: ImageResult, explanations: list[Explanation], spec: CropSpec
) -> Image.Image:
    """Draw the maps onto the faces, red where a pixel spoke for the label and blue where it spoke against it.

    Args:
        picture: (height, width, 3) uint8 RGB, upright, the one that was analysed.
        result: its faces.
        explanations: one for each of them.
        spec: the crop of the model.

    Returns:
        A new RGB picture of the same size, with boxes and labels.
    """
    canvas = picture.copy()
    height, width = picture.shape[:2]
    for each in explanations:
        to_unit = crop_transform(each.face, spec)
        left, top, right, bottom = region_of(to_unit, width, height)
        to_crop = to_unit * spec.size
        # Pixel centres lie at +0.5, in the picture and in the map.
        to_crop[:, 2] += to_crop[:, :2] @ (left + 0.5, top + 0.5) - 0.5
        heat, strength = heat_colors(each.map)
        content = np.dstack([heat, strength * 255]).astype(np.float32)
        placed = cv2.warpAffine(
            content,
            to_crop,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=(0, 0, 0, 0),
        )
        share = placed[..., 3:] / 255
        part = canvas[top:bottom, left:right]
        part[:] = (part * (1 - share) + placed[..., :3] * share).round()
    return draw_faces(canvas, result)


def region_shares(heat: NDArray[np.float32], spec: CropSpec) -> dict[str, float]:
    """Return how much of what spoke for the label lies in each part of the face, from top to bottom; sums to one.

    The parts are horizontal bands between the places that the card gives to eyes, nose and mouth.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = (y for _, y in spec.landmarks)
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    ends = [eyes - (nose - eyes) / 2, (eyes + nose) / 2, (nose + mouth) / 2, mouth + (mouth - nose), 1.0]
    rows = np.maximum(heat, 0).sum(axis=1)
    places = np.searchsorted(ends, (np.arange(len(rows)) + 0.5) / len(rows))
    sums = np.bincount(places, weights=rows, minlength=len(ends))
    return dict(zip(REGIONS, (sums / max(rows.sum(), 1e-9)).tolist(), strict=True))


def heat_colors(heat: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a map as colours (size, size, 3), 0 to 255, and how strongly to lay them over a picture (size, size)."""
    scaled = heat / max(float(np.abs(heat).max()), 1e-9)
    strength = np.abs(scaled)[..., None]
    colors = np.where(scaled[..., None] > 0, np.array(FOR), np.array(AGAINST))
    return np.asarray(colors, np.float32), np.asarray(0.65 * strength[..., 0], np.float32)


def shown_crop(crop: NDArray[np.uint8], heat: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
    """Return a crop (channels, size, size) as an RGB picture (size, size, 3), with its map laid over where given."""
    picture = np.repeat(crop, 3, axis=0) if crop.shape[0] == 1 else crop
    rgb = picture.transpose(1, 2, 0).astype(np.float32)
    if heat is not None:
        colors, strength = heat_colors(heat)
        rgb = rgb * (1 - strength[..., None]) + colors * strength[..., None]
    return np.asarray(rgb.round(), np.uint8)


def _covered(
    score: Score,
    crops: NDArray[np.uint8],
    codes: NDArray[np.int64],
    masks: NDArray[np.generic],
    *,
    fill: NDArray[np.uint8],
) -> NDArray[np.float64]:
    # What is left of the label under each mask: (crops, masks). Many crops share a call of the network; what stays in
    # memory is one call's covered crops.
    together = max(TOGETHER * 48 * 48 // math.prod(crops.shape[1:]), 1)
    left = np.empty(len(crops) * len(masks))
    for start in range(0, len(left), together):
        crop, mask = np.divmod(np.arange(start, min(start + together, len(left))), len(masks))
        open_ = masks[mask, None].astype(np.float32)
        covered = crops[crop] * open_ + fill[crop] * (1 - open_)
        left[start : start + len(crop)] = _of_labels(score(covered.round().astype(np.uint8)), codes[crop])
    return left.reshape(len(crops), len(masks))


def _squares(size: int) -> NDArray[np.bool_]:
    side, step = max(round(PATCH * size / 48), 1), max(round(STRIDE * size / 48), 1)
    # The squares reach beyond the edge, so that every pixel is covered equally often.
    starts = range(step - side, size, step)
    masks = np.ones((len(starts) ** 2, size, size), bool)
    for number, (top, left) in enumerate((top, left) for top in starts for left in starts):
        masks[number, max(top, 0) : top + side, max(left, 0) : left + side] = False
    return masks


def _random_masks(size: int, count: int, seed: int) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    cell = -(-size // CELLS)
    whole = (CELLS + 1) * cell
    masks = np.empty((count, size, size), np.float32)
    for mask in masks:
        grid = (draw.random((CELLS + 1, CELLS + 1)) < LEFT_OPEN).astype(np.float32)
        smooth = cv2.resize(grid, (whole, whole), interpolation=cv2.INTER_LINEAR)
        top, left = draw.integers(0, cell, 2)
        mask[:] = smooth[top : top + size, left : left + size]
    return masks


def _of_labels(scores: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(scores[np.arange(len(codes)), codes])

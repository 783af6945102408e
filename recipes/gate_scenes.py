"""Which of the photographs show one scene, and which split a scene is in: none is seen in two."""

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

SAME_SCENE = 0.55
"""Photographs whose edges correlate by more show the same background, see `scenes`."""


def splits_of(photos: list[NDArray[np.uint8]]) -> list[str]:
    """Return the split of each photograph; those of one scene are in one."""
    return [split_of(f"scene{scene}") for scene in scenes(photos)]


def split_of(name: str) -> str:
    """Return the split of a thing or scene: 70 % Training, 10 % PublicTest, 20 % PrivateTest, by its name."""
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    return "Training" if share < 0.7 else "PublicTest" if share < 0.8 else "PrivateTest"


def scenes(photos: list[NDArray[np.uint8]]) -> list[int]:
    """Return for each photograph the first one of the same scene, turned or mirrored or not.

    Small pictures of how strong edges are correlate to at least 0.6 where the background is the same, and to less than
    0.5 where it is not; with the brightness itself, a sky over a ground is like any other.
    """
    edges = [_edges(photo) for photo in photos]
    turned = [
        [_unit(np.rot90(way, quarter)) for way in (each, each[:, ::-1]) for quarter in range(4)] for each in edges
    ]
    alike = np.einsum("id,jkd->ijk", np.array([views[0] for views in turned]), np.array(turned)).max(axis=2)
    _, group = connected_components(alike > SAME_SCENE, directed=False)
    return [group.tolist().index(each) for each in group.tolist()]


def _edges(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    gray = cv2.cvtColor(cv2.resize(photo, (192, 192), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    soft = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), 1)
    strength = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.resize(np.sqrt(strength), (32, 32), interpolation=cv2.INTER_AREA), np.float32)


def _unit(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = (picture - picture.mean()).ravel()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), np.float32)

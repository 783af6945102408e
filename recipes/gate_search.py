"""What detectors and earlier gates take for faces in photographs, and is none.

    python recipes/gate_search.py scenes.parquet cascades.csv                      (first: mien models pull yunet)
    python recipes/gate_search.py scenes.parquet boxes.csv --gate runs/gate-1/model.onnx --known cascades.csv

The second adds what that gate takes for faces to what is known. The result for scenes.parquet stands in gate_boxes.csv;
this makes it again, on all cores.

The Haar cascade errs seldom and the photographs are few. So it is set to find too much, they are also searched in
turned and enlarged views, and with two other cascades; and with mien's own, which errs least and matters most, in
mirrored views too, of the photographs to learn from and to choose by. In these, windows that earlier gates take for
faces are added (bootstrapping: Rowley, Baluja, Kanade 1998, "Neural Network-Based Face Detection").

What is a false alarm is decided by YuNet, looking at each photograph twice as large and with half its usual score: a
box that no such face touches. It looks at them turned by quarters too, because some of the photographs stand on their
heads and YuNet does not find faces that do.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import count, repeat
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gate_boxes import FACE, Found, View, read_boxes, touches, write_boxes
from gate_data import read_photographs, reduced
from gate_scenes import splits_of
from mien.cli.progress import progress_bar
from mien.errors import WeightsError, one_line
from mien.inference.crops import crop_faces
from mien.inference.detectors import Haar, YuNet
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.inference.weights import verified
from mien.model_card import FER2013_CROP
from mien.results import Box, Face

TAKEN_FOR_FACES, FEWEST_PIXELS, MOST_A_PHOTOGRAPH = 0.1, 24, 40
"""Windows of an earlier gate: from which probability on, from which side on, and how many of a photograph."""
VIEWS = [View(times=times, quarter=quarter) for times in (1.0, 1.5) for quarter in range(4)]
MIRRORED_VIEWS = [View(mirrored=True, times=view.times, quarter=view.quarter) for view in VIEWS]


class SearchingHaar(Haar):
    """mien's cascade set to overlook little, as it was when gate_boxes.csv was made."""

    SCALE_STEP = 1.1
    AGREEING_WINDOWS = 1


class SearchingDefaultHaar(SearchingHaar):
    """Another cascade for faces, with other errors."""

    CASCADE = "haarcascade_frontalface_default.xml"


class SearchingAltHaar(SearchingHaar):
    """And one more."""

    CASCADE = "haarcascade_frontalface_alt.xml"


class EagerYuNet(YuNet):
    """YuNet set to overlook nothing."""

    SCORE = 0.4
    LONGEST_SIDE = 2000


def main() -> None:
    """Search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path, help="the photographs")
    parser.add_argument("output", type=Path, help="the file of boxes to write")
    parser.add_argument("--gate", type=Path, help="the model.onnx of an earlier gate: search with it")
    parser.add_argument("--known", type=Path, help="the file of boxes that it has learnt from; with --gate")
    given = parser.parse_args()
    if bool(given.gate) != bool(given.known):
        parser.error("--gate and --known go together: a gate adds to what is known")
    photos = read_photographs(given.scenes)
    held_out = [split == "PrivateTest" for split in splits_of(photos)]
    known = read_boxes(given.known) if given.known else []
    found = list(known)
    # New processes, for those forked from one that has threads can hang.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        if given.gate:
            name = Session(given.gate).card.name
            name = f"{name}-{1 + len({each.by for each in known if each.by.startswith(name)})}"
            faces = [_faces_among(known, number) for number in range(len(photos))]
            work = processes.map(_mistakes, count(), photos, faces, held_out, repeat(given.gate), repeat(name))
        else:
            try:
                verified("yunet")
            except WeightsError as error:
                parser.error(str(error))
            work = processes.map(_alarms, count(), photos, held_out)
        with progress_bar("photographs", total=len(photos)) as advance:
            for boxes in advance.over(work):
                found += boxes
    write_boxes(given.output, found)
    print(f"{given.output}: {len(found)} boxes, {len(found) - len(known)} of them new")


def _faces_among(boxes: list[Found], photograph: int) -> list[Box]:
    return [each.box for each in boxes if each.photograph == photograph and each.by == FACE]


def _alarms(number: int, photo: NDArray[np.uint8], held_out: bool) -> list[Found]:
    return list(_search().boxes(number, photo, held_out=held_out))


def _mistakes(
    number: int, photo: NDArray[np.uint8], faces: list[Box], held_out: bool, gate: Path, name: str
) -> list[Found]:
    boxes = [] if held_out else _gate(gate).mistakes(photo, faces)
    return [Found(number, View(), name, box) for box in boxes]


class Search:
    """Faces and false alarms of cascades.

    Args:
        judge: says what is a face.
        cascades: whose false alarms are wanted; the first one, mien's own, searches mirrored views too.
    """

    def __init__(self, judge: YuNet, cascades: tuple[Haar, ...]) -> None:
        self._judge = judge
        self._cascades = cascades

    def boxes(self, number: int, photo: NDArray[np.uint8], *, held_out: bool) -> Iterator[Found]:
        """Yield the faces of a photograph, and what the cascades cut out of its views that touches none."""
        faces = faces_however_turned(self._judge, photo)
        yield from (Found(number, View(), FACE, face) for face in faces)
        for view in VIEWS if held_out else VIEWS + MIRRORED_VIEWS:
            seen = view.of(photo)
            for cascade in self._cascades[:1] if view.mirrored else self._cascades:
                by = cascade.CASCADE.removeprefix("haarcascade_").removesuffix(".xml")
                for alarm in cascade.find_faces(seen):
                    if not touches(view.back(alarm.box, photo.shape), faces):
                        yield Found(number, view, by, alarm.box)


class EarlierGate:
    """A gate whose mistakes the next one learns from.

    Args:
        file: its ONNX file.
    """

    def __init__(self, file: Path) -> None:
        cv2.setNumThreads(1)
        self._session = Session(file, threads=1)

    def mistakes(self, photo: NDArray[np.uint8], faces: list[Box]) -> list[Box]:
        """Return windows that it takes for faces, the surest first; none touches a face or lies on another."""
        windows = [face for face in _windows(photo) if not touches(face.box, faces)]
        crops = crop_faces(photo, windows, FER2013_CROP)
        for crop in crops:
            crop[0] = reduced(crop[0])
        scores = score_crops(self._session, crops, self._session.card.heads[0])[:, 0]
        taken: list[Box] = []
        for place in np.argsort(-scores):
            if scores[place] < TAKEN_FOR_FACES or len(taken) == MOST_A_PHOTOGRAPH:
                break
            if all(windows[place].box.iou(other) < 0.3 for other in taken):
                taken.append(windows[place].box)
        return taken


@cache
def _search() -> Search:
    cv2.setNumThreads(1)  # one process a core searches
    return Search(EagerYuNet(verified("yunet")), (SearchingHaar(), SearchingDefaultHaar(), SearchingAltHaar()))


@cache
def _gate(file: Path) -> EarlierGate:
    return EarlierGate(file)


def faces_however_turned(judge: YuNet, photo: NDArray[np.uint8]) -> list[Box]:
    """Return what a detector takes for faces in any of four turns of a photograph, twice as large."""
    views = [View(times=2, quarter=quarter) for quarter in range(4)]
    return [view.back(face.box, photo.shape) for view in views for face in judge.find_faces(view.of(photo))]


def _windows(photo: NDArray[np.uint8]) -> Iterator[Face]:
    height, width = photo.shape[:2]
    side = float(FEWEST_PIXELS)
    while side <= min(height, width) / 2:
        for y in np.arange(0, height - side, side / 2).tolist():
            for x in np.arange(0, width - side, side / 2).tolist():
                yield Face(Box(x, y, x + side, y + side), 1.0)
        side *= 1.4


if __name__ == "__main__":
    one_line(main)

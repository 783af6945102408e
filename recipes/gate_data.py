"""Faces and other things at the same sharpness, for the gate recipes.

    python recipes/gate_data.py fer2013.parquet natural_images.parquet scenes.parquet gate.parquet
                                                                          (first: mien models pull yunet)
    python recipes/gate_data.py ... gate2.parquet --gate runs/gate-cnn/model.onnx        (then train again, into runs/)

Faces: FER-2013, without what two of FER+'s annotators call no face, each in its own split. Other things: natural-images
without persons; squares of photographs that hold no face; the false alarms of a Haar cascade that is set to find too
much there; and, to learn from and to choose by, faces turned by a quarter or more, whose emotion no model here can
read. All of them are shrunk to 30 pixels, which is what natural-images has, and enlarged to 48, so that sharpness says
nothing. Other things are parted by thing and scene: 70 % Training, 10 % PublicTest, 20 % PrivateTest. A scene is all
photographs of one background: many of them are another one turned, mirrored or made darker, or a film's next frame.

The cascade errs seldom and the photographs are few. So they are also searched in turned and enlarged views, and with
other cascades: "false-alarms-of-views" beside "false-alarms"; `mien evaluate ... --by source --output report/` tells
how a gate does on each. With earlier gates, windows that they take for faces are added for the next gate, of the
photographs to learn from and to choose by (bootstrapping: Rowley, Baluja, Kanade 1998, "Neural Network-Based Face
Detection").
What is a false alarm is decided by YuNet, looking at each photograph twice as large and with half its usual score: a
cascade's box that no such face touches. It looks at them turned by quarters too, because some of the photographs stand
on their heads and YuNet does not find faces that do. `mien data show gate.parquet` lets people look at them.

The table of --emotions is for models that name emotions and know faces too: all of FER-2013 with its labels and votes,
beside the other things, labelled not_face. Nothing in it is reduced, for such a model has to see detail; its recipe
blurs pictures of both sides.
"""

import argparse
import hashlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from itertools import chain, count, repeat
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from mien.cli.progress import progress_bar
from mien.data import Record, TableMeta, TableWriter, open_table
from mien.data.duplicates import find_duplicates, fingerprints
from mien.data.encoding import encode_png
from mien.data.votes import VOTE_COLUMNS
from mien.errors import WeightsError
from mien.inference.crops import crop_faces
from mien.inference.detectors import EagerHaar, YuNet
from mien.inference.image import read_picture
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.inference.weights import verified
from mien.labels import FACE2, FERPLUS10
from mien.model_card import FER2013_CROP
from mien.results import Box, Face

DETAIL = 30
NOT_FACE = VOTE_COLUMNS.index("not_face")
TURNED_EVERY = 10
SQUARES_A_PHOTOGRAPH = 12
SAME_SCENE = 0.55
"""Photographs whose edges correlate by more show the same background, see `scenes`."""
TAKEN_FOR_FACES, FEWEST_PIXELS, MOST_A_PHOTOGRAPH = 0.1, 24, 40
"""Windows of an earlier gate: from which probability on, from which side on, and how many of a photograph."""


class EagerDefaultHaar(EagerHaar):
    """Another cascade for faces, with other errors."""

    CASCADE = "haarcascade_frontalface_default.xml"


class EagerAltHaar(EagerHaar):
    """And one more."""

    CASCADE = "haarcascade_frontalface_alt.xml"


class EagerYuNet(YuNet):
    """YuNet set to overlook nothing."""

    SCORE = 0.4
    LONGEST_SIDE = 2000


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("fer2013", "natural_images", "scenes", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--gate", type=Path, action="append", help="the model.onnx of an earlier gate; again for more")
    parser.add_argument("--emotions", type=Path, help="write the table with emotions, votes and detail too")
    given = parser.parse_args()
    try:
        verified("yunet")
    except WeightsError as error:
        parser.error(str(error))
    photographs = parts_of_photographs(given.scenes, tuple(given.gate or ()))
    parts = (faces(given.fer2013), things(given.natural_images), photographs)
    terms = "that of the three sources"
    gate = TableMeta(FACE2, license=terms, layout="gate", preparation=(f"detail {DETAIL}",))
    emotions = TableMeta(FERPLUS10, license=terms, layout="gate", votes=VOTE_COLUMNS)
    with ExitStack() as stack:
        writer = stack.enter_context(TableWriter(given.output, gate, overwrite=True))
        second = given.emotions and stack.enter_context(TableWriter(given.emotions, emotions, overwrite=True))
        advance = stack.enter_context(progress_bar("pictures", total=None))
        for record in advance.over(chain(*parts)):
            reduced = for_the_gate(record)
            if reduced is not None:
                writer.write(reduced)
            if second:
                second.write(record)
    for split, number in open_table(given.output).split_counts().items():
        print(f"{split}: {number}")


def for_the_gate(record: Record) -> Record | None:
    """Return a record as face or other, with little detail; None for what two annotators doubt to be a face."""
    is_face = record.label != "not_face"
    if is_face and (record.votes is None or (record.votes[NOT_FACE] or 0) >= 2):
        return None
    gray = np.asarray(cv2.cvtColor(read_picture(record.image), cv2.COLOR_RGB2GRAY), np.uint8)
    label = "face" if is_face else "other"
    return Record(encode_png(_reduced(gray)), record.path, label, record.split, record.source)


def faces(path: Path) -> Iterator[Record]:
    """Yield the faces, and of some of them a turned copy that is none."""
    for number, record in enumerate(open_table(path).records()):
        yield replace(record, source="fer2013")
        if number % TURNED_EVERY == 0 and record.split != "PrivateTest":
            picture = read_picture(record.image)
            turned = np.ascontiguousarray(np.rot90(picture, 1 + number // TURNED_EVERY % 3))
            yield _other(turned, f"turned/{record.path}", record.split, "turned-faces")


def things(path: Path) -> Iterator[Record]:
    """Yield natural-images without persons."""
    import pyarrow.parquet as parquet

    rows = [row for row in parquet.read_table(path).to_pylist() if row["category"] != "person"]
    names = [f"natural/{row['category']}/{row['image']['path']}" for row in rows]
    alike = list(range(len(rows)))  # the first picture of the same thing: fruit was photographed while it was turned
    for group in find_duplicates(fingerprints(read_picture(row["image"]["bytes"]) for row in rows)).near:
        for member in group:
            alike[member] = group[0]
    for row, name, first in zip(rows, names, alike, strict=True):
        yield _other(read_picture(row["image"]["bytes"]), name, _split(names[first]), "natural-images")


class EarlierGate:
    """A gate whose mistakes the next one learns from.

    Args:
        file: its ONNX file.
    """

    def __init__(self, file: Path) -> None:
        self._session = Session(file, threads=1)

    def mistakes(self, photo: NDArray[np.uint8], known: list[Box]) -> list[Face]:
        """Return windows that it takes for faces, the surest first; none touches a face or lies on another."""
        windows = [face for face in _windows(photo) if not _touches(face.box, known)]
        crops = crop_faces(photo, windows, FER2013_CROP)
        for crop in crops:
            crop[0] = _reduced(crop[0])
        scores = score_crops(self._session, crops, self._session.card.heads[0])[:, 0]
        taken: list[Face] = []
        for place in np.argsort(-scores):
            if scores[place] < TAKEN_FOR_FACES or len(taken) == MOST_A_PHOTOGRAPH:
                break
            if all(windows[place].box.iou(other.box) < 0.3 for other in taken):
                taken.append(windows[place])
        return taken


class Search:
    """What a photograph holds that is no face.

    Args:
        gates: the ONNX files of earlier gates.
    """

    def __init__(self, gates: tuple[Path, ...]) -> None:
        cv2.setNumThreads(1)  # one process a core searches
        self._gates = [EarlierGate(file) for file in gates]
        self._judge = EagerYuNet(verified("yunet"))
        self._cascade = EagerHaar()
        # benchmarks/gate_sources.py reads their order out of the names of crops.
        self._more = (self._cascade, EagerDefaultHaar(), EagerAltHaar())

    def parts(self, number: int, photo: NDArray[np.uint8], split: str) -> Iterator[Record]:
        """Yield false alarms of the cascade, squares without a face, windows of the gates, false alarms in views."""
        known = _faces_however_turned(self._judge, photo)
        alarms = [face for face in self._cascade.find_faces(photo) if not _touches(face.box, known)]
        squares = [face for face in _squares(photo, np.random.default_rng(number)) if not _touches(face.box, known)]
        yield from _crops(photo, alarms, f"false-alarms/{number:03d}", split)
        yield from _crops(photo, squares, f"squares/{number:03d}", split)
        for which, gate in enumerate(self._gates if split != "PrivateTest" else ()):
            yield from _crops(photo, gate.mistakes(photo, known), f"taken-for-faces/{number:03d}-{which}", split)
        for turn, (view, there) in enumerate(_views(photo, known)):
            for which, each in enumerate(self._more):
                wrong = [face for face in each.find_faces(view) if not _touches(face.box, there)]
                yield from _crops(view, wrong, f"false-alarms-of-views/{number:03d}-{turn}-{which}", split)


def parts_of_photographs(path: Path, gates: tuple[Path, ...]) -> Iterator[Record]:
    """Yield what the photographs hold that is no face, in their order; all cores search."""
    import pyarrow.parquet as parquet

    files = [row["image"]["bytes"] for row in parquet.read_table(path).to_pylist()]
    splits = [_split(f"scene{scene}") for scene in scenes([read_picture(file) for file in files])]
    # New processes, for those forked from one that has threads can hang.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        for found in processes.map(_searched, count(), files, splits, repeat(gates)):
            yield from found


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


def _searched(number: int, file: bytes, split: str, gates: tuple[Path, ...]) -> list[Record]:
    return list(_search(gates).parts(number, read_picture(file), split))


@cache
def _search(gates: tuple[Path, ...]) -> Search:
    return Search(gates)


def _views(photo: NDArray[np.uint8], known: list[Box]) -> Iterator[tuple[NDArray[np.uint8], list[Box]]]:
    for times in (1.0, 1.5):
        larger = np.asarray(cv2.resize(photo, None, fx=times, fy=times), np.uint8)
        boxes = [Box(*(times * side for side in _sides(box))) for box in known]
        for quarter in range(4):
            view = np.ascontiguousarray(np.rot90(larger, quarter))
            # The enlarged photograph is the view, turned on until the turn is whole.
            yield view, [_turned_back(box, (4 - quarter) % 4, view.shape) for box in boxes]


def _crops(photo: NDArray[np.uint8], found: list[Face], name: str, split: str) -> Iterator[Record]:
    for position, crop in enumerate(crop_faces(photo, found, FER2013_CROP)):
        picture = np.repeat(crop[0][..., None], 3, axis=2)
        yield _other(picture, f"{name}-{position:02d}.png", split, name.split("/")[0])


def _other(picture: NDArray[np.uint8], name: str, split: str, source: str) -> Record:
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return Record(encode_png(gray), name, "not_face", split, source)


def _reduced(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(gray, (DETAIL, DETAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR), np.uint8)


def _split(name: str) -> str:
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    return "Training" if share < 0.7 else "PublicTest" if share < 0.8 else "PrivateTest"


def _faces_however_turned(judge: YuNet, photo: NDArray[np.uint8]) -> list[Box]:
    larger = np.asarray(cv2.resize(photo, None, fx=2, fy=2), np.uint8)
    known: list[Box] = []
    for quarter in range(4):
        for face in judge.find_faces(np.ascontiguousarray(np.rot90(larger, quarter))):
            box = _turned_back(face.box, quarter, larger.shape)
            known.append(Box(*(side / 2 for side in _sides(box))))
    return known


def _turned_back(box: Box, quarter: int, shape: tuple[int, ...]) -> Box:
    # From np.rot90(picture, quarter) to the picture, which has this shape.
    height, width = shape[:2]
    x1, y1, x2, y2 = _sides(box)
    return (
        box,
        Box(width - y2, x1, width - y1, x2),
        Box(width - x2, height - y2, width - x1, height - y1),
        Box(y1, height - x2, y2, height - x1),
    )[quarter]


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2


def _touches(box: Box, others: list[Box]) -> bool:
    return any(
        min(box.x2, other.x2) > max(box.x1, other.x1) and min(box.y2, other.y2) > max(box.y1, other.y1)
        for other in others
    )


def _windows(photo: NDArray[np.uint8]) -> Iterator[Face]:
    height, width = photo.shape[:2]
    side = float(FEWEST_PIXELS)
    while side <= min(height, width) / 2:
        for y in np.arange(0, height - side, side / 2).tolist():
            for x in np.arange(0, width - side, side / 2).tolist():
                yield Face(Box(x, y, x + side, y + side), 1.0)
        side *= 1.4


def _squares(photo: NDArray[np.uint8], draw: np.random.Generator) -> list[Face]:
    height, width = photo.shape[:2]
    squares = []
    for _ in range(SQUARES_A_PHOTOGRAPH):
        side = float(draw.uniform(24, min(height, width) / 2))
        x, y = float(draw.uniform(0, width - side)), float(draw.uniform(0, height - side))
        squares.append(Face(Box(x, y, x + side, y + side), 1.0))
    return squares


if __name__ == "__main__":
    main()

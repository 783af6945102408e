"""Faces and other things at the same sharpness, for the gate recipes.

    python recipes/gate_data.py fer2013.parquet natural_images.parquet scenes.parquet gate.parquet
                                                                          (first: mien models pull yunet)
    python recipes/gate_data.py ... gate2.parquet --gate runs/gate-cnn/model.onnx        (then train again, into runs/)

Faces: FER-2013, without what two of FER+'s annotators call no face, each in its own split. Other things: natural-images
without persons; squares of photographs that hold no face; and the false alarms of a Haar cascade that is set to find
too much there. All of them are shrunk to 30 pixels, which is what natural-images has, and enlarged to 48, so that
sharpness says nothing. Other things are parted by picture and photograph: 70 % Training, 10 % PublicTest, 20 %
PrivateTest.

The cascade errs seldom and the photographs are few. So those for training and for choosing that hold no face are also
searched in turned and enlarged views, and with other cascades; those for testing as they are, with the one cascade.
With earlier gates, windows of those photographs that they take for faces are added, for the next gate to learn from
(bootstrapping: Rowley, Baluja, Kanade 1998, "Neural Network-Based Face Detection").
What is a false alarm is decided by YuNet, looking at each photograph twice as large and with half its usual score: a
cascade's box that no such face touches. `mien data show gate.parquet` lets people look at them.
"""

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.cli.progress import progress_bar
from mien.data import Record, TableMeta, TableWriter, open_table
from mien.data.encoding import encode_png
from mien.inference.crops import crop_faces
from mien.inference.detectors import Haar, YuNet
from mien.inference.image import read_picture
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.inference.weights import verified
from mien.labels import FACE2
from mien.model_card import FER2013_CROP
from mien.results import Box, Face

DETAIL = 30
NOT_FACE = 9  # the position of that vote
SQUARES_A_PHOTOGRAPH = 12
TAKEN_FOR_FACES, FEWEST_PIXELS, MOST_A_PHOTOGRAPH = 0.1, 24, 40
"""Windows of an earlier gate: from which probability on, from which side on, and how many of a photograph."""


class EagerHaar(Haar):
    """The cascade set to find too much."""

    SCALE_STEP = 1.1
    AGREEING_WINDOWS = 1


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
    given = parser.parse_args()
    earlier = [EarlierGate(file) for file in given.gate or ()]
    meta = TableMeta(FACE2, license="that of the three sources", layout="gate", preparation=(f"detail {DETAIL}",))
    with TableWriter(given.output, meta, overwrite=True) as writer, progress_bar("pictures", total=None) as advance:
        for part in (faces(given.fer2013), things(given.natural_images), parts_of_photographs(given.scenes, earlier)):
            for record in advance.over(part):
                writer.write(record)
    for split, count in open_table(given.output).split_counts().items():
        print(f"{split}: {count}")


def faces(path: Path) -> Iterator[Record]:
    """Yield the faces."""
    for record in open_table(path).records():
        if record.votes is None or (record.votes[NOT_FACE] or 0) >= 2:
            continue
        yield _record(read_picture(record.image), record.path, "face", record.split, "fer2013")


def things(path: Path) -> Iterator[Record]:
    """Yield natural-images without persons."""
    import pyarrow.parquet as parquet

    for row in parquet.read_table(path).to_pylist():
        if row["category"] != "person":
            name = f"natural/{row['category']}/{row['image']['path']}"
            yield _record(read_picture(row["image"]["bytes"]), name, "other", _split(name), "natural-images")


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


def parts_of_photographs(path: Path, earlier: list[EarlierGate]) -> Iterator[Record]:
    """Yield false alarms of the cascade and of an earlier gate, and squares without a face."""
    import pyarrow.parquet as parquet

    cascade, judge = EagerHaar(), EagerYuNet(verified("yunet"))
    more = (cascade, EagerDefaultHaar(), EagerAltHaar())
    for number, row in enumerate(parquet.read_table(path).to_pylist()):
        photo = read_picture(row["image"]["bytes"])
        known = [_half(face) for face in judge.find_faces(cv2.resize(photo, None, fx=2, fy=2))]
        split = _split(f"scene{number}")
        alarms = [face for face in cascade.find_faces(photo) if not _touches(face.box, known)]
        squares = [face for face in _squares(photo, np.random.default_rng(number)) if not _touches(face.box, known)]
        yield from _crops(photo, alarms, f"false-alarms/{number:03d}", split)
        yield from _crops(photo, squares, f"squares/{number:03d}", split)
        for which, gate in enumerate(earlier if split != "PrivateTest" else ()):
            yield from _crops(photo, gate.mistakes(photo, known), f"taken-for-faces/{number:03d}-{which}", split)
        if split != "PrivateTest" and not known:
            for turn, view in enumerate(_views(photo)):
                for which, each in enumerate(more):
                    name = f"false-alarms-of-views/{number:03d}-{turn}-{which}"
                    yield from _crops(view, each.find_faces(view), name, split)


def _views(photo: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    larger = np.asarray(cv2.resize(photo, None, fx=1.5, fy=1.5), np.uint8)
    return [np.ascontiguousarray(np.rot90(view, quarter)) for view in (photo, larger) for quarter in range(4)]


def _crops(photo: NDArray[np.uint8], found: list[Face], name: str, split: str) -> Iterator[Record]:
    for position, crop in enumerate(crop_faces(photo, found, FER2013_CROP)):
        picture = np.repeat(crop[0][..., None], 3, axis=2)
        yield _record(picture, f"{name}-{position:02d}.png", "other", split, name.split("/")[0])


def _record(picture: NDArray[np.uint8], name: str, label: str, split: str, source: str) -> Record:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return Record(encode_png(_reduced(gray)), name, label, split, source)


def _reduced(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(gray, (DETAIL, DETAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR), np.uint8)


def _split(name: str) -> str:
    share = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    return "Training" if share < 0.7 else "PublicTest" if share < 0.8 else "PrivateTest"


def _half(face: Face) -> Box:
    return Box(face.box.x1 / 2, face.box.y1 / 2, face.box.x2 / 2, face.box.y2 / 2)


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

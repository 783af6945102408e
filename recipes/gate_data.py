"""Faces and other things at the same sharpness, for the gate recipes.

    python recipes/gate_data.py fer2013.parquet natural_images.parquet scenes.parquet gate.parquet

Faces: FER-2013, without what two of FER+'s annotators call no face, each in its own split. Other things: natural-images
without persons; squares of photographs that hold no face; what cascades, and earlier gates, took for faces there, which
`gate_search.py` has found (gate_boxes.csv; --boxes for another file); and, to learn from and to choose by, faces turned
by a quarter or more, whose emotion no model here can read. All of them are shrunk to 30 pixels, which is what
natural-images has, and enlarged to 48, so that sharpness says nothing. Other things are parted by thing and scene:
70 % Training, 10 % PublicTest, 20 % PrivateTest. A scene is all photographs of one background: many of them are another
one turned, mirrored or made darker, or a film's next frame.

`mien evaluate ... --by source --output report/` tells how a gate does on each source; `mien data show gate.parquet`
lets people look at them.

The table of --emotions is for models that name emotions and know faces too: all of FER-2013 with its labels and votes,
beside the other things, labelled not_face, both in their full detail. To learn from and to choose by it holds copies of
both sides with little detail too, as the gate's table does; of such a face only that it is one is told ("unknown"), and
recipes say which share of an epoch they are.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gate_boxes import BOXES, FACE, Found, View, read_boxes, touches
from gate_scenes import split_of, splits_of
from mien.cli.progress import progress_bar
from mien.data import Record, TableMeta, TableWriter, open_table
from mien.data.duplicates import find_duplicates, fingerprints
from mien.data.encoding import encode_png
from mien.data.votes import VOTE_COLUMNS
from mien.errors import one_line
from mien.inference.crops import crop_faces
from mien.inference.image import read_picture
from mien.labels import FACE2, FERPLUS10
from mien.model_card import FER2013_CROP
from mien.results import Box, Face

DETAIL = 30
NOT_FACE = VOTE_COLUMNS.index("not_face")
TURNED_EVERY = 10
SQUARES_A_PHOTOGRAPH = 12
FAINT_EVERY = {"Training": 1, "PublicTest": 4}
"""Of how many pictures of the table of emotions one has a copy with little detail, by split."""


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("fer2013", "natural_images", "scenes", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--boxes", type=Path, default=BOXES, help=f"of gate_search.py; {BOXES.name} by default")
    parser.add_argument("--emotions", type=Path, help="write the table with emotions, votes and detail too")
    given = parser.parse_args()
    photographs = parts_of_photographs(given.scenes, read_boxes(given.boxes))
    parts = (faces(given.fer2013), things(given.natural_images), photographs)
    terms = "that of the three sources"
    gate = TableMeta(FACE2, license=terms, layout="gate", preparation=(f"detail {DETAIL}",))
    emotions = TableMeta(FERPLUS10, license=terms, layout="gate", votes=VOTE_COLUMNS)
    with ExitStack() as stack:
        writer = stack.enter_context(TableWriter(given.output, gate, overwrite=True))
        second = given.emotions and stack.enter_context(TableWriter(given.emotions, emotions, overwrite=True))
        advance = stack.enter_context(progress_bar("pictures", total=None))
        for number, record in enumerate(advance.over(chain(*parts))):
            for_gate = for_the_gate(record)
            if for_gate is not None:
                writer.write(for_gate)
            if second:
                second.write(record)
                every = FAINT_EVERY.get(record.split)
                if for_gate is not None and every and number % every == 0:
                    second.write(faint(for_gate))
    for split, number in open_table(given.output).split_counts().items():
        print(f"{split}: {number}")


def for_the_gate(record: Record) -> Record | None:
    """Return a record as face or other, with little detail; None for what two annotators doubt to be a face."""
    is_face = record.label != "not_face"
    if is_face and (record.votes is None or (record.votes[NOT_FACE] or 0) >= 2):
        return None
    gray = np.asarray(cv2.cvtColor(read_picture(record.image), cv2.COLOR_RGB2GRAY), np.uint8)
    label = "face" if is_face else "other"
    return Record(encode_png(reduced(gray)), record.path, label, record.split, record.source)


def faint(for_gate: Record) -> Record:
    """Return a record of the gate's table for the table of emotions."""
    label = "unknown" if for_gate.label == "face" else "not_face"
    return replace(for_gate, path=f"faint/{for_gate.path}", label=label)


def reduced(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a gray picture with the detail of natural-images, as a crop."""
    small = cv2.resize(gray, (DETAIL, DETAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR), np.uint8)


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
        yield _other(read_picture(row["image"]["bytes"]), name, split_of(names[first]), "natural-images")


def parts_of_photographs(path: Path, boxes: list[Found]) -> Iterator[Record]:
    """Yield what the photographs hold that is no face: squares, then what was taken for faces, its finder the source.

    What mien's cascade cuts out of a photograph as it is has the source "false-alarms/frontalface_alt2"; out of other
    views, "false-alarms-of-views/...".
    """
    photos = read_photographs(path)
    of_photograph: list[list[Found]] = [[] for _ in photos]
    for found in boxes:
        of_photograph[found.photograph].append(found)
    for number, (photo, split) in enumerate(zip(photos, splits_of(photos), strict=True)):
        known = [found.box for found in of_photograph[number] if found.by == FACE]
        squares = [square for square in _squares(photo, np.random.default_rng(number)) if not touches(square, known)]
        for position, square in enumerate(squares):
            yield _crop(photo, square, f"squares/{number:03d}-{position:02d}.png", split, "squares")
        positions: Counter[str] = Counter()
        view, seen = View(), photo
        for found in of_photograph[number]:
            if found.by == FACE:
                continue
            if found.view != view:
                view, seen = found.view, found.view.of(photo)
            source = f"false-alarms{'' if view == View() else '-of-views'}/{found.by}"
            yield _crop(seen, found.box, f"{source}/{number:03d}-{positions[source]:03d}.png", split, source)
            positions[source] += 1


def read_photographs(path: Path) -> list[NDArray[np.uint8]]:
    """Return the photographs of a file, RGB."""
    import pyarrow.parquet as parquet

    return [read_picture(row["image"]["bytes"]) for row in parquet.read_table(path).to_pylist()]


def _crop(photo: NDArray[np.uint8], box: Box, name: str, split: str, source: str) -> Record:
    crop = crop_faces(photo, [Face(box, 1.0)], FER2013_CROP)[0, 0]
    return _other(np.repeat(crop[..., None], 3, axis=2), name, split, source)


def _other(picture: NDArray[np.uint8], name: str, split: str, source: str) -> Record:
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return Record(encode_png(gray), name, "not_face", split, source)


def _squares(photo: NDArray[np.uint8], draw: np.random.Generator) -> list[Box]:
    height, width = photo.shape[:2]
    squares = []
    for _ in range(SQUARES_A_PHOTOGRAPH):
        side = float(draw.uniform(24, min(height, width) / 2))
        x, y = float(draw.uniform(0, width - side)), float(draw.uniform(0, height - side))
        squares.append(Box(x, y, x + side, y + side))
    return squares


if __name__ == "__main__":
    one_line(main)

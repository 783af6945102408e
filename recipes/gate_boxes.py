"""Where the photographs hold faces, and what was taken for one: the boxes that `gate_search.py` finds, in one file.

gate_boxes.csv beside this file is its result for scenes.parquet: places only, no pictures. With it, `gate_data.py`
makes its tables in a minute; without it, the search takes an hour on two cores.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.files import written_whole
from mien.results import Box

BOXES = Path(__file__).with_suffix(".csv")
FACE = "yunet"
"""By which boxes were found that are faces; all others are false alarms."""
COLUMNS = ("photograph", "mirrored", "times", "quarter", "by", "x1", "y1", "x2", "y2")


@dataclass(frozen=True, order=True)
class View:
    """A photograph turned, enlarged or mirrored; mirrored first, turned last.

    Attributes:
        mirrored: left for right.
        times: as large.
        quarter: turns by 90 degrees, against the clock.
    """

    mirrored: bool = False
    times: float = 1.0
    quarter: int = 0

    def of(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the view of a (height, width, 3) photograph."""
        seen = np.ascontiguousarray(photo[:, ::-1]) if self.mirrored else photo
        if self.times != 1:
            seen = np.asarray(cv2.resize(seen, None, fx=self.times, fy=self.times), np.uint8)
        return np.ascontiguousarray(np.rot90(seen, self.quarter))

    def back(self, box: Box, shape: tuple[int, ...]) -> Box:
        """Return a box of the view as a box of the photograph, which has this shape."""
        height, width = (self.times * side for side in shape[:2])
        x1, y1, x2, y2 = box.x1, box.y1, box.x2, box.y2
        x1, y1, x2, y2 = (
            (x1, y1, x2, y2),
            (width - y2, x1, width - y1, x2),
            (width - x2, height - y2, width - x1, height - y1),
            (y1, height - x2, y2, height - x1),
        )[self.quarter]
        if self.mirrored:
            x1, x2 = width - x2, width - x1
        return Box(*(side / self.times for side in (x1, y1, x2, y2)))


@dataclass(frozen=True)
class Found:
    """A box in a view of a photograph.

    Attributes:
        photograph: its number in the file.
        view: of it.
        by: what found it: YuNet, a cascade, or an earlier gate.
        box: in pixels of the view.
    """

    photograph: int
    view: View
    by: str
    box: Box


def read_boxes(path: Path) -> list[Found]:
    """Return the boxes of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Found(
                int(row["photograph"]),
                View(row["mirrored"] == "1", float(row["times"]), int(row["quarter"])),
                row["by"],
                Box(*(float(row[side]) for side in ("x1", "y1", "x2", "y2"))),
            )
            for row in csv.DictReader(file)
        ]


def write_boxes(path: Path, boxes: list[Found]) -> None:
    """Write boxes, by photograph, finder and view, each in the order that it was found in."""
    ordered = sorted(boxes, key=lambda found: (found.photograph, found.by != FACE, found.by, found.view))
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for found in ordered:
            view, box = found.view, found.box
            sides = (f"{side:.2f}".rstrip("0").rstrip(".") for side in (box.x1, box.y1, box.x2, box.y2))
            writer.writerow([found.photograph, int(view.mirrored), f"{view.times:g}", view.quarter, found.by, *sides])


def touches(box: Box, others: list[Box]) -> bool:
    """Return whether a box shares any area with one of the others."""
    return any(
        min(box.x2, other.x2) > max(box.x1, other.x1) and min(box.y2, other.y2) > max(box.y1, other.y1)
        for other in others
    )

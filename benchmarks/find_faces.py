"""How many annotated faces each detector finds in photographs, and how often it is wrong.

    python benchmarks/find_faces.py ../shared/photos        (YuNet: first `mien models pull yunet`)
    python benchmarks/find_faces.py ../shared/photos --model runs/mien-base/model.onnx --others natural_images.parquet

The folder holds photographs, and training.xml and testing.xml with the boxes that people drew (PASCAL VOC 2011 pictures
as distributed with dlib). A face counts as found at an IoU of 0.4; what overlaps no drawn box is a false alarm, and so
is anything found in dogs.jpg. Other photographs of the folder are not looked at. The detectors are those of the
model's analyzer: with a gate behind the cascade where the model has one. With --others, twenty pictures of
natural-images without persons, enlarged sixteen times, should hold no face either. Writes results/detectors_MODEL.csv.
"""

import argparse
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from measurements import write_rows
from mien import Analyzer
from mien.errors import one_line
from mien.inference.image import read_picture
from mien.inference.weights import DEFAULT_MODEL
from mien.results import Box

NO_PERSON = "dogs.jpg"
OVERLAP = 0.4
OTHERS, ENLARGED = 20, 16


def drawn_boxes(folder: Path) -> dict[str, list[Box]]:
    """Return the drawn boxes by the name of the photograph."""
    photos: dict[str, list[Box]] = {NO_PERSON: []}
    for listing in ("training.xml", "testing.xml"):
        for image in ElementTree.parse(folder / listing).getroot().iter("image"):
            corners = [
                [int(box.get(key, "0")) for key in ("left", "top", "width", "height")] for box in image.iter("box")
            ]
            photos[str(image.get("file"))] = [Box(x, y, x + width, y + height) for x, y, width, height in corners]
    return photos


def enlarged_things(path: Path) -> list[NDArray[np.uint8]]:
    """Return pictures of natural-images without persons, from all its other classes."""
    import pyarrow.parquet as parquet

    rows = [row for row in parquet.read_table(path).to_pylist() if row["category"] != "person"]
    chosen = np.random.default_rng(0).permutation(len(rows))[:OTHERS]
    pictures = [read_picture(rows[place]["image"]["bytes"]) for place in chosen]
    return [np.asarray(cv2.resize(each, None, fx=ENLARGED, fy=ENLARGED), np.uint8) for each in pictures]


def main() -> None:
    """Measure both detectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--others", type=Path, help="natural_images.parquet")
    given = parser.parse_args()
    folder = given.folder
    things = enlarged_things(given.others) if given.others else []
    photos = {name: (read_picture(folder / name), boxes) for name, boxes in drawn_boxes(folder).items()}
    rows = []
    for name in ("haar", "yunet"):
        analyzer = Analyzer(model=given.model, detector=name)
        detector = analyzer.detector
        found = false = 0
        start = time.process_time()
        for picture, boxes in photos.values():
            faces = [face.box for face in detector.find_faces(picture)]
            found += sum(any(face.iou(box) >= OVERLAP for face in faces) for box in boxes)
            false += sum(all(face.iou(box) < OVERLAP for box in boxes) for face in faces)
        cpu_ms = 1000 * (time.process_time() - start) / len(photos)
        drawn = sum(len(boxes) for _, boxes in photos.values())
        rows.append(
            {
                "detector": name,
                "model": analyzer.card.name,
                "sha256": analyzer.card.sha256,
                "data": folder.name,
                "n": drawn,
                "found": found,
                "false_alarms": false,
                "cpu_ms_per_photo": f"{cpu_ms:.0f}",
                "things": len(things),
                "faces_in_things": sum(len(detector.find_faces(thing)) for thing in things),
            }
        )
        print(f"{name}: {found} of {drawn} found, {false} false alarms, {cpu_ms:.0f} ms of CPU a photograph")
        if things:
            print(f"{name}: {rows[-1]['faces_in_things']} faces found in {len(things)} pictures of other things")
    print(write_rows(f"detectors_{analyzer.card.name}", rows))


if __name__ == "__main__":
    one_line(main)

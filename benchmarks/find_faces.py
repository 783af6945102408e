"""How many annotated faces each detector finds in photographs, and how often it is wrong.

    python benchmarks/find_faces.py ../shared/photos        (YuNet: first `mien models pull yunet`)

The folder holds photographs, and training.xml and testing.xml with the boxes that people drew (PASCAL VOC 2011 pictures
as distributed with dlib). A face counts as found at an IoU of 0.4; what overlaps no drawn box is a false alarm, and so
is anything found in dogs.jpg. Photographs without drawn boxes are counted, not judged. Writes results/detectors.csv.
"""

import argparse
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from measurements import write_rows
from mien.inference.detectors import open_detector
from mien.inference.image import read_picture
from mien.model_card import FER2013_CROP
from mien.results import Box

NO_PERSON = "dogs.jpg"
OVERLAP = 0.4


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


def main() -> None:
    """Measure both detectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    photos = {name: (read_picture(folder / name), boxes) for name, boxes in drawn_boxes(folder).items()}
    rows = []
    for name in ("haar", "yunet"):
        detector = open_detector(name, spec=FER2013_CROP)
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
                "data": folder.name,
                "n": drawn,
                "found": found,
                "false_alarms": false,
                "cpu_ms_per_photo": f"{cpu_ms:.0f}",
            }
        )
        print(f"{name}: {found} of {drawn} found, {false} false alarms, {cpu_ms:.0f} ms of CPU a photograph")
    print(write_rows("detectors", rows))


if __name__ == "__main__":
    main()

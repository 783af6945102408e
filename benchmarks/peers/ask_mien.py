"""Runs inside an environment with mien's core alone: probabilities of crops, and what they cost.

    python ask_mien.py crops.npz photo.jpg answers.npz haar

One thread, each face in a call of its own, like `ask_fer.py`; the last word is the detector for the photograph. Prints
its figures as JSON on the last line.
"""

import json
import statistics
import sys
import time

started = time.process_time()
from mien import Analyzer  # noqa: E402

import_s = time.process_time() - started
import cv2  # noqa: E402
import numpy as np  # noqa: E402

TIMED = 200
PHOTOS = 15


def main() -> None:
    """Score, time, print."""
    crops_file, photo, target, detector = sys.argv[1:]
    cv2.setNumThreads(1)
    crops = np.load(crops_file)["crops"]
    started = time.process_time()
    analyzer = Analyzer(detector=detector, threads=1)
    open_s = time.process_time() - started
    whole = Analyzer(detector="whole", threads=1)
    results = [whole.analyze(crop) for crop in crops]
    scores = np.array([result.faces[0].emotions.probabilities for result in results])
    np.savez(target, scores=scores, labels=np.array(whole.head.labels))
    faces_ms = [cpu_ms(lambda crop=crop: whole.analyze(crop)) for crop in crops[:TIMED]]
    with open(photo, "rb") as file:
        content = file.read()
    analyzer.analyze(content)
    photos_ms = [cpu_ms(lambda: analyzer.analyze(content)) for _ in range(PHOTOS)]
    print(
        json.dumps(
            {
                "import_cpu_s": import_s,
                "open_cpu_s": open_s,
                "cpu_ms_per_face": statistics.median(faces_ms),
                "cpu_ms_per_photo": statistics.median(photos_ms),
                "faces_in_photo": len(analyzer.analyze(content)),
            }
        )
    )


def cpu_ms(work: object) -> float:
    """Return the CPU time of one call, in milliseconds."""
    started = time.process_time()
    work()  # type: ignore[operator]
    return 1000 * (time.process_time() - started)


if __name__ == "__main__":
    main()

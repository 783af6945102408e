"""Runs inside an environment with mien's core alone: probabilities of crops, and what they cost.

    python ask_mien.py crops.npz photo.jpg answers.npz MODEL

One thread, each face in a call of its own, from where it has been cut out, like `ask_fer.py`; the photograph with the
Haar cascade, which fer uses too. Prints its figures as JSON on the last line.
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
    crops_file, photo, target, model = sys.argv[1:]
    cv2.setNumThreads(1)
    faces = np.load(crops_file)["crops"][:, None, None]  # each a batch of one, of one channel
    started = time.process_time()
    analyzer = Analyzer(model=model, detector="haar", threads=1)
    open_s = time.process_time() - started
    scores = np.concatenate([analyzer.score(face) for face in faces])
    np.savez(target, scores=scores, labels=np.array(analyzer.head.labels))
    faces_ms = [cpu_ms(lambda face=face: analyzer.score(face)) for face in faces[:TIMED]]
    with open(photo, "rb") as file:
        content = file.read()
    analyzer.analyze(content)
    photos_ms = [cpu_ms(lambda: analyzer.analyze(content)) for _ in range(PHOTOS)]
    print(
        json.dumps(
            {
                "sha256": analyzer.card.sha256,
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

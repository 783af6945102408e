"""What a face and a photograph cost.

    python benchmarks/speed.py

One thread, the shipped model: a face alone, faces in batches of 64, and the whole way from the bytes of
examples/astronaut.jpg to the result with each detector that is here. Medians of CPU time. Writes results/speed.csv.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from measurements import write_rows
from mien import Analyzer
from mien.errors import WeightsError
from mien.inference.session import Session
from mien.inference.weights import DEFAULT_MODEL, emotion_model

PHOTO = Path(__file__).parent.parent / "examples" / "astronaut.jpg"


def median_cpu_ms(work: Callable[[], object], times: int) -> float:
    """Return the median CPU time of some runs, in milliseconds."""
    work()
    measured = []
    for _ in range(times):
        start = time.process_time()
        work()
        measured.append(1000 * (time.process_time() - start))
    return statistics.median(measured)


def main() -> None:
    """Measure the network, then the whole way."""
    cv2.setNumThreads(1)
    session = Session(emotion_model(DEFAULT_MODEL), threads=1)
    crops = np.random.default_rng(0).integers(0, 256, (64, 1, 48, 48), dtype=np.uint8)
    alone = median_cpu_ms(lambda: session.logits(crops[:1], ["fer7"]), 300)
    batch = median_cpu_ms(lambda: session.logits(crops, ["fer7"]), 15) / 64
    rows = [("one face", alone), ("a face in a batch of 64", batch)]
    content = PHOTO.read_bytes()
    for detector in ("haar", "yunet"):
        try:
            analyzer = Analyzer(detector=detector, threads=1)
        except WeightsError as error:
            print(error)
            continue
        rows.append((f"{PHOTO.name}, 512 x 512, {detector}", median_cpu_ms(lambda a=analyzer: a.analyze(content), 15)))
    for what, cpu_ms in rows:
        print(f"{cpu_ms:8.2f} ms  {what}")
    card = session.card
    facts = {"model": card.name, "sha256": card.sha256, "threads": 1}
    print(write_rows("speed", [{"what": what, "cpu_ms": f"{cpu_ms:.2f}"} | facts for what, cpu_ms in rows]))


if __name__ == "__main__":
    main()

"""What a face and a photograph cost.

    python benchmarks/speed.py

One thread: a face alone and faces in batches of 64, by each shipped model with all its heads; by the default one the
whole way from the bytes of examples/astronaut.jpg to the result with each detector that is here. Medians of CPU time.
Writes results/speed_CPU.csv, a file for each CPU that was at hand.
"""

import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from measurements import timed_on, write_rows
from mien import Analyzer
from mien.errors import WeightsError
from mien.inference.session import Session
from mien.inference.weights import CATALOGUE, verified
from mien.model_card import ModelCard

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
    crops = np.random.default_rng(0).integers(0, 256, (64, 1, 48, 48), dtype=np.uint8)
    rows = []
    for entry in CATALOGUE:
        if entry.kind == "emotions":
            session = Session(verified(entry.name), threads=1)
            heads = [head.name for head in session.card.heads]
            alone = median_cpu_ms(lambda s=session, h=heads: s.logits(crops[:1], h), 500)
            batch = median_cpu_ms(lambda s=session, h=heads: s.logits(crops, h), 15) / 64
            rows += [row(session.card, "one face", alone), row(session.card, "a face in a batch of 64", batch)]
    content = PHOTO.read_bytes()
    for detector in ("haar", "yunet"):
        try:
            analyzer = Analyzer(detector=detector, threads=1)
        except WeightsError as error:
            print(error)
            continue
        photo = median_cpu_ms(lambda a=analyzer: a.analyze(content), 15)
        rows.append(row(analyzer.card, f"{PHOTO.name}, 512 x 512, {detector}", photo))
    on = timed_on()
    slug = re.sub(r"\W+", "-", on["cpu"].lower())
    print(write_rows(f"speed_{slug}", [each | on for each in rows]))


def row(card: ModelCard, what: str, cpu_ms: float) -> dict[str, str]:
    """Return a row of the results, after printing it."""
    print(f"{cpu_ms:8.3f} ms  {card.name}: {what}")
    return {"what": what, "cpu_ms": f"{cpu_ms:.3f}", "model": card.name, "sha256": card.sha256, "threads": "1"}


if __name__ == "__main__":
    main()

"""Many threads, one network: what several requests want scored goes through it in one pass.

Nobody waits for company: a pass takes whatever has come together while the cores were busy with something else. A
single client is therefore answered as fast as without batching, and under load the batches form by themselves.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.inference.analyzer import Analyzer
from mien.inference.detectors import Detector
from mien.inference.image import PictureSource
from mien.results import Face


@dataclass
class _Job:
    crops: NDArray[np.uint8]
    scores: NDArray[np.float64] | None = None
    error: Exception | None = None


class Batcher:
    """Collects the crops of many threads. Safe to use from any of them.

    Args:
        score: (n, channels, size, size) uint8 -> (n, labels).
        cores: permits; one is held during a pass.
        observe: is told the number of crops of each pass.
    """

    def __init__(
        self,
        score: Callable[[NDArray[np.uint8]], NDArray[np.float64]],
        *,
        cores: threading.Semaphore,
        observe: Callable[[int], None],
    ) -> None:
        self._score = score
        self._cores = cores
        self._observe = observe
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score crops, together with those of other threads; the answer is the same as alone."""
        job = _Job(crops)
        with self._lock:
            self._waiting.append(job)
        with self._turn:  # whoever gets the turn works for all that wait; most find their work done
            if job.scores is None and job.error is None:
                with self._cores:
                    self._pass()
        if job.error is not None:
            raise job.error
        assert job.scores is not None
        return job.scores

    def _pass(self) -> None:
        with self._lock:
            jobs, self._waiting = self._waiting, []
        try:
            crops = np.concatenate([job.crops for job in jobs])
            self._observe(len(crops))
            scores = self._score(crops)
        except Exception as error:
            for job in jobs:
                job.error = error
            return
        ends = np.cumsum([len(job.crops) for job in jobs])
        for job, end in zip(jobs, ends.tolist(), strict=True):
            job.scores = scores[end - len(job.crops) : end]


class PermittedDetector:
    """A detector that takes a core before it works.

    Args:
        detector: does the work.
        cores: permits.
    """

    def __init__(self, detector: Detector, cores: threading.Semaphore) -> None:
        self.name = detector.name
        self._detector = detector
        self._cores = cores

    def find_faces(self, picture: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a (height, width, 3) uint8 RGB picture, the surest first."""
        with self._cores:
            return self._detector.find_faces(picture)


class SharedAnalyzer(Analyzer):
    """An analyzer for a server: each step takes one core, and the passes through the network are shared.

    More threads than cores may therefore use it without getting into each other's way: photographs, films and live
    connections alike.

    Args:
        model: as in `Analyzer`.
        detector: as in `Analyzer`.
        labels: as in `Analyzer`.
        max_pixels: as in `Analyzer`.
        cores: permits, shared by all analyzers of the server.
        observe: is told the number of crops of each pass.
    """

    def __init__(
        self,
        *,
        model: str,
        detector: str,
        labels: str | None,
        max_pixels: int,
        cores: threading.Semaphore,
        observe: Callable[[int], None],
    ) -> None:
        super().__init__(model=model, detector=detector, labels=labels, max_pixels=max_pixels, threads=1)
        self.detector = PermittedDetector(self.detector, cores)
        self._cores = cores
        self._batcher = Batcher(super().score, cores=cores, observe=observe)

    def read(self, source: PictureSource) -> NDArray[np.uint8]:
        """Decode a picture as `Analyzer.read` does, on one core."""
        with self._cores:
            return super().read(source)

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score crops as `Analyzer.score` does, in one pass with those of other threads."""
        return self._batcher.score(crops) if len(crops) else super().score(crops)

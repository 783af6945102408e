"""Many threads, one network: what several requests want scored goes through it in one pass.

Nobody waits for company: a pass takes whatever has come together while the cores were busy with something else. A
single client is therefore answered as fast as without batching, and under load the batches form by themselves.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.inference.analyzer import Analyzer


@dataclass
class _Job:
    crops: NDArray[np.uint8]
    answer: "Future[NDArray[np.float64]]" = field(default_factory=Future)


class Batcher:
    """Collects the crops of many threads. Safe to use from any of them.

    Args:
        score: (n, channels, size, size) uint8 -> (n, labels).
        passes: threads that do it, one per core.
        observe: is told the number of crops of each pass.
    """

    def __init__(
        self,
        score: Callable[[NDArray[np.uint8]], NDArray[np.float64]],
        *,
        passes: ThreadPoolExecutor,
        observe: Callable[[int], None],
    ) -> None:
        self._score = score
        self._passes = passes
        self._observe = observe
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score crops, together with those of other threads; the answer is the same as alone."""
        job = _Job(crops)
        with self._lock:
            self._waiting.append(job)
        self._passes.submit(self._pass)  # takes this job and all others, unless another pass is quicker
        return job.answer.result()

    def _pass(self) -> None:
        with self._lock:
            jobs, self._waiting = self._waiting, []
        if not jobs:
            return
        try:
            crops = np.concatenate([job.crops for job in jobs])
            self._observe(len(crops))
            scores = self._score(crops)
        except Exception as error:
            for job in jobs:
                job.answer.set_exception(error)
            return
        ends = np.cumsum([len(job.crops) for job in jobs])
        for job, end in zip(jobs, ends.tolist(), strict=True):
            job.answer.set_result(scores[end - len(job.crops) : end])


class SharedAnalyzer(Analyzer):
    """An analyzer for a server: passes through the network are shared by photographs, films and live connections.

    Args:
        model: as in `Analyzer`.
        detector: as in `Analyzer`.
        labels: as in `Analyzer`.
        max_pixels: as in `Analyzer`.
        passes: threads for passes through the network, shared by all analyzers of the server.
        observe: is told the number of crops of each pass.
    """

    def __init__(
        self,
        *,
        model: str,
        detector: str,
        labels: str | None,
        max_pixels: int,
        passes: ThreadPoolExecutor,
        observe: Callable[[int], None],
    ) -> None:
        # One thread a pass, as many passes as cores: two passes side by side are quicker than two in a row on all
        # cores, and a core is never idle between them.
        super().__init__(model=model, detector=detector, labels=labels, max_pixels=max_pixels, threads=1)
        self._batcher = Batcher(super().score, passes=passes, observe=observe)

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score crops as `Analyzer.score` does, in one pass with those of other threads."""
        return self._batcher.score(crops) if len(crops) else super().score(crops)

    def score_apart(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score many crops as `Analyzer.score` does, in passes of their own, so that nobody has to wait for them."""
        return super().score(crops)

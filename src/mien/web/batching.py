"""Many requests, few cores: the pictures that wait are taken together and go through the network in one pass.

Nobody waits for company: a worker that has nothing else to do takes its share of what has come meanwhile. A single
client is therefore answered as fast as without batching, and under load the batches form by themselves.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from mien.errors import PictureError
from mien.inference.analyzer import Analyzer
from mien.inference.image import PictureSource, describe
from mien.web.uploads import Upload

MOST_TOGETHER = 8
"""Requests in one batch: more would make the first of them wait, and the pass no cheaper."""

Answer = dict[str, Any]


@dataclass
class Order:
    """What one request wants.

    Attributes:
        uploads: the files that were sent.
        min_confidence: faces whose most probable emotion is less probable than this are left out, 0 to 1.
        names: of the files that can be used, as far as they have been read.
        problems: the others, as `mien.web.schemas.AnalyzeShape` describes them.
        given_up: set when nobody waits for the answer any more; its other pictures are then left out.
    """

    uploads: Sequence[Upload]
    min_confidence: float = 0.0
    names: list[str | None] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    given_up: threading.Event = field(default_factory=threading.Event)


class Desk:
    """Takes requests and works on them, several at a time. Safe to use from any thread.

    Args:
        cores: as many workers. More would only drive each other's memory out of the caches.
        observe: is told the number of faces of each pass.
    """

    def __init__(self, *, cores: int, observe: Callable[[int], None]) -> None:
        self._cores = cores
        self._observe = observe
        self._workers = ThreadPoolExecutor(cores, thread_name_prefix="mien-picture")
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Analyzer, Order, Future[Answer]]] = deque()

    def submit(self, analyzer: Analyzer, order: Order) -> "Future[Answer]":
        """Leave an order; its future can be cancelled until the work begins."""
        answer: Future[Answer] = Future()
        with self._lock:
            self._waiting.append((analyzer, order, answer))
        self._workers.submit(self._work)  # takes this order and some others, unless a worker was quicker
        return answer

    def close(self) -> None:
        """Let the work in hand end and cancel the rest."""
        with self._lock:
            for _, _, answer in self._waiting:
                answer.cancel()
            self._waiting.clear()
        self._workers.shutdown(cancel_futures=True)

    def _work(self) -> None:
        taken = self._take()
        if not taken:
            return
        analyzer = taken[0][0]
        try:
            answers = analyze_together(analyzer, [order for _, order, _ in taken], observe=self._observe)
        except Exception as error:
            for _, _, future in taken:
                future.set_exception(error)
            return
        for (_, _, future), answer in zip(taken, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _take(self) -> list[tuple[Analyzer, Order, "Future[Answer]"]]:
        taken: list[tuple[Analyzer, Order, Future[Answer]]] = []
        with self._lock:
            share = min(-(-len(self._waiting) // self._cores), MOST_TOGETHER)  # the other workers want some, too
            while self._waiting and len(taken) < share and (not taken or self._waiting[0][0] is taken[0][0]):
                each = self._waiting.popleft()
                if each[2].set_running_or_notify_cancel():
                    taken.append(each)
        return taken


def analyze_together(
    analyzer: Analyzer, orders: Sequence[Order], *, observe: Callable[[int], None]
) -> list[Answer | PictureError | CancelledError]:
    """Analyze the pictures of several requests in one pass.

    Args:
        analyzer: does it.
        orders: fresh ones.
        observe: is told how many faces went through the network.

    Returns:
        For each order ``results`` and ``problems``, as `mien.web.schemas.AnalyzeShape` describes them, or the error
        where none of its files can be used, or it was given up.

    Raises:
        CancelledError: all of them were given up.
    """
    reading = orders[0]

    def contents() -> Iterator[bytes]:
        nonlocal reading
        for order in orders:
            reading = order
            for upload in order.uploads:
                if order.given_up.is_set():
                    break
                order.names.append(upload.name)
                yield upload.file.read()
                upload.file.close()
        if all(order.given_up.is_set() for order in orders):
            raise CancelledError  # before the faces that were found go through the network

    def note(source: PictureSource, error: PictureError) -> None:
        name = reading.names.pop()
        text = (name or "the picture") + str(error).removeprefix(describe(source))
        reading.problems.append({"picture": len(reading.names) + len(reading.problems), "source": name, "error": text})

    # One thread: `note` is about the file that was taken last. Requests share the cores already.
    results = analyzer.analyze_many(contents(), on_error=note, threads=1)
    if count := sum(len(result) for result in results):  # without a face there was no pass
        observe(count)
    rest = iter(results)
    answers: list[Answer | PictureError | CancelledError] = []
    for order in orders:
        found = [replace(next(rest), source=name).at_least(order.min_confidence) for name in order.names]
        if order.given_up.is_set():
            answers.append(CancelledError())
        elif order.problems and not found:
            answers.append(PictureError("; ".join(problem["error"] for problem in order.problems)))
        else:
            answers.append({"results": [result.to_dict() for result in found], "problems": order.problems})
    return answers

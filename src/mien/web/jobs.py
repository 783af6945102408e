"""Films in work: a queue, one at a time, results for a while in memory. Nothing of a film is stored."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any, Literal

from mien.errors import MienError
from mien.inference.analyzer import Analyzer
from mien.inference.video.analyzer import VideoAnalyzer
from mien.inference.video.film import follow_film
from mien.inference.video.frames import Film, Frame, Part, open_film
from mien.model_card import Head
from mien.video_results import FrameResult
from mien.web.refusals import RefusedError, busy
from mien.web.settings import Limits

logger = logging.getLogger(__name__)

MOST_RATE = 60
"""Frames a second; of a film with more than this, fewer seconds are analysed."""

FILM = "the film"
"""What a film without a name is called in messages."""

State = Literal["waiting", "running", "done", "failed"]
STATES: tuple[State, ...] = ("waiting", "running", "done", "failed")


@dataclass
class Job:
    """A film in work.

    Attributes:
        id: cannot be guessed: whoever knows it may see the result.
        name: of the film, as its sender calls it.
        head: the one that answers.
        file: the film; closed when the job is over, or nobody wants it any more.
        state: where it stands.
        expected_frames: by the film's header; None where it does not say.
        start_s: when the film begins on its own clock, with its picture or its sound; 0 until it is opened.
        results: of the frames so far.
        problems: what of the film was lost.
        error: why there is no result.
        seconds: of work so far.
        ended_s: when it was done, on the clock `time.monotonic`.
        cancelled: whether nobody wants it any more.
    """

    name: str | None
    head: Head
    file: IO[bytes] = field(repr=False)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "waiting"
    expected_frames: int | None = None
    start_s: float = 0.0
    results: list[FrameResult] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0
    ended_s: float | None = None
    cancelled: bool = False

    @property
    def progress(self) -> float | None:
        """How much is done, 0 to 1; None where nobody knows."""
        if self.state == "done":
            return 1.0
        if not self.expected_frames:
            return None
        return min(len(self.results) / self.expected_frames, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON, as `mien.web.schemas.JobShape` describes them."""
        return {
            "id": self.id,
            "state": self.state,
            "frames": len(self.results),
            "expected_frames": self.expected_frames,
            "start_s": self.start_s,
            "progress": self.progress,
            "seconds": self.seconds,
            "problems": self.problems,
            "error": self.error,
        }


class Jobs:
    """The films of a server. Safe to use from several threads at once.

    Args:
        limits: how many, how long, for how long.
        observe: is told how many films are in each state, whenever that changes.
    """

    def __init__(self, limits: Limits, *, observe: Callable[[State, int], None]) -> None:
        self._limits = limits
        self._observe = observe
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="mien-film")
        self._clock: threading.Timer | None = None

    def check_room(self) -> None:
        """Find out, before a film is received, whether there is room for it.

        Raises:
            RefusedError: there is none.
        """
        with self._lock:
            open_jobs = [job for job in self._jobs.values() if job.ended_s is None]
        if len(open_jobs) >= self._limits.max_jobs:
            left = min((_seconds_left(job) for job in open_jobs), default=1.0)
            raise busy(f"all {self._limits.max_jobs} places for films are taken", again_s=left)

    def add(self, file: IO[bytes], name: str | None, analyzer: Analyzer) -> Job:
        """Queue a film.

        Args:
            file: has a number (`fileno`) of the system; is closed when the job is over, refused or removed.
            name: of the film, for messages.
            analyzer: does the work.

        Raises:
            RefusedError: there is no room.
        """
        try:
            self.check_room()
        except RefusedError:
            file.close()
            raise
        self._forget()
        job = Job(name, analyzer.head, file)
        with self._lock:
            self._jobs[job.id] = job
        self._tell()
        self._worker.submit(self._run, job, analyzer)
        return job

    def get(self, identity: str) -> Job:
        """Return a film's job.

        Raises:
            RefusedError: there is none, or it is forgotten.
        """
        self._forget()
        with self._lock:
            job = self._jobs.get(identity)
        if job is None:
            raise RefusedError(
                f"no film {identity!r}: results are forgotten after {self._limits.keep_s:g} s; send the film again",
                status=HTTPStatus.NOT_FOUND,
            )
        return job

    def remove(self, identity: str) -> None:
        """Stop the work on a film and forget it.

        Raises:
            RefusedError: there is none.
        """
        job = self.get(identity)
        with self._lock:
            job.cancelled = True
            self._jobs.pop(identity, None)
            if job.state == "waiting":  # its turn may be long in coming, and it does not count as waiting any more
                job.file.close()
        self._tell()

    def stop(self) -> None:
        """Stop all work, wait until it has stopped, and forget all results."""
        with self._lock:
            for job in self._jobs.values():
                job.cancelled = True
        self._worker.shutdown()
        with self._lock:
            self._jobs.clear()
        self._wind_clock()

    def _run(self, job: Job, analyzer: Analyzer) -> None:
        path = name = job.name or FILM
        began = time.monotonic()
        state: State = "failed"
        try:
            with closing(job.file) as file:
                with self._lock:  # before this, `remove` may close the file
                    if not job.cancelled:
                        job.state = "running"
                if job.state == "running":
                    self._tell()
                    # The file has no name of its own.
                    path = f"/dev/fd/{file.fileno()}"
                    self._analyze(job, path, analyzer, began)
            state = "done"
        except MienError as error:
            job.error = str(error).replace(path, name)
        except Exception:
            job.error = f"{name}: something went wrong in the server; its log says what"
            logger.exception("a film could not be analysed")
        finally:
            job.seconds = time.monotonic() - began
            job.ended_s = time.monotonic()
            job.state = state  # last: by then all the rest is as it stays
            self._tell()
            self._wind_clock()

    def _analyze(self, job: Job, path: str, analyzer: Analyzer, began: float) -> None:
        film = open_film(path, max_pixels=self._limits.max_pixels)
        try:
            job.expected_frames = film.expected_frames(Part())
            job.start_s = film.start_s
            video = VideoAnalyzer(analyzer, source=job.name)
            results = follow_film(
                _Beginning(film, self._limits.max_film_s),
                video,
                Part(),
                on_problem=lambda problem: job.problems.append(problem.replace(path, job.name or FILM)),
                stop=lambda: job.cancelled,
            )
            for result in results:
                job.results.append(result)
                job.seconds = time.monotonic() - began
        finally:
            film.close()

    def _forget(self) -> None:
        with self._lock:
            ended = sorted(
                (job for job in self._jobs.values() if job.ended_s is not None), key=lambda job: job.ended_s or 0.0
            )
            too_many = len(ended) - self._limits.max_results
            now = time.monotonic()
            for place, job in enumerate(ended):
                if place < too_many or now - (job.ended_s or now) >= self._limits.keep_s:
                    del self._jobs[job.id]
        self._tell()

    def _wind_clock(self) -> None:
        # Results are forgotten in time though nobody asks any more. One clock does for all, however many films end.
        with self._lock:
            if self._clock is not None:
                self._clock.cancel()
                self._clock = None
            ends = [job.ended_s for job in self._jobs.values() if job.ended_s is not None]
            if ends:
                left_s = min(ends) + self._limits.keep_s - time.monotonic()
                self._clock = threading.Timer(max(left_s, 0.0), self._ring)
                self._clock.daemon = True
                self._clock.start()

    def _ring(self) -> None:
        self._forget()
        self._wind_clock()

    def _tell(self) -> None:
        with self._lock:
            states = [job.state for job in self._jobs.values()]
        for state in STATES:
            self._observe(state, states.count(state))


def _seconds_left(job: Job) -> float:
    return job.seconds * (1 / job.progress - 1) if job.progress else 10.0


class _Beginning:
    # A film up to the limit, and no longer: its events end there too. The header may say anything, and so may the
    # times: seconds and frames are counted here.
    def __init__(self, film: Film, most_s: float) -> None:
        self.name, self.live, self.start_s = film.name, film.live, film.start_s
        self.expected_frames, self.close = film.expected_frames, film.close
        self._film = film
        self._most_s = most_s

    def frames(
        self, part: Part, *, after: tuple[int, float] | None, on_problem: Callable[[str], None]
    ) -> Iterator[Frame]:
        first_s: float | None = None
        last_s = 0.0
        for count, frame in enumerate(self._film.frames(part, after=after, on_problem=on_problem)):
            first_s = frame.time_s if first_s is None else first_s
            too_late = frame.time_s - first_s > self._most_s
            if too_late or count >= self._most_s * MOST_RATE:
                reached = f"{self._most_s:g} s" if too_late else f"{last_s - first_s:.1f} s and {count} frames"
                on_problem(
                    f"{self.name}: goes on after {reached}, which is the limit here; what came before is complete "
                    "(mien serve --max-seconds)"
                )
                return
            last_s = frame.time_s
            yield frame

"""What is known of some films so far, in a file that survives a kill.

A line says what the run is, then for each film its beginning, its frames and what is lost of it as they come, and its
end. The frames are enough to go on: `mien.inference.video.analyzer.VideoAnalyzer.replay` takes them in as if it had
just seen them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mien.errors import UsageError
from mien.journal import Journal
from mien.video_results import FrameResult


@dataclass
class FilmState:
    """How far a film has come.

    Attributes:
        stamp: what tells this version of the film's file from another.
        stretches: where in the journal frames of it begin, in bytes, and how many follow there; more than one where
            another film came between.
        ended: whether it is complete.
        problems: what was lost of it, each once.
        made: pictures and copies that were made of it, as strings.
    """

    stamp: Mapping[str, Any]
    stretches: list[tuple[int, int]]
    ended: bool = False
    problems: tuple[str, ...] = ()
    made: frozenset[str] = frozenset()

    @property
    def frames(self) -> int:
        """How many frames are known."""
        return sum(count for _, count in self.stretches)

    def go_on(self, start: int) -> None:
        """Begin a stretch."""
        self.stretches.append((start, 0))

    def count(self) -> None:
        """Take in a frame, the next one of the last stretch."""
        start, count = self.stretches[-1]
        self.stretches[-1] = start, count + 1

    def add(self, problems: Iterable[str]) -> None:
        """Take in what was lost, each thing once."""
        self.problems = tuple(dict.fromkeys((*self.problems, *problems)))


class FilmJournal(Journal):
    """Frames of films on disk.

    Args:
        path: the file; one that is there is gone on with.
        run: everything that decides about the results, plain types; a journal of another run is refused.

    Attributes:
        films: by name, those that have begun.

    Raises:
        UsageError: the file belongs to another run, or is no journal.
        OutputError: it cannot be read or written.
    """

    VERSION = 4
    COMMAND = "mien video"
    path: Path

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.films: dict[str, FilmState] = {}
        self._current: FilmState | None = None  # whose frames a new line would follow
        super().__init__(path, run)

    def begin(self, film: str, stamp: Mapping[str, Any]) -> FilmState:
        """Start with a film, or go on with it.

        Args:
            film: its name.
            stamp: what tells this version of its file from another, plain types.

        Raises:
            UsageError: the file is not the one whose first frames are known.
            OutputError: the disk is full.
        """
        state = self.films.get(film) or FilmState(json.loads(json.dumps(stamp)), [])
        if state.stamp != json.loads(json.dumps(stamp)):
            raise UsageError(
                f"{film}: has changed since its first {state.frames} frames were written to {self.path}; put back what "
                "was there and run the same command again to go on from there, or delete that file to start afresh"
            )
        if state is not self._current and not state.ended:
            _, end = self._write({"film": film, "stamp": stamp})
            state.go_on(end)
        self.films[film] = self._current = state
        return state

    def write(self, result: FrameResult) -> None:
        """Add a frame of the film that was begun last.

        Raises:
            OutputError: the disk is full.
        """
        assert self._current is not None
        self._write(result.to_dict())
        self._current.count()

    def lose(self, problem: str) -> None:
        """Note what is lost of the film that was begun last.

        Raises:
            OutputError: the disk is full.
        """
        assert self._current is not None
        self._write({"lost": problem})
        self._current.add([problem])

    def end(self, film: str, *, problems: Sequence[str] = (), made: Iterable[Path] = ()) -> None:
        """Note that a film is complete, what was lost of it besides, and which files were made of it.

        Raises:
            OutputError: the disk is full.
        """
        state = self.films[film]
        state.add(problems)
        state.made |= set(map(str, made))
        self._write({"end": film, "problems": state.problems, "made": sorted(state.made)})
        state.ended = True

    def frames(self, film: str) -> Iterator[FrameResult]:
        """Yield the frames of a film that are known now, while others are written."""
        state = self.films[film]
        with self.path.open("rb") as file:
            for start, count in list(state.stretches):
                file.seek(start)
                contents = (json.loads(line) for line in iter(file.readline, b""))
                found = (FrameResult.from_dict(content) for content in contents if "lost" not in content)
                yield from islice(found, count)

    def frames_of(self, films: Iterable[str]) -> Iterator[FrameResult]:
        """Yield the frames of one film after the other."""
        for film in films:
            yield from self.frames(film)

    def _take(self, content: Mapping[str, Any], start: int, end: int) -> None:
        if "film" in content:
            self._current = self.films.setdefault(content["film"], FilmState(content["stamp"], []))
            self._current.go_on(end)
        elif "end" in content:
            state = self.films[content["end"]]
            state.ended, state.problems, state.made = True, tuple(content["problems"]), frozenset(content["made"])
        elif self._current is None:
            raise ValueError("no film has begun")
        elif "lost" in content:
            self._current.add([content["lost"]])
        else:
            self._current.count()

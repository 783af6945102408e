"""Work so far, in a file that survives a kill: one JSON object a line, the first of which says what run it is of."""

import errno
import io
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mien.errors import OutputError, UsageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BEYOND = 2**31 - 2
"""A byte that no journal reaches."""


class Journal(ABC):
    """Lines that are gone on with; use it as a context manager. A line that a kill has cut in two is dropped.

    Args:
        path: the file; one that is there is gone on with. None keeps the lines in memory.
        run: everything that decides about the results, plain types; a journal of another run is refused.

    Attributes:
        VERSION: of what the lines mean.
        COMMAND: whose journal it is, for errors.

    Raises:
        UsageError: the file belongs to another run, is in use by another process, or is no journal.
        OutputError: it cannot be read or written.
    """

    VERSION: int
    COMMAND: str

    def __init__(self, path: Path | None, run: Mapping[str, Any]) -> None:
        self.path = path
        self._run = json.loads(json.dumps(run))
        try:
            self._file: IO[bytes] = io.BytesIO() if path is None else _opened(path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
        try:
            _lock(self._file, path)
            if self._end_of_known() == 0:
                self._write({"journal": self.VERSION, "run": self._run})
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what is in it stays."""
        with suppress(OSError):  # of a full disk, which a write has told already: it tries once more what did not fit
            self._file.close()

    @abstractmethod
    def _take(self, content: Mapping[str, Any], start: int, end: int) -> None:
        # A line that is there already, from byte `start` to `end`. Raises ValueError, KeyError, TypeError or
        # AttributeError where it is no such line.
        ...

    def _write(self, line: Mapping[str, Any]) -> tuple[int, int]:
        # Adds a line, and returns the bytes at which it begins and ends.
        try:
            start = self._file.seek(0, 2)
            self._file.write(json.dumps(line).encode("ascii") + b"\n")
            self._file.flush()
            return start, self._file.tell()
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}); make room and run the same command again, it goes "
                "on where it stopped"
            ) from error

    def _read(self, start: int) -> dict[str, Any]:
        # The line that begins at a byte.
        self._file.seek(start)
        content: dict[str, Any] = json.loads(self._file.readline())
        return content

    def _end_of_known(self) -> int:
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            start, end = end, end + len(line)
            try:
                content = json.loads(line)
                if start == 0:
                    self._check_run(content["journal"], content["run"])
                else:
                    self._take(content, start, end)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UsageError(
                    f"{self.path}: is not a journal of `{self.COMMAND}`; delete it or move it away"
                ) from error
        self._file.truncate(end)
        return end

    def _check_run(self, version: int, run: Mapping[str, Any]) -> None:
        if version == self.VERSION and run == self._run:
            return
        keys = [key for key in self._run if run.get(key) != self._run[key]] or ["version"]
        raise UsageError(
            f"{self.path}: holds the beginning of another run (other {', '.join(keys)}); give the same options as then "
            "to go on with it, or delete it to start afresh"
        )


def _opened(path: Path) -> IO[bytes]:
    path.touch()  # a mode that makes the file would empty one that another process has made since somebody looked
    return path.open("r+b")


def _lock(file: IO[bytes], path: Path | None) -> None:
    # Until it is closed: two processes that write one journal would each take the other's lines for their own.
    if path is None:
        return
    try:
        if sys.platform == "win32":
            file.seek(_BEYOND)  # others may not even read what is locked there
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            finally:
                file.seek(0)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            raise UsageError(
                f"{path}: is in use by another mien with the same output; wait for its end, or choose another --output"
            ) from error
        # Some file systems of networks have no locks; without them it goes as well, as long as one process writes.

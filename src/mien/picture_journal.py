"""What is known of many pictures so far, in a file that survives a kill."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mien.journal import Journal
from mien.results import ImageResult


class Known(NamedTuple):
    """A picture whose result is written.

    Attributes:
        start: the byte of the journal at which it begins.
        stamp: what tells this version of the picture's file from another, of `stamp_of`.
    """

    start: int
    stamp: list[int] | None


class PictureJournal(Journal):
    """Results of pictures on disk.

    Args:
        path: the file; one that is there is gone on with. None keeps the results in memory.
        run: everything that decides about the results, plain types; a journal of another run is refused.

    Attributes:
        pictures: by source, those that are known.
        copies: by source, the names of annotated copies, also of files that have changed since.
        drawn: the sources whose copies show the results that are known.

    Raises:
        UsageError: the file belongs to another run, or is no journal.
        OutputError: it cannot be read or written.
    """

    VERSION = 1
    COMMAND = "mien analyze"

    def __init__(self, path: Path | None, run: Mapping[str, Any]) -> None:
        self.pictures: dict[str, Known] = {}
        self.copies: dict[str, str] = {}
        self.drawn: set[str] = set()
        super().__init__(path, run)

    def missing(self, sources: Iterable[str]) -> list[str]:
        """Return the pictures whose results are not known, and forget results of files that have changed since."""
        missing = []
        for source in sources:
            known = self.pictures.get(source)
            if known is None or known.stamp is None or known.stamp != stamp_of(source):
                self.pictures.pop(source, None)
                missing.append(source)
        return missing

    def add(self, result: ImageResult, stamp: list[int] | None) -> None:
        """Write the result of a picture.

        Args:
            result: with its source.
            stamp: of `stamp_of`, from before it was read.

        Raises:
            OutputError: the disk is full.
        """
        line = {"stamp": stamp, "picture": result.to_dict()}
        self._take(line, *self._write(line))

    def add_copy(self, source: str, name: str) -> None:
        """Note that a picture's annotated copy is there.

        Raises:
            OutputError: the disk is full.
        """
        line = {"copy": name, "of": source}
        self._take(line, *self._write(line))

    def results(self, sources: Iterable[str]) -> Iterator[ImageResult]:
        """Yield the results of pictures, in the order that is asked for; those that are not known are left out."""
        for source in sources:
            if source in self.pictures:
                yield ImageResult.from_dict(self._read(self.pictures[source].start)["picture"])

    def _take(self, content: Mapping[str, Any], start: int, end: int) -> None:
        if "copy" in content:
            self.copies[content["of"]] = content["copy"]
            self.drawn.add(content["of"])
        else:
            source = content["picture"]["source"]
            self.pictures[source] = Known(start, content["stamp"])
            self.drawn.discard(source)


def stamp_of(source: str) -> list[int] | None:
    """Return size and time of change of a file, None where it cannot be looked at."""
    try:
        facts = Path(source).stat()
    except OSError:
        return None
    return [facts.st_size, facts.st_mtime_ns]

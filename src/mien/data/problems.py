"""What was wrong with a dataset: counted, named, left out."""

from collections import Counter
from dataclasses import dataclass, field

from mien.errors import DataError


@dataclass(frozen=True)
class Problem:
    """Something that was left out.

    Attributes:
        place: the file, and the row or folder in it.
        kind: what is wrong, in words that are the same for all such cases.
        detail: what was found there.
    """

    place: str
    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}" + (f" ({self.detail})" if self.detail else "")


@dataclass
class Problems:
    """Collects what was left out; when strict, the first problem is an error.

    Attributes:
        strict: whether to stop at the first.
        found: the problems, in order, at most `KEPT` of them.
        counts: how many of each kind there were.
    """

    KEPT = 1000

    strict: bool = False
    found: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, place: str, kind: str, detail: str = "") -> None:
        """Note that something is left out.

        Raises:
            DataError: the collection is strict; the text names the place.
        """
        problem = Problem(place, kind, detail)
        if self.strict:
            raise DataError(f"{problem}; leave it out by running again without --strict")
        self.counts[kind] += 1
        if len(self.found) < self.KEPT:
            self.found.append(problem)

    def __len__(self) -> int:
        return sum(self.counts.values())

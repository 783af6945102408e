"""What is left out is counted and named, or stops the work."""

import pytest

from mien.data.problems import Problems
from mien.errors import DataError


def test_problems_are_counted_by_kind_and_named() -> None:
    problems = Problems()
    problems.add("a.png", "is broken", "0 bytes")
    problems.add("b.png", "is broken")
    assert len(problems) == 2
    assert problems.counts == {"is broken": 2}
    assert [str(problem) for problem in problems.found] == ["a.png: is broken (0 bytes)", "b.png: is broken"]


def test_only_the_first_thousand_are_kept_by_name() -> None:
    problems = Problems()
    for number in range(1500):
        problems.add(str(number), "is broken")
    assert len(problems) == 1500
    assert len(problems.found) == 1000


def test_strict_stops_at_the_first() -> None:
    with pytest.raises(DataError, match=r"a\.png: is broken; leave it out by running again without --strict"):
        Problems(strict=True).add("a.png", "is broken")

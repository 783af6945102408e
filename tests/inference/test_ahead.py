import threading
import time
from itertools import count, islice

import pytest

from mien.inference.ahead import work_ahead


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order_however_long_they_take(threads):
    def work(item):
        time.sleep(0.002 * (item % 3 == 0))
        return 10 * item

    assert list(work_ahead(work, range(20), threads=threads)) == [(item, 10 * item) for item in range(20)]


def test_threads_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=20)
    assert [made for _, made in work_ahead(lambda _: meeting.wait() >= 0, range(6), threads=3)] == [True] * 6


def test_no_more_is_taken_than_two_for_each_thread():
    taken = []

    def items():
        for item in count():
            taken.append(item)
            yield item

    assert [item for item, _ in islice(work_ahead(lambda item: item, items(), threads=3), 4)] == [0, 1, 2, 3]
    assert len(taken) <= 4 + 2 * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_when_its_turn_does(threads):
    def work(item):
        if item == 3:
            raise KeyError("three")
        return item

    seen = []
    with pytest.raises(KeyError, match="three"):
        seen.extend(item for item, _ in work_ahead(work, range(9), threads=threads))
    assert seen == [0, 1, 2]


def test_one_thread_is_the_callers_own():
    ((_, name),) = work_ahead(lambda _: threading.current_thread().name, [0], threads=1)
    assert name == threading.current_thread().name

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from mien.inference.lending import Lending
from tests.forking import forked_while_a_thread_is_within


def test_no_more_tools_are_out_than_there_may_be():
    made = count(1)
    lending = Lending(lambda: next(made), most=2)
    out, most, lock = set(), [0], threading.Lock()

    def work(number):
        with lending.lent() as tool:
            with lock:
                assert tool not in out
                out.add(tool)
                most[0] = max(most[0], len(out))
            threading.Event().wait(0.002)
            with lock:
                out.remove(tool)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(60)))
    assert most[0] == 2
    assert next(made) == 3  # two were made


def test_what_was_used_last_is_lent_first():
    made = count(1)
    lending = Lending(lambda: next(made), most=3)
    with lending.lent() as first, lending.lent() as second:
        assert (first, second) == (1, 2)
    with lending.lent() as again:
        assert again == first  # the outer one came back last


def test_a_tool_comes_back_when_its_borrower_fails():
    lending = Lending(object, most=1)
    with pytest.raises(KeyError), lending.lent():
        raise KeyError
    with lending.lent() as tool:
        assert tool is not None


def test_a_tool_that_cannot_be_made_is_told_at_once():
    def make():
        raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"):
        Lending(make)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_waits_for_no_thread_of_its_parent():
    lending = Lending(object, most=1)

    def lends():
        with lending.lent():
            return True

    assert forked_while_a_thread_is_within(lending.lent(), lends)

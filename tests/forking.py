"""A process that is forked while a thread of its parent is within something, which that thread never leaves there."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest


def forked_while_a_thread_is_within(place: AbstractContextManager[object], check: Callable[[], bool]) -> bool:
    """What a check says in the child; False where it has not ended after five seconds."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    is_within, may_end = threading.Event(), threading.Event()

    def stay() -> None:
        with place:
            is_within.set()
            may_end.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    is_within.wait()
    try:
        child = os.fork()
        if not child:
            signal.alarm(5)
            right = False
            try:
                right = check()
            finally:
                os._exit(0 if right else 1)
        _, status = os.waitpid(child, 0)
    finally:
        may_end.set()
        thread.join()
    return status == 0

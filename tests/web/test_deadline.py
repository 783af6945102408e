import asyncio
from concurrent.futures import Future
from contextlib import ExitStack

import pytest

pytest.importorskip("fastapi", reason="the extra web is not installed")

from fastapi import Request

from mien.web.deadline import in_time
from mien.web.refusals import RefusedError


def test_work_that_outlives_the_server_comes_to_its_end_in_silence(caplog):
    work = Future()
    work.set_running_or_notify_cancel()

    async def ask():
        request = Request({"type": "http"}, asyncio.Event().wait)  # a sender that stays
        with pytest.raises(RefusedError, match="no time"):
            await in_time(work, request, timeout_s=0.01, place=ExitStack())

    asyncio.run(ask())
    work.set_result(None)
    assert not caplog.records

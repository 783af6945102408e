"""Requests that are wrong in every way that the description allows to think of; no answer is the server's fault."""

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from hypothesis import HealthCheck, settings  # noqa: E402

from mien.web.app import create_app  # noqa: E402
from mien.web.settings import Settings  # noqa: E402

schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(Settings(detector="haar", cores=2)))


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_request_makes_the_server_fail(case):
    answer = case.call()
    assert answer.status_code < 500

"""Requests that are wrong in every way that the description allows to think of; no answer is the server's fault."""

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402


def test_no_request_makes_the_server_fail(port):
    described = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
    statuses = []

    @given(case=described.as_strategy())
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def ask(case):
        statuses.append(case.call().status_code)
        assert statuses[-1] < 500

    ask()
    assert len(statuses) >= 60
    assert any(status >= 400 for status in statuses)

"""Requests that are wrong in every way that the description allows to think of; no answer is the server's fault."""

from collections import Counter

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402


@pytest.mark.parametrize(("mode", "count"), [("NEGATIVE", 1000), ("POSITIVE", 100)])
def test_no_request_makes_the_server_fail(port, mode, count):
    described = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
    statuses = Counter()

    @given(case=described.as_strategy(generation_mode=schemathesis.GenerationMode[mode]))
    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def ask(case):
        status = case.call().status_code
        statuses[status] += 1
        assert status < 500

    ask()
    assert statuses.total() >= count
    assert any(status >= 400 for status in statuses)

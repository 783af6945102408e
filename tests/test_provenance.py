import re

from mien import __version__
from mien.provenance import commit, facts


def test_facts_say_device_commit_and_date():
    content = facts()
    assert set(content) == {"device", "commit", "date"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", content["date"])
    assert re.fullmatch(re.escape(__version__) + r"( [0-9a-f]{7,}\+?)?", commit())


def test_without_git_it_is_the_version(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert commit() == __version__

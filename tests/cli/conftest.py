import sys

import pytest

from mien import cli


@pytest.fixture
def mien(monkeypatch, capsys):
    """Run the command line as a shell would: exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run

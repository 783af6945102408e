"""The documents say nothing that the code does not know: commands, options, links, files."""

import doctest
import re
import shlex
from pathlib import Path

import pytest
import typer

import mien
from mien.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "benchmarks").glob("*.md"))]
COMMANDS = "analyze|compare|data|evaluate|explain|export|models|serve|sweep|train|video"
COMMAND = re.compile(rf"(?:^ *|`|&& )(mien (?:{COMMANDS})\b(?:'[^'\n]*'|[^'`|\n])*)", re.MULTILINE)


def commands():
    for page in PAGES:
        for line in COMMAND.findall(page.read_text(encoding="utf-8")):
            words = shlex.split(line.split("&&")[0].rstrip(";").strip(), comments=True)
            if len(words) > 1:
                yield pytest.param(words[1:], id=f"{page.name}: {' '.join(words)[:60]}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_and_options_exist(words):
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert [word for word in words if word.startswith("-") and word not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_first_example_is_true(monkeypatch, own_home):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(mien)
    assert tried >= 3
    assert failed == 0

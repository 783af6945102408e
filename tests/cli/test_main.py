import errno
import subprocess
import sys

import pytest
import typer

from mien import cli


def test_help_names_every_command(mien):
    code, out, _ = mien("--help")
    assert code == 0
    for command in ("analyze", "models", "evaluate", "train", "export"):
        assert command in out
        assert mien(command, "--help")[0] == 0


def every_command(command, *words):
    for name, each in getattr(command, "commands", {}).items():
        yield from every_command(each, *words, name)
    yield pytest.param(command, words, id=" ".join(("mien", *words)))


@pytest.mark.parametrize(("command", "words"), list(every_command(typer.main.get_command(cli.app))))
def test_help_is_neither_cut_off_nor_broken(mien, monkeypatch, command, words):
    """The end of a line within a later paragraph is kept by typer, and falls in the middle of a narrow terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = mien(*words, "--help")
    assert (code, "…" in out) == (0, False)
    _, *paragraphs = (command.help or "").split("\n\n")
    assert [text for text in paragraphs if "\n" in text.strip()] == []
    assert [option.name for option in command.params if not option.help] == []


def test_version(mien):
    assert mien("--version")[1].startswith("mien 0.")


def test_errors_are_one_line_and_tracebacks_are_asked_for(mien):
    code, out, err = mien("analyze", "no/such.jpg", "--detector", "none")
    assert (code, out) == (2, "")
    assert err == ("mien: unknown detector 'none': it is one of auto, haar, yunet, whole.\n")
    with pytest.raises(cli.MienError):
        mien("--debug", "analyze", "no/such.jpg", "--detector", "none")
    monkeypatched_back = mien("analyze", "no/such.jpg", "--detector", "none")
    assert monkeypatched_back[0] == 2


def test_an_unknown_option_exits_with_two(mien):
    assert mien("analyze", "x.jpg", "--colour")[0] == 2


COMMAND = (sys.executable, "-m", "mien", "models", "list")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="has no /dev/full")
def test_output_that_cannot_be_written_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(COMMAND, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    told = "mien: standard output cannot be written (No space left on device); make room, or send it elsewhere\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_a_reader_that_has_gone_is_no_problem():
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 1)


@pytest.mark.parametrize("columns", ["40", "0"])
def test_names_and_emotions_are_whole_in_a_narrow_terminal(mien, monkeypatch, astronaut, columns):
    monkeypatch.setenv("COLUMNS", columns)
    names = [line.split()[0] for line in mien("models", "list")[1].splitlines() if line.strip() and line[0] != " "]
    assert {"mien-base", "mien-compact", "mien-small", "mien-nano", "yunet"} <= set(names)
    assert "happiness" in mien("analyze", astronaut, "--detector", "haar")[1]


def test_an_error_of_the_system_that_is_not_of_the_output_is_not_called_one(mien, monkeypatch):
    def refused():
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    monkeypatch.setattr(cli, "app", refused)
    with pytest.raises(ConnectionRefusedError):
        mien("models", "list")

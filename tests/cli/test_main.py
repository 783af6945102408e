import pytest

from mien import cli


def test_help_names_every_command(mien):
    code, out, _ = mien("--help")
    assert code == 0
    for command in ("analyze", "models", "evaluate", "train", "export"):
        assert command in out
        assert mien(command, "--help")[0] == 0


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

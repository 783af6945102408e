import errno
import os

import pytest

from mien.errors import OutputError
from mien.files import check_writable, written_whole


def test_writes_and_makes_the_folder(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with written_whole(target) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("hello")
    assert target.read_text() == "hello"
    assert os.listdir(target.parent) == ["a.txt"]


def write_half(target, error):
    with written_whole(target) as temporary:
        temporary.write_text("half")
        raise error


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(ValueError, match="mine"):
        write_half(target, ValueError("mine"))
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_full_disk_is_one_line_that_names_the_file(tmp_path):
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written \(No space left on device\)"):
        write_half(tmp_path / "a.txt", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert os.listdir(tmp_path) == []


def test_permissions_are_those_of_any_new_file(tmp_path):
    with written_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_check_writable(tmp_path):
    check_writable(tmp_path / "x" / "a.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / "file" / "a.csv")

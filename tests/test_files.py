import errno
import os
import stat
import sys

import numpy as np
import pytest
from PIL import Image

from mien.errors import OutputError
from mien.files import check_writable, free_name, in_utf8, save_picture, written_whole


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


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "a.txt").symlink_to(tmp_path / "disk" / "b.txt")
    for text in ("first", "second"):  # a link to nothing yet, and to a file
        check_writable(tmp_path / "a.txt")
        with written_whole(tmp_path / "a.txt") as temporary:
            temporary.write_text(text)
            assert temporary.parent == (tmp_path / "disk").resolve()  # a file does not move from one disk to another
        assert (tmp_path / "a.txt").is_symlink()
        assert (tmp_path / "disk" / "b.txt").read_text() == text
    assert os.listdir(tmp_path / "disk") == ["b.txt"]


def test_full_disk_is_one_line_that_names_the_file(tmp_path):
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written \(No space left on device\)"):
        write_half(tmp_path / "a.txt", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.png", "PNG"), ("a.webp", "WEBP")]
)
def test_a_picture_is_whole_or_as_it_was(tmp_path, full_disk, name, kind):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    save_picture(Image.fromarray(noise[:8, :8]), tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with full_disk(), pytest.raises(OutputError, match=rf"{name}: cannot be written \(File too large\)"):
        save_picture(Image.fromarray(noise), tmp_path / name, quality=100)
    assert (tmp_path / name).read_bytes() == before
    assert os.listdir(tmp_path) == [name]
    save_picture(Image.fromarray(noise), tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert (picture.format, np.asarray(picture).shape) == (kind, noise.shape)


def test_permissions_are_those_of_any_new_file(tmp_path):
    with written_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_the_umask_is_left_alone(tmp_path, monkeypatch):
    # It is the whole process's: to change it for a moment gives files of other threads to everybody.
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("changed"))
    with written_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")


def test_a_writer_that_replaces_the_file_does_not_change_who_may_read_it(tmp_path):
    with written_whole(tmp_path / "a.txt") as temporary:
        temporary.unlink()
        temporary.touch(mode=0o600)
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_who_may_read_it(tmp_path, mode):
    path = tmp_path / "a.txt"
    path.touch()
    path.chmod(mode)
    with written_whole(path) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == mode | stat.S_IWUSR  # nobody else can read the beginning
        temporary.write_text("new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)


def test_a_name_as_long_as_a_name_may_be(tmp_path):
    longest, longer = (tmp_path / ("a" * count + ".txt") for count in (251, 252))
    check_writable(longest)
    with written_whole(longest) as temporary:
        temporary.write_text("x")
    assert longest.read_text() == "x"
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(longer)
    with pytest.raises(OutputError, match="cannot be written"):
        write_half(longer, ValueError("not reached"))


def test_a_folder_that_may_not_be_looked_into(tmp_path, monkeypatch):
    def stat(path, *args, _stat=os.stat, **options):
        if str(path).startswith(str(tmp_path)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return _stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written \(Permission denied\)"):
        check_writable(tmp_path / "a.txt")
    with (
        pytest.raises(OutputError, match=r"a\.txt: cannot be written \(Permission denied\)"),
        written_whole(tmp_path / "a.txt", overwrite=False),
    ):
        pass


def test_names_that_differ_in_capital_letters_are_one_file_on_some_systems():
    taken = {}
    names = [free_name(stem, ".png", taken) for stem in ("a", "A", "a", "b")]
    assert names == ["a.png", "A-2.png", "a-3.png", "b.png"]


def test_a_name_that_has_a_number_already():
    taken = {}
    names = [free_name(stem, ".png", taken) for stem in ("a-2", "a", "a", "a-2", "a-3", "a")]
    assert names == ["a-2.png", "a.png", "a-3.png", "a-2-2.png", "a-3-2.png", "a-4.png"]
    for number in range(20_000):  # seconds, if each number were tried again
        assert free_name("b", "", taken) == (f"b-{number + 1}" if number else "b")


def test_bytes_in_a_name_that_are_no_utf8_stand_in_a_text_by_their_codes():
    assert in_utf8(os.fsdecode("é.png".encode())) == "é.png"
    if sys.platform != "win32":  # where names are no bytes
        assert in_utf8(os.fsdecode(b"caf\xe9.png")) == "caf\\udce9.png"


def test_check_writable(tmp_path):
    check_writable(tmp_path / "x" / "a.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / "file" / "a.csv")


@pytest.mark.parametrize("work", [check_writable, lambda path: written_whole(path).__enter__()])
def test_a_name_that_no_file_can_have(tmp_path, work):
    with pytest.raises(OutputError, match=r"cannot be written .*null"):
        work(tmp_path / "a\0b.csv")

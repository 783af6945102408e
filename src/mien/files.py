"""Files that are written whole or not at all."""

import errno
import io
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import OutputError

if TYPE_CHECKING:
    from PIL import Image

ODD = "backslashreplace"
"""How bytes in a file's name that are no UTF-8 are written in a text: as ``\\udce9`` and the like, which JSON reads."""


@contextmanager
def written_whole(path: Path, *, overwrite: bool = True, shown: Path | None = None) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it takes the place of `path` in one step.

    A kill, an error or a full disk within the block leaves what was there before, and no half-written file. Who may
    read a file that was there stays as it was.

    Args:
        path: where the file should stand; its folder is made if it is not there. A symbolic link is followed.
        overwrite: whether a file that stands there may be replaced.
        shown: the name for errors, where `path` is a temporary file itself.

    Raises:
        OutputError: the file exists and may not be replaced, the place cannot be written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        before = mode_of(path)
        if before is not None and not overwrite:
            raise OutputError(f"{path}: exists already; choose another name, or replace it with --overwrite")
        place = Path(os.path.realpath(path))  # where a link points to: it stays, and the file may be on another disk
        # A short name of its own: beside one that is as long as a name may be there would be room for no longer one.
        temporary = place.parent / f".mien-{secrets.token_hex(8)}{path.suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        # Made as any new file is: to ask for the umask is to change it for a moment, for all threads.
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode if before is None else before)
        temporary.chmod(mode | stat.S_IWUSR)
        yield temporary
        temporary.chmod(mode)  # some writers put a file of their own there, which nobody else may read
        temporary.replace(place)
    except OSError as error:
        raise OutputError(
            f"{shown or path}: cannot be written ({error.strerror or error}); choose another place or make room"
        ) from error
    finally:
        with suppress(OSError):
            if temporary is not None:
                temporary.unlink(missing_ok=True)


def save_picture(picture: "Image.Image", path: Path, *, overwrite: bool = True, quality: int = 92) -> None:
    """Write a picture, whole or not at all.

    Args:
        picture: what to write.
        path: where; its ending says the format: .png, .jpg, .jpeg or .webp.
        overwrite: see `written_whole`.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        OutputError: see `written_whole`.
    """
    kind = path.suffix[1:].lower().replace("jpg", "jpeg")
    with written_whole(path, overwrite=overwrite) as temporary:
        content = io.BytesIO()  # into a file, Pillow writes JPEG by itself and takes no notice where the disk is full
        picture.save(content, kind, quality=quality)
        temporary.write_bytes(content.getvalue())


def check_writable(path: Path) -> None:
    """Find out before the work begins whether a file can be written.

    Raises:
        OutputError: the folder cannot be made or written, or a folder stands where the file should.
    """
    try:
        if stat.S_ISDIR(mode_of(path) or 0):
            raise OutputError(f"{path}: is a folder; give the name of a file")
        folder = Path(os.path.realpath(path)).parent
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error


def mode_of(path: Path) -> int | None:
    """Return the mode of what stands at a path, as `os.stat` gives it; None where nothing stands.

    `Path.exists` and its like say of what may not be looked at that it is not there, since Python 3.14.

    Raises:
        OSError: it may not be looked at, or its name is too long.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:  # a character that no name can have
        raise OSError(errno.EINVAL, str(error)) from error


def in_utf8(text: str) -> str:
    """Return a text, such as a file's name, as UTF-8 that loses nothing (see `ODD`), for what takes nothing else."""
    return text.encode("utf-8", ODD).decode("utf-8")


def free_name(stem: str, suffix: str, taken: dict[str, int]) -> str:
    """Return a file name that is not taken, ``stem`` or ``stem-2`` and so on with the suffix, and note it as taken.

    Names that differ in nothing but capital letters are one file on macOS and Windows, and so taken too.

    Args:
        stem: what the name should be.
        suffix: its ending.
        taken: names in small letters, each with the number up to which names like it are taken; grows.
    """
    plain = name = f"{stem}{suffix}"
    number = taken.get(plain.casefold(), 0)  # a thousand folders may each hold a 0001.jpg: no number is tried twice
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    taken[name.casefold()] = 1
    taken[plain.casefold()] = max(number, 1)
    return name

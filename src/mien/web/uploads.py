"""The body of a request -> files, counted while it arrives: what a header says about its length proves nothing."""

import asyncio
import io
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mien.errors import MienError, OutputError, unknown_name
from mien.web.queries import query_keys
from mien.web.refusals import RefusedError

LONGEST_SHOWN = 40
"""Of a value that stands in the wrong place, in characters; a longer one is not repeated."""


@dataclass(frozen=True)
class Upload:
    """A file that somebody sent.

    Attributes:
        name: as its sender calls it, None where it has none.
        file: its content, from the beginning; of films on the disk, without a name there.
    """

    name: str | None
    file: IO[bytes]


class _InMemory(MultiPartParser):
    spool_max_size = sys.maxsize  # pictures never touch the disk


async def read_uploads(
    request: Request, *, field: str, max_bytes: int, max_files: int, timeout_s: float, on_disk: bool = False
) -> list[Upload]:
    """Receive the files of a request: a form, or a body that is one file itself.

    Args:
        request: its body has not been read.
        field: name of the form's field that holds the files.
        max_bytes: of the whole body.
        max_files: in the form.
        timeout_s: for receiving all of it, in seconds.
        on_disk: whether they go to temporary files; these have no name, and are gone with the process.

    Raises:
        RefusedError: too large, too slow, no files, of a type that holds none, or with choices in the form.
        UsageError: the form has a field that nobody knows.
        OutputError: there is no room on the disk.
        ClientDisconnect: the sender has gone.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    multipart = kind == "multipart/form-data"
    if not multipart and not kind.startswith(("image/", "video/")) and kind != "application/octet-stream":
        given = f"content type {kind!r}" if kind else "no content type"
        raise RefusedError(
            f"{given}: send multipart/form-data with files in the field {field!r}, or one file as the body itself "
            f"(image/*, video/*, application/octet-stream); with curl: -F {field}=@FILE",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    parser = MultiPartParser if on_disk else _InMemory
    try:
        async with asyncio.timeout(timeout_s), aclosing(_counted(request, max_bytes)) as body:
            if not multipart:
                return [await _one_file(body, on_disk=on_disk)]
            form = await parser(request.headers, body, max_files=max_files, max_fields=16).parse()
            if on_disk:
                _write_out(form)
    except TimeoutError:
        raise RefusedError(
            f"the body did not arrive within {timeout_s:g} s; send less, or over a faster line",
            status=HTTPStatus.REQUEST_TIMEOUT,
            headers={"Connection": "close"},
        ) from None
    except OSError as error:
        raise OutputError(
            f"the server cannot put a film into {tempfile.tempdir or 'its temporary folder'} ({error.strerror}); make "
            "room there, or set TMPDIR to another folder"
        ) from error
    except (MultiPartException, KeyError, ValueError) as error:
        raise _malformed(
            f"the form cannot be read ({getattr(error, 'message', error)}); send multipart/form-data with at most "
            f"{max_files} files in the field {field!r}"
        ) from error
    try:
        return _files(form, field, query_keys(request))
    except MienError:
        await form.close()
        raise


def _write_out(form: FormData) -> None:
    # The parser keeps short files in memory. All go to the disk, while it can still be told that there is no room.
    for _, value in form.multi_items():
        if isinstance(value, UploadFile):
            with _closed_on_error(value.file):
                value.file.fileno()


@contextmanager
def _closed_on_error(file: IO[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):  # what it still holds finds no room either
            file.close()
        raise


def _files(form: FormData, field: str, keys: Sequence[str]) -> list[Upload]:
    # What is not used is refused: who sends it would take the answer for one to another question.
    uploads = []
    for name, value in form.multi_items():
        if name != field:
            raise _misplaced(name, value, field, keys)
        if not isinstance(value, UploadFile):
            raise _malformed(f"the field {field!r} holds text; send a file with its name, with curl: -F {field}=@FILE")
        if not _is_text(value.filename or ""):
            raise _malformed(
                f"the name of a file, {value.filename!a}, is not text; send the form, and the names in it, in UTF-8"
            )
        uploads.append(Upload(value.filename or None, value.file))
    if not uploads:
        raise _malformed(f"the form has no file in the field {field!r}; send at least one, with a file name")
    return uploads


def _misplaced(name: str, value: UploadFile | str, field: str, keys: Sequence[str]) -> MienError:
    if name in keys:
        shown = quote(value, errors="replace") if isinstance(value, str) and len(value) <= LONGEST_SHOWN else "..."
        return _malformed(f"{name} goes into the address: ?{name}={shown}")
    return unknown_name("form field", name, [field], f"Into the address go {', '.join(keys)}.")


def _malformed(error: str) -> RefusedError:
    return RefusedError(error, status=HTTPStatus.BAD_REQUEST)


def _is_text(name: str) -> bool:
    # Some charsets can spell halves of characters, which no answer could repeat.
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _counted(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > max_bytes:
            raise too_large(max_bytes)
        yield chunk


def too_large(max_bytes: int) -> RefusedError:
    """Build the refusal of a body that is too large."""
    return RefusedError(
        f"the body is larger than {max_bytes / (1 << 20):g} MB; send less at a time, or raise mien serve's limit",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        headers={"Connection": "close"},
    )


async def _one_file(body: AsyncGenerator[bytes, None], *, on_disk: bool) -> Upload:
    file: IO[bytes] = tempfile.TemporaryFile() if on_disk else io.BytesIO()  # noqa: SIM115  (closed by who reads it)
    with _closed_on_error(file):
        async for chunk in body:
            file.write(chunk)
        file.seek(0)
    return Upload(None, file)

"""The body of a request -> files, counted while it arrives: what a header says about its length proves nothing."""

import asyncio
import io
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import IO

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mien.web.refusals import RefusedError

DRAIN_S, DRAIN_BYTES = 5.0, 64 << 20
"""So much of a refused body is read and thrown away, so that its sender gets to hear why; then the line is cut."""


@dataclass(frozen=True)
class Upload:
    """A file that somebody sent.

    Attributes:
        name: as its sender calls it, None where it has none.
        file: its content, from the beginning; of large films on the disk, without a name there.
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
        on_disk: whether more than a megabyte goes to a temporary file; it has no name, and is gone with the process.

    Raises:
        RefusedError: too large, too slow, no files, or of a type that holds none.
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
    except TimeoutError:
        raise RefusedError(
            f"the body did not arrive within {timeout_s:g} s; send less, or over a faster line",
            status=HTTPStatus.REQUEST_TIMEOUT,
            headers={"Connection": "close"},
        ) from None
    except (MultiPartException, KeyError, ValueError) as error:
        raise RefusedError(
            f"the form cannot be read ({getattr(error, 'message', error)}); send multipart/form-data with at most "
            f"{max_files} files in the field {field!r}",
            status=HTTPStatus.BAD_REQUEST,
        ) from error
    names = [value.filename or "" for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if wrong := [name for name in names if not _is_text(name)]:
        await form.close()
        raise RefusedError(
            f"the name of a file, {wrong[0]!a}, is not text; send the form, and the names in it, in UTF-8",
            status=HTTPStatus.BAD_REQUEST,
        )
    uploads = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name == field:
                uploads.append(Upload(value.filename or None, value.file))
            else:
                value.file.close()
    if not uploads:
        raise RefusedError(
            f"the form has no file in the field {field!r}; send at least one, with a file name",
            status=HTTPStatus.BAD_REQUEST,
        )
    return uploads


def _is_text(name: str) -> bool:
    # Some charsets can spell halves of characters, which no answer could repeat.
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


async def drain(request: Request) -> None:
    """Throw away the body of a request that has been refused."""
    try:
        async with asyncio.timeout(DRAIN_S):
            count = 0
            async for chunk in request.stream():
                count += len(chunk)
                if count > DRAIN_BYTES:
                    return
    except Exception:  # whatever goes wrong here, the refusal stands
        return


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
    file: IO[bytes] = TemporaryFile() if on_disk else io.BytesIO()  # noqa: SIM115  (closed by who reads it)
    async for chunk in body:
        file.write(chunk)
    file.seek(0)
    return Upload(None, file)

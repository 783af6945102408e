"""mien serve: the HTTP API and the page."""

import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from mien.cli.numbers import finite
from mien.cli.options import DetectorOrWholeOption, LabelsOption, ModelOption
from mien.errors import OutputError, UsageError, import_extra
from mien.inference.weights import DEFAULT_MODEL
from mien.web import permissions

GRACE_S = 10
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    host: Annotated[
        str, typer.Option("--host", help="The address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0 takes any free one.")] = 8000,
    model: ModelOption = DEFAULT_MODEL,
    detector: DetectorOrWholeOption = "auto",
    labels: LabelsOption = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="A file with the key that requests must carry; or set MIEN_API_KEY. Without: no key."),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            help="Let web pages of this origin call the API, such as https://example.org; may be given again."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A host name under which the server may be reached; the names of 127.0.0.1 are always allowed "
            "there. May be given again."
        ),
    ] = None,
    cores: Annotated[int, typer.Option(min=0, help="Threads that work on pictures; 0 takes one per core.")] = 0,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Refuse larger requests with pictures.")] = 32.0,
    max_film_megabytes: Annotated[float, typer.Option(min=0.001, help="Refuse larger films.")] = 256.0,
    max_megapixels: Annotated[float, typer.Option(min=0.001, help="Refuse larger pictures and frames.")] = 50.0,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="Analyse no more than this of a film.")] = 600.0,
    max_requests: Annotated[
        int, typer.Option(min=1, help="Requests in work or waiting; further ones are refused for now (429).")
    ] = 64,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for a request to arrive, and to be answered.")
    ] = 60.0,
) -> None:
    """Serve an HTTP API (described at /openapi.json) and a page that uses it.

    Listens to this machine only, unless told otherwise. Nothing that is sent is stored, nothing of it is logged.

    Example: mien serve --port 8000
    """
    purpose = "mien serve"
    uvicorn = import_extra("uvicorn", extra="web", purpose=purpose)
    import_extra("fastapi", extra="web", purpose=purpose)
    import cv2

    from mien.web.app import create_app
    from mien.web.settings import MIB, Limits, Settings

    limits = Limits(
        max_bytes=int(finite("--max-megabytes", max_megabytes, MIB)),
        max_film_bytes=int(finite("--max-film-megabytes", max_film_megabytes, MIB)),
        max_pixels=int(finite("--max-megapixels", max_megapixels, 1e6)),
        max_film_s=finite("--max-seconds", max_seconds),
        max_requests=max_requests,
        timeout_s=finite("--timeout", timeout),
    )
    settings = Settings(
        model=model,
        detector=detector,
        labels=labels,
        api_key=_api_key(api_key_file),
        origins=tuple(permissions.origin(origin) for origin in cors or ()),
        hosts=_hosts(host, allow_host or ()),
        cores=cores or os.cpu_count() or 1,
        limits=limits,
    )
    cv2.setNumThreads(1)  # requests share the cores, not the steps of one request
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # what is wrong with a form, its sender is told
    app = create_app(settings)
    listener = _listen(host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            server_header=False,
            ws_max_size=limits.max_frame_bytes,
            ws_max_queue=2,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    _end_at_the_second_ctrl_c(server)
    _greet(listener, host, has_key=settings.api_key is not None)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again, once it has stopped
        server.run(sockets=[listener])


def _end_at_the_second_ctrl_c(server: Any) -> None:
    # uvicorn would leave its loop, and Python then wait for threads that nobody has told to stop. Nothing is stored,
    # so nothing is lost by leaving them.
    stop = server.handle_exit

    def handle_exit(number: int, frame: FrameType | None) -> None:
        if server.should_exit and number == signal.SIGINT:
            os._exit(130)
        stop(number, frame)

    server.handle_exit = handle_exit


def _api_key(file: Path | None) -> str | None:
    if file is None:
        given = os.environ.get("MIEN_API_KEY")
        return permissions.api_key(given, source="MIEN_API_KEY") if given else None
    try:
        text = file.read_text(encoding="utf-8-sig")  # Windows' editors begin a file with a mark that nobody types
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: no key can be read from it ({error}); give a text file with one line") from error
    return permissions.api_key(text, source=str(file))


def _hosts(host: str, more: Sequence[str]) -> tuple[str, ...]:
    # The names by which the server may be called, none for any.
    if not host.strip():  # the system would take it for all addresses
        raise UsageError("--host is empty; give the address to listen at: 127.0.0.1, or 0.0.0.0 to let others in")
    names = [permissions.host_name(name) for name in more]
    return tuple(dict.fromkeys([*LOOPBACK, host.lower(), *names] if _is_loopback(host) else names))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()  # "::" is all addresses, those of IPv4 among them
    try:
        return socket.create_server((host, port), family=family, backlog=2048, dualstack_ipv6=both)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        code = getattr(error, "errno", None) or 0
        if code < 0 or code == errno.EADDRNOTAVAIL:  # below 0: the name is nobody's
            remedy = "--host takes an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them"
        else:
            remedy = "choose another port with --port, or 0 for any free one"
        raise OutputError(f"cannot listen at {host}, port {port} ({reason}); {remedy}") from error


def _greet(listener: socket.socket, host: str, *, has_key: bool) -> None:
    shown = f"[{host}]" if ":" in host else host
    print(f"mien serves at http://{shown}:{listener.getsockname()[1]} (Ctrl-C stops it)", flush=True)
    if not _is_loopback(host) and not has_key:
        print(
            "mien: other machines can ask this server, and it has no key; set one with MIEN_API_KEY or --api-key-file",
            file=sys.stderr,
            flush=True,
        )

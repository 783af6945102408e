"""Who may ask what: every request passes here first, and every answer last."""

import asyncio
import base64
import binascii
import hmac
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.web.metrics import Metrics
from mien.web.refusals import answer
from mien.web.settings import Settings

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The page loads nothing from anywhere else, and runs nothing that does not lie beside it."""

HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

KEY_PROTOCOL = "key."
"""A browser cannot set headers of a WebSocket: the key goes in as a subprotocol, this and the key in base64url."""


class Guard:
    """ASGI middleware: name, origin and key are checked, headers of safety and of CORS are added, requests are counted.

    The name is checked so that no page of the web can have its own name resolved to this machine (DNS rebinding); the
    origin so that no page of the web can make its visitors ask.

    Args:
        app: what is guarded.
        settings: who may ask.
        metrics: counts.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, metrics: Metrics) -> None:
        self._app = _shared(app, settings.origins) if settings.origins else app
        self._settings = settings
        self._hosts = {name.lower() for name in settings.hosts}
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
            else:
                await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status, answered = HTTPStatus.INTERNAL_SERVER_ERROR.value, False

        async def send_guarded(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            app = self._refusing(scope, *refusal) if refusal else self._app
            await app(scope, receive, send_guarded)
        except asyncio.CancelledError:
            if answered:
                raise
            # The server stops, and has waited for this long enough: who asked gets a sentence, the log no traceback.
            stopping = self._refusing(scope, HTTPStatus.SERVICE_UNAVAILABLE, "the server is stopping; ask again later")
            await stopping(scope, receive, send_guarded)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, _known(scope["method"]), str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)

    def _refusing(self, scope: Scope, status: HTTPStatus, error: str) -> ASGIApp:
        headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
        refuse = answer(error, status, headers)
        # A page that may ask may also read why it was refused; others are told nothing of who may.
        allowed = Headers(scope=scope).get("origin") in self._settings.origins
        return _shared(refuse, self._settings.origins) if allowed else refuse

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or "" if _parses(host) else ""
        if self._hosts and name not in self._hosts:
            allowed = ", ".join(self._settings.hosts)
            return (
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this server is not called {name!r} but {allowed}; add a name: mien serve --allow-host",
            )
        origin = headers.get("origin")
        own = origin is None or origin in self._settings.origins or _netloc(origin) == host.lower()
        if not own and not _is_page(scope):
            # "null" is what browsers send of files and of frames without rights, whoever made them.
            remedy = "such pages never may" if origin == "null" else f"allow them: mien serve --cors {origin}"
            return HTTPStatus.FORBIDDEN, f"pages of {origin} may not ask here; {remedy}"
        key = self._settings.api_key
        if key is not None and _needs_key(scope) and not _same(key, _keys(headers)):
            return HTTPStatus.UNAUTHORIZED, "the key is missing or wrong; send it as Authorization: Bearer KEY"
        return None


def _shared(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-API-Key"],
        expose_headers=["Location", "Retry-After"],
    )


def _is_page(scope: Scope) -> bool:
    # Public, and loaded with an Origin that a proxy can make a stranger's: the page then shows what its requests get.
    path: str = scope["path"]
    return path == "/" or path.startswith("/page/")


def _needs_key(scope: Scope) -> bool:
    # The page is public, it asks for the key itself. A preflight never carries one, by its specification.
    path = scope["path"]
    preflight = scope.get("method") == "OPTIONS"
    return not preflight and (path.startswith("/v1/") or path == "/metrics")


def _keys(headers: Headers) -> list[bytes]:
    # Headers are bytes that were read as Latin-1; what they mean is the sender's choice, and here it is UTF-8.
    keys = [headers.get("x-api-key", "").encode("latin-1")]
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        keys.append(given.encode("latin-1"))
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        text = protocol.strip()
        if text.startswith(KEY_PROTOCOL):
            encoded = text.removeprefix(KEY_PROTOCOL)
            try:
                keys.append(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
            except (binascii.Error, ValueError):
                continue
    return [one.strip() for one in keys]  # as bytes: as Latin-1, a byte of a letter may look like a blank


def _same(key: str, given: Iterable[bytes]) -> bool:
    # Each comparison takes as long as any other, so that its time tells nothing.
    same = [hmac.compare_digest(key.encode(), one) for one in given]
    return any(same)


def _parses(host: str) -> bool:
    try:
        urlsplit(f"//{host}").port  # noqa: B018  (parsing it is the check)
    except ValueError:
        return False
    return True


def _netloc(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _known(method: str) -> str:
    return method if method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS") else "other"

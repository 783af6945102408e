"""Who may ask: as it is typed at the start -> as the guard compares it. What could never match is refused at once."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from mien.errors import UsageError

USUAL_PORTS = {"http": 80, "https": 443}
"""Browsers leave them out of an origin."""

EXTENSION = re.compile(r"(chrome|moz|safari-web)-extension://[a-z0-9-]+")
"""The origin of a browser's extension."""

NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")


def origin(given: str) -> str:
    """Check an origin whose pages may ask, and return it as browsers send it.

    Args:
        given: scheme, host and, where it is not the usual one, port, or that of a browser's extension; slashes at its
            end and capitals do no harm.

    Raises:
        UsageError: it is no origin, or stands for all of them.
    """
    if given.strip() == "*":
        raise UsageError("--cors '*' would let every page of the web ask; name each origin: --cors https://example.org")
    if EXTENSION.fullmatch(given.rstrip("/").lower()):
        return given.rstrip("/").lower()
    right = _origin(given)
    if right is None or given.rstrip("/").lower() != right:
        raise UsageError(
            f"--cors {given!r} is no origin: http:// or https:// and a host, a port only where it is not the usual "
            f"one, no path; give {right or 'one such as https://example.org'}"
        )
    return right


def host_name(given: str) -> str:
    """Check a name by which the server may be called, and return it as it stands in a request, without port.

    Args:
        given: a name or an address of the network; capitals do no harm.

    Raises:
        UsageError: it is more than that, such as an address of the web, or no name.
    """
    if given.lower() == _host(given.lower()):
        return given.lower()
    parts = _parts(given if "://" in given else f"//{given.strip()}")
    right = _host(given.lower()) or (_host(parts.hostname) if parts else None)
    raise UsageError(
        f"--allow-host {given!r} is no host name, which has no scheme, port or path; give "
        f"{right or 'one such as box.example.org'}"
    )


def api_key(given: str, *, source: str) -> str:
    """Check a key, and return it without the blanks around it, which no header would keep.

    Args:
        given: the text that holds it.
        source: where that comes from, for messages, which never hold the key itself.

    Raises:
        UsageError: no request could carry it.
    """
    key = given.strip()
    if not key:
        raise UsageError(f"{source}: is empty; write the key into it, one line")
    if len(lines := key.splitlines()) > 1:
        raise UsageError(f"{source}: has {len(lines)} lines; write the key into it alone, one line")
    if not key.isprintable():
        raise UsageError(f"{source}: the key has control characters, which no request can carry; take printable ones")
    return key


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address.strip())
        parts.port  # noqa: B018  (parsing it is part of the check)
    except ValueError:
        return None
    return parts


def _origin(given: str) -> str | None:
    # As browsers send it; None where none can be made of it.
    parts = _parts(given if "://" in given else f"https://{given.strip()}")
    host = _host(parts.hostname) if parts else None
    if parts is None or host is None:
        return None
    scheme = parts.scheme if parts.scheme in USUAL_PORTS else "https"
    port = "" if parts.port in (None, USUAL_PORTS[scheme]) else f":{parts.port}"
    return f"{scheme}://[{host}]{port}" if ":" in host else f"{scheme}://{host}{port}"


def _host(name: str | None) -> str | None:
    # As it stands in a request, where names of other scripts are spelt in ASCII; None where it is none.
    try:
        return str(ip_address(name or ""))
    except ValueError:
        pass
    try:
        spelt = (name or "").encode("idna").decode()
    except UnicodeError:
        return None
    return spelt if NAME.fullmatch(spelt) else None

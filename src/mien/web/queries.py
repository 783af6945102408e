"""The keys of an address: those that its route declares, once, and no other: one that is misspelt chooses nothing."""

from fastapi.dependencies.models import Dependant
from starlette.requests import HTTPConnection

from mien.errors import UsageError, unknown_name


async def check_query(connection: HTTPConnection) -> None:
    """Refuse keys that nobody would read, or that are given twice; a dependency of every route of the API.

    Args:
        connection: a request, or a WebSocket; it has found its route.

    Raises:
        UsageError: the route knows no such key, or it is given twice, of which only the last would be read.
    """
    keys = query_keys(connection)
    for key in connection.query_params:
        if not keys:
            raise UsageError(f"unknown query key {key!r}: {connection.url.path} takes none; leave it out")
        if key not in keys:
            raise unknown_name("query key", key, keys)
        if len(connection.query_params.getlist(key)) > 1:
            raise UsageError(f"query key {key!r} is given more than once; give it once")


def query_keys(connection: HTTPConnection) -> list[str]:
    """Return the keys that the route of a request declares, as FastAPI itself has read them from its function.

    Args:
        connection: a request, or a WebSocket; it has found its route.
    """
    return _declared(connection.scope["route"].dependant)


def _declared(dependant: Dependant) -> list[str]:
    inner = (key for dependency in dependant.dependencies for key in _declared(dependency))
    return [*(field.alias for field in dependant.query_params), *inner]

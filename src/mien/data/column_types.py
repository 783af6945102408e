"""What the columns of a Parquet file must hold: told when it is opened, before a row is read."""

from collections.abc import Mapping
from typing import Any

from mien.data.parquet import pyarrow
from mien.errors import DataError

PICTURE = "a struct of bytes (binary, the encoded picture) and path (text)"
TEXT = "text"
WHOLE_NUMBERS = "whole numbers"

BINARY_TYPES = ("binary", "large_binary", "binary_view")
TEXT_TYPES = ("string", "large_string", "string_view")
"""An image folder's metadata.csv gives the second."""


def check_columns(schema: Any, needed: Mapping[str, str | None], *, file: str) -> None:
    """Check that no column is missing or holds something else.

    Args:
        schema: Arrow schema of the file.
        needed: for the name of each column what it must hold, such as `PICTURE`; None where that does not matter.
        file: where the schema comes from, for the error.

    Raises:
        DataError: one is missing or of another type; the text names it, what is needed, and what there is.
    """
    missing = [name for name in needed if name not in schema.names]
    if missing:
        raise DataError(
            f"{file}: column {missing[0]!r} is missing; needed are {', '.join(needed)}, there are "
            f"{', '.join(schema.names)}"
        )
    for name, kind in needed.items():
        found = schema.field(name).type
        if kind is not None and not _holds(found, kind):
            raise DataError(
                f"{file}: column {name!r} is of type {found}, needed is {kind}; write the file again with that"
            )


def _holds(found: Any, kind: str) -> bool:
    types = pyarrow("pyarrow.types")
    if kind == WHOLE_NUMBERS:
        return bool(types.is_integer(found))
    if kind == TEXT:
        return str(found.value_type if types.is_dictionary(found) else found) in TEXT_TYPES
    fields = {field.name: str(field.type) for field in found} if types.is_struct(found) else {}
    # A column of paths that are all empty may have no type.
    return fields.get("bytes") in BINARY_TYPES and fields.get("path") in (*TEXT_TYPES, "null")

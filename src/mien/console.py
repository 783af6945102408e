"""The terminal, as all commands write to it."""

from typing import Any

import rich.console


class Console(rich.console.Console):
    """Rich's, but ``:cat:``, in a file's name for one, stays what it is and becomes no picture."""

    def __init__(self, **options: Any) -> None:
        super().__init__(emoji=False, **options)

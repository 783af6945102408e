"""Every error mien raises on purpose.

    MienError
    ├── UsageError           a name, option or combination that mien does not know (exit code 2)
    │   └── RecipeError      a recipe with an unknown key or an impossible value
    ├── MissingExtraError    the feature lives in an extra that is not installed
    ├── PictureError         not a picture, truncated, empty, too large, of an unusable type
    ├── VideoError           not a film, one that cannot be decoded, without frames; a camera that is busy or goes away
    ├── WeightsError         a weight file that is absent, cannot be fetched, or is not the file it should be
    ├── TrainingError        a training that cannot go on
    ├── DataError            a table or dataset whose content is not what it claims
    └── OutputError          a result that cannot be written where it was asked for

Each text says what was given, what is allowed and what to type instead, on one line. The command line prints that
line and nothing else; ``--debug`` adds the traceback.
"""

import difflib
import importlib
import sys
from collections.abc import Callable, Iterable
from types import ModuleType


class MienError(Exception):
    """The base of every error that mien raises on purpose."""

    exit_code = 1


class UsageError(MienError):
    """A name, option or combination of options that mien does not know."""

    exit_code = 2


class RecipeError(UsageError):
    """A training recipe with an unknown key or an impossible value."""


class MissingExtraError(MienError):
    """A feature whose extra is not installed."""


class PictureError(MienError):
    """Something that was given as a picture and cannot be used as one."""


class VideoError(MienError):
    """Something that was given as a film or a camera and cannot be used as one."""


class WeightsError(MienError):
    """A weight file that is absent, cannot be fetched, or is not the file it should be."""


class TrainingError(MienError):
    """A training that cannot go on; what it has reached so far is kept."""


class DataError(MienError):
    """A table or dataset whose content is not what it claims to be."""


class OutputError(MienError):
    """A result that cannot be written where it was asked for."""


MOST_NAMED = 40
"""Of more names than this an error names none but the nearest."""


def unknown_name(kind: str, given: str, allowed: Iterable[str], remedy: str = "") -> UsageError:
    """Build the error for a name that is not in a list, with the nearest right one.

    Args:
        kind: what the name stands for, such as ``"detector"``.
        given: the name that was given.
        allowed: the names that exist.
        remedy: one more sentence, such as the command that lists the names.
    """
    names = list(allowed)
    near = difflib.get_close_matches(given, names, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    tail = f" {remedy}" if remedy else ""
    named = f": it is one of {', '.join(names)}" if len(names) <= MOST_NAMED else ""
    return UsageError(f"unknown {kind} {given!r}{named}.{guess}{tail}")


def import_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module that an optional extra installs.

    Args:
        module: dotted name of the module.
        extra: name of the extra of mien that brings it.
        purpose: what the user asked for, as the subject of a sentence (``"Parquet output"``).

    Raises:
        MissingExtraError: the module is not installed; the text names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{purpose} needs {error.name}, which is not installed; it comes with: pip install 'mien[{extra}]'"
        ) from error


def one_line(main: Callable[[], None]) -> None:
    """Run a script of recipes/ or benchmarks/ so that its errors are one line and an exit code, as those of `mien` are.

    Args:
        main: the script.
    """
    try:
        main()
    except MienError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:  # pyarrow's says the file only
        sys.exit(f"{error.filename}: {error.strerror}" if error.filename else f"{error}: cannot be read")

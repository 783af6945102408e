"""Which pictures a run was made with: digests of their names, kept in its run.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.files import written_whole
from mien.training.run_folder import RunFolder

PICTURES = "pictures"
"""Key of run.json, of checkpoints and of what teachers said: `Samples.digest_of_names` of the pictures."""

SAME_TABLE = "go on with the same table, or choose another --output"


def digests_of(roles: Mapping[str, Samples]) -> dict[str, str]:
    """Return `Samples.digest_of_names` of pictures, by what they are for."""
    return {role: samples.digest_of_names() for role, samples in roles.items()}


def known_pictures(folder: RunFolder) -> dict[str, str]:
    """Return the digests of a run's pictures; none where an earlier version made it, or it is not finished."""
    return dict(_facts(folder).get(PICTURES, {}))


def keep_pictures(folder: RunFolder, pictures: Mapping[str, str]) -> None:
    """Add digests of pictures to a run's run.json.

    Raises:
        OutputError: it cannot be written.
    """
    facts = _facts(folder)
    with written_whole(folder.facts) as temporary:
        content = facts | {PICTURES: facts.get(PICTURES, {}) | pictures}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def check_pictures(folder: RunFolder, pictures: Mapping[str, str], *, remedy: str = SAME_TABLE) -> None:
    """Make sure that a finished run has these pictures, as far as is known.

    Args:
        folder: of the run.
        pictures: their digests, by what they are for.
        remedy: what to do where they are others.

    Raises:
        RecipeError: it has others.
    """
    check_same_pictures(folder.path, known_pictures(folder), pictures, remedy=remedy)


def check_same_pictures(
    run: Path, known: Mapping[str, str], pictures: Mapping[str, str], *, remedy: str = SAME_TABLE
) -> None:
    """Make sure that the pictures of a run are those that it was started with, as far as is known.

    Args:
        run: its folder, for the error.
        known: digests of those that it was started with, by what they are for.
        pictures: digests of those that are here.
        remedy: what to do where they are others.

    Raises:
        RecipeError: they are others.
    """
    for role, names in known.items():
        if pictures.get(role, names) != names:
            raise RecipeError(f"{run}: was started with other pictures for {role}; {remedy}")


def _facts(folder: RunFolder) -> dict[str, Any]:
    try:
        facts = json.loads(folder.facts.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}

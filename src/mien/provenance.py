"""Where a figure or a file comes from: version, commit, device, date."""

import datetime
import platform
import subprocess
from pathlib import Path

from mien import __version__


def commit() -> str:
    """Return mien's version and, in a checkout, its commit, with ``+`` where the tree has changes."""
    here = Path(__file__).resolve()
    try:
        # An installed mien may lie inside somebody else's repository: only a tracked file tells of mien's own commit.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        changed = _git(here.parent, "status", "--porcelain", "--untracked-files=no", "--", ":/src")
        return f"{__version__} {_git(here.parent, 'rev-parse', '--short', 'HEAD')}{'+' if changed else ''}"
    except (OSError, subprocess.CalledProcessError):
        return __version__


def facts() -> dict[str, str]:
    """Return device, commit and date (ISO), as every results file carries them."""
    return {"device": f"cpu {platform.machine()}", "commit": commit(), "date": datetime.date.today().isoformat()}


def _git(folder: Path, *words: str) -> str:
    answer = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return answer.stdout.strip()

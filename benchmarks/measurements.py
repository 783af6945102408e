"""What the scripts share: results files, CSV under benchmarks/results, every row with device, commit and date."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien.files import written_whole
from mien.inference.weights import DEFAULT_MODEL, find
from mien.provenance import facts

RESULTS = Path(__file__).parent / "results"

LINUX = Path("/proc/cpuinfo")
"""Where Linux says what a CPU can do."""


def first_of(*instructions: str) -> str:
    """Return the first of some instruction sets, by Linux's names, that this CPU has, or ``"none"``."""
    flags = set(LINUX.read_text(encoding="utf-8").split()) if LINUX.is_file() else set()
    return next((name for name in instructions if name in flags), "none")


def int8_by() -> str:
    """Return by what this CPU multiplies in int8: ``"vnni"``, or ``"none"`` where there is no instruction for it."""
    return first_of("avx512_vnni", "avx_vnni").rpartition("_")[2]


def timed_on() -> dict[str, str]:
    """Return the columns that say which CPU a timing is of: by what it multiplies int8, and what Linux calls it."""
    content = LINUX.read_text(encoding="utf-8") if LINUX.is_file() else ""
    said = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", content, re.MULTILINE))
    # Clouds hide the name; family and model remain.
    cpu = "{}, family {}, model {}".format(*(said.get(key, "?") for key in ("model name", "cpu family", "model")))
    return {"int8_by": int8_by(), "cpu": cpu}


def default_model() -> dict[str, str]:
    """Return the columns that say which weight file answers where none is named."""
    return {"model": DEFAULT_MODEL, "sha256": find(DEFAULT_MODEL).sha256}


def write_rows(name: str, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows, all with the same keys, to benchmarks/results/NAME.csv and return the path."""
    path = RESULTS / f"{name}.csv"
    full = [row | facts() for row in rows]
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(full[0]))
        writer.writeheader()
        writer.writerows(full)
    return path

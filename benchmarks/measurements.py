"""Writing results files: CSV under benchmarks/results, every row with device, commit and date."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien.files import written_whole
from mien.provenance import facts

RESULTS = Path(__file__).parent / "results"


def write_rows(name: str, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows, all with the same keys, to benchmarks/results/NAME.csv and return the path."""
    path = RESULTS / f"{name}.csv"
    full = [row | facts() for row in rows]
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(full[0]))
        writer.writeheader()
        writer.writerows(full)
    return path

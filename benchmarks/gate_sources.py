"""How a gate does on each kind of picture that is held out: faces, and other things by their source.

    python benchmarks/gate_sources.py runs/gate-cnn gate.parquet

The run's answers to its test part, at its own threshold; shares with exact intervals. Writes results/gate_sources.csv.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from measurements import write_rows
from mien.data import open_table
from mien.evaluation.audit import audit
from mien.evaluation.predictions_file import read_predictions

OF_VIEWS = "false-alarms-of-views"
CASCADES = ("frontalface_alt2", "frontalface_default", "frontalface_alt")
"""As `recipes/gate_data.py` numbers them in the names of crops; the first is mien's own."""


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("table", type=Path)
    given = parser.parse_args()
    predictions = read_predictions(given.run / "predictions-test-face.parquet")
    sources = {record.path: record.source for record in open_table(given.table).records()}
    names = predictions.ids.tolist()
    groups = {
        "source": [sources[name] for name in names],
        "cascade": [cascade(name, sources[name]) for name in names],
    }
    found = audit(replace(predictions, groups={key: np.array(group) for key, group in groups.items()}))
    rows = [
        {
            "model": predictions.model,
            "sha256": predictions.sha256,
            "data": given.table.name,
            "split": predictions.split,
            "source": row.group,
            "n": row.n,
            "right": f"{row.accuracy:.6f}",
            "right_low": f"{row.low:.6f}",
            "right_high": f"{row.high:.6f}",
        }
        for row in found
        if row.group
    ]
    for row in rows:
        print(f"{row['source']}: {100 * float(row['right']):.2f} % of {row['n']} right")
    print(write_rows("gate_sources", rows))


def cascade(name: str, source: str) -> str:
    """Return which cascade cut a crop, from its name; "" where none did.

    The first view is the photograph as it is, so the "false-alarms" are among those of views and would count twice.
    """
    if source != OF_VIEWS:
        return ""
    return CASCADES[int(Path(name).stem.split("-")[2])]  # "false-alarms-of-views/PHOTOGRAPH-VIEW-CASCADE-NUMBER.png"


if __name__ == "__main__":
    main()

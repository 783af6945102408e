"""How a gate does on each kind of picture that is held out: faces, and other things by their source.

    python benchmarks/gate_sources.py runs/gate-cnn gate.parquet
    mien evaluate mien-base gate.parquet --split PrivateTest --head face --output report/
    python benchmarks/gate_sources.py report/predictions.parquet gate.parquet

Answers to the test part, of a run or of any model, at its own threshold; shares with exact intervals. Writes
results/gate_sources_MODEL.csv.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from measurements import write_rows
from mien.data import open_table
from mien.errors import one_line
from mien.evaluation.audit import audit
from mien.evaluation.predictions_file import read_predictions

CASCADES = "false-alarms-of-views"
"""The row of all crops of cascades; that of mien's own in photographs as they are is "false-alarms"."""


def main() -> None:
    """Count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", type=Path, help="folder of a run, or predictions.parquet of `mien evaluate`")
    parser.add_argument("table", type=Path)
    given = parser.parse_args()
    answers: Path = given.answers
    predictions = read_predictions(answers / "predictions-test-face.parquet" if answers.is_dir() else answers)
    sources = {record.path: record.source for record in open_table(given.table).records()}
    names = predictions.ids.tolist()
    of_each = [groups_of(sources[name]) for name in names]
    groups = {key: [each[key] for each in of_each] for key in of_each[0]}
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
    print(write_rows(f"gate_sources_{predictions.model}", rows))


def groups_of(source: str) -> dict[str, str]:
    """Return the rows of the result that a picture of a source counts in, "" for none."""
    kind, _, cascade = source.partition("/")
    if not cascade:
        return {"source": source, "cascades": "", "cascade": "", "as it is": ""}
    as_it_is = kind == "false-alarms" and cascade == "frontalface_alt2"
    return {"source": "", "cascades": CASCADES, "cascade": cascade, "as it is": kind if as_it_is else ""}


if __name__ == "__main__":
    one_line(main)

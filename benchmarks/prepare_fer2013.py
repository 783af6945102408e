#!/usr/bin/env python3
"""Prepare the whole of FER-2013 from every layout that it comes in: seconds, peak memory, and agreement.

    python benchmarks/prepare_fer2013.py --shared ../shared

Writes the layouts with shared/tools/fer2013_layouts.py into a temporary folder, prepares each one in a process of its
own, and compares the tables with shared/data/fer2013.parquet picture by picture, label by label, vote by vote. Fails
when one number differs. Also exports the table with votes to folders, reads it back and compares, and checks it for
duplicates. Prints a table, then JSON as its last line.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from measurements import write_rows
from mien.cli.progress import track
from mien.data import (
    Preparation,
    Problems,
    Record,
    SourceOptions,
    check_table,
    export_folders,
    layout,
    open_table,
    prepare,
)
from mien.data.votes import VOTE_COLUMNS
from mien.errors import one_line
from mien.inference.image import read_picture
from mien.labels import FER7

LAYOUTS = ("fer2013-csv", "ferplus", "folders", "fer2013-parquet")
SPLITS = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
CLASSES = {
    "anger": 4_953,
    "disgust": 547,
    "fear": 5_121,
    "happiness": 8_989,
    "sadness": 6_077,
    "surprise": 4_002,
    "neutral": 6_198,
}


def main() -> None:
    """Run the whole benchmark, or one step of it in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("MIEN_SHARED", "../shared")))
    parser.add_argument("--limit", type=int, default=0, help="only the first rows of each split, to try it out")
    parser.add_argument("--step", nargs=3, metavar=("STEP", "SOURCE", "TABLE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(measure(args.step[0], Path(args.step[1]), Path(args.step[2]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        results = run(args.shared.resolve(), Path(folder), args.limit)
    if not args.limit:
        write_rows("prepare_fer2013", results)
    print(json.dumps(results))


def run(shared: Path, folder: Path, limit: int) -> list[dict[str, Any]]:
    """Write the layouts, prepare each, compare, and return a row for each step."""
    tool = shared / "tools" / "fer2013_layouts.py"
    for kind in ("csv", "folders"):
        subprocess.run([sys.executable, tool, kind, folder / kind, "--limit", str(limit)], check=True)
    truth = shared / "data" / "fer2013.parquet"
    sources = {"fer2013-csv": folder / "csv", "ferplus": folder / "csv", "folders": folder / "folders"}
    results = []
    for name in LAYOUTS:
        table = folder / f"{name}.parquet"
        row = step(name, sources.get(name, truth), table)
        compare(name, table, truth, limit)
        results.append(row)
    voted = folder / "ferplus.parquet"
    results.append(step("export", voted, folder / "exported"))
    results.append(step("folders", folder / "exported", folder / "back.parquet") | {"step": "exported folders"})
    before, after = open_table(voted), open_table(folder / "back.parquet")
    if before.meta != after.meta or any(a != b for a, b in zip(before.records(), after.records(), strict=True)):
        raise SystemExit("table -> folders -> table differs")
    results.append(step("check", voted, voted))
    return results


def step(name: str, source: Path, table: Path) -> dict[str, Any]:
    """Run one step in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, __file__, "--step", name, str(source), str(table)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{row['step']:<18}{row['n']:>8,}{row['seconds']:>8.1f} s{row['peak_mb']:>8.0f} MB", flush=True)
    return row


def measure(name: str, source: Path, table: Path) -> dict[str, Any]:
    """Do one step and return its figures."""
    start = time.perf_counter()
    problems = Problems()
    if name == "export":
        count = export_folders(open_table(source), table, track=track)
    elif name == "check":
        count = len(check_table(open_table(source), track=track).rows)
    else:
        opened = layout(name).open(source, SourceOptions(), problems)
        count = prepare(opened, table, Preparation(), problems=problems, track=track).count
    if problems:
        raise SystemExit(f"{name}: {len(problems)} rows were left out, the first: {problems.found[0]}")
    seconds = time.perf_counter() - start
    return {"step": name, "n": count, "seconds": round(seconds, 2), "peak_mb": round(peak_memory_kb() / 1024)}


def peak_memory_kb() -> int:
    """Return the most memory that this process has had. Not by getrusage: that starts with the parent's peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def compare(name: str, table: Path, truth: Path, limit: int) -> None:
    """Compare a table with the truth, row by row; stop with the first difference."""
    votes = [f"votes_{vote}" for vote in VOTE_COLUMNS]
    with_votes = name in ("ferplus", "fer2013-parquet")
    found = open_table(table)
    records: dict[int, Record] = {}
    for number, record in enumerate(found.records()):
        # The folders are read class by class; the tool wrote the number of the row into the file's name.
        records[int(Path(record.path).stem.split("_")[-1]) if name == "folders" else number] = record
    seen: Counter[str] = Counter()
    number = 0
    for batch in pq.ParquetFile(truth).iter_batches(batch_size=1024):
        for row in batch.to_pylist():
            seen[row["usage"]] += 1
            if limit and name != "fer2013-parquet" and seen[row["usage"]] > limit:
                continue
            record = records.pop(number)
            number += 1
            split = row["usage"] if name != "folders" else "train" if row["usage"] == "Training" else "test"
            counts = None if row[votes[0]] is None else tuple(float(row[vote]) for vote in votes)
            same = (
                record.label == FER7.labels[row["emotion"]]
                and record.split == split
                and record.votes == (counts if with_votes else None)
                and np.array_equal(read_picture(record.image), read_picture(row["image"]["bytes"]))
            )
            if not same:
                raise SystemExit(f"{name}: row {number - 1} ({record.path}) differs from the truth")
    if records:
        raise SystemExit(f"{name}: {len(records)} rows too many")
    if limit:
        return
    wanted = SPLITS if name != "folders" else {"train": 28_709, "test": 7_178}
    if Counter(found.split_counts()) != Counter(wanted):
        raise SystemExit(f"{name}: the splits are {found.split_counts()}, they should be {wanted}")
    classes = Counter(label for label, _, _ in found.labels_and_splits())
    if classes != Counter(CLASSES):
        raise SystemExit(f"{name}: the classes are {dict(classes)}, they should be {CLASSES}")


if __name__ == "__main__":
    one_line(main)

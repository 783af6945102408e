"""What the recipes reached here, beside what the projects that they repeat published.

    python benchmarks/experiments.py runs

Reads the finished runs in the folder, the recipe as run included, of recipes that repeat something published, and
writes results/experiments.csv: one row for each head on the test split. A run of a part of the data, or of fewer epochs
than its recipe says, is marked as a trial: it shows that the recipe runs, and nothing else. Rows of recipes that
have no run in the folder stay as they are.
"""

import argparse
import csv
from pathlib import Path

from measurements import RESULTS
from mien.errors import UsageError, one_line
from mien.experiments.finishing import read_scores
from mien.files import written_whole
from mien.training.curves import read_curves
from mien.training.recipe_files import read_recipe
from mien.training.run_folder import RunFolder

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "top3_accuracy",
    "macro_f1",
    "tuned_macro_f1",
    "tuned_micro_f1",
    "tuned_sample_f1",
    "tuned_hamming_loss",
    "tuned_subset_accuracy",
)
RECIPES = RESULTS.parent.parent / "recipes"


def main() -> None:
    """Collect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    runs: Path = parser.parse_args().runs
    found: list[dict[str, str]] = []
    here: set[str] = set()
    for file in sorted(runs.glob("*/scores.csv")):
        folder = RunFolder(file.parent)
        run = read_recipe(folder.recipe)
        if not run.published:
            continue
        if run.name in here:
            raise UsageError(f"{runs}: holds two runs of recipe {run.name}; give a folder with the one that counts")
        here.add(run.name)
        found += rows_of(folder)
    if not found:
        raise UsageError(f"{runs}: holds no finished run of a recipe that repeats something published; train one")
    path = RESULTS / "experiments.csv"
    with path.open(newline="", encoding="utf-8") as earlier:
        found += [row for row in csv.DictReader(earlier) if row["recipe"] not in here]
    found.sort(key=lambda row: row["recipe"])
    columns = list(dict.fromkeys(key for row in found for key in row))
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, columns, restval="")
        writer.writeheader()
        writer.writerows(found)
    print(f"{len(found)} rows, {len(here)} recipes read: {path}")


def rows_of(folder: RunFolder) -> list[dict[str, str]]:
    """Return one row for each head of a run."""
    run = read_recipe(folder.recipe)
    meant = read_recipe(RECIPES / f"{run.name}.toml")
    epochs = str(read_curves(folder.curves).epochs[-1]) if folder.curves.is_file() else ""  # an average has none
    with folder.scores.open(newline="", encoding="utf-8") as file:
        traced = next(csv.DictReader(file))
    rows = []
    for head in run.heads:
        scores = {
            (score.role, score.metric): score.estimate for score in read_scores(folder.scores) if score.head == head
        }
        count = next(score.n for score in read_scores(folder.scores) if (score.role, score.head) == ("test", head))
        row = {
            "recipe": run.name,
            "published": meant.published,
            "head": head,
            "trial": str(run.data.limit > 0 or run.loop.epochs < meant.loop.epochs),
            "epochs": epochs,
            "split": run.data.test,
            "n": str(count),
        }
        for metric in METRICS:
            if ("test", metric) in scores:
                estimate = scores["test", metric]
                row[f"validation_{metric}"] = f"{scores['validation', metric].value:.6f}"
                row |= {metric: f"{estimate.value:.6f}"}
                row |= {f"{metric}_low": f"{estimate.low:.6f}", f"{metric}_high": f"{estimate.high:.6f}"}
        rows.append(row | {key: traced[key] for key in ("sha256", "data", "device", "commit", "date")})
    return rows


if __name__ == "__main__":
    one_line(main)

"""Every head of a model against every truth that the data has, with and without pictures that training repeats."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples, read_samples
from mien.data.split_names import is_training
from mien.data.table import open_table
from mien.errors import DataError, UsageError, unknown_name
from mien.evaluation.audit import check_columns
from mien.evaluation.calibration import uncalibrated
from mien.evaluation.comparison import Comparison
from mien.evaluation.groups import REPEATED, Groups, checked_columns, column_groups, quality_groups, repeated_group
from mien.evaluation.metrics import RESAMPLES, Estimate, confusion, measure, metrics_of
from mien.evaluation.predictions import Predictions, predict_all, row_by_id
from mien.evaluation.selective import stated_and_found
from mien.evaluation.truths import TRUTHS
from mien.files import written_whole
from mien.inference.session import Session
from mien.model_card import Task
from mien.provenance import facts

DEFAULT_SPLIT = "PublicTest"
"""The split of the data that is evaluated where none is named."""
DIGITS = 6
"""Decimals of the figures in files: more would be noise of the last bits."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One head against one truth.

    Attributes:
        predictions: what was scored.
        metrics: estimates by metric name, see `mien.evaluation.metrics.metrics_of`.
        without_repeats: whether the pictures that training has a near duplicate of were left out.
    """

    predictions: Predictions
    metrics: dict[str, Estimate]
    without_repeats: bool = False

    @property
    def name(self) -> str:
        """The truth in words."""
        return f"{self.predictions.truth}, without repeats" if self.without_repeats else self.predictions.truth


@dataclass(frozen=True)
class Asked:
    """What to evaluate.

    Attributes:
        data: the labelled table; None where a file of predictions stands alone.
        split: of the data; None for `DEFAULT_SPLIT`, or for that of a file of predictions.
        heads: names of heads; empty for all that have a truth.
        truth: only this one, see `mien.evaluation.truths.Truth.name`; None for all.
        columns: of the data, to audit by.
        task: what the columns of another tool's .csv mean.
        resamples: of the bootstrap.

    Raises:
        UsageError: no truth has that name.
    """

    data: Path | None
    split: str | None = None
    heads: tuple[str, ...] = ()
    truth: str | None = None
    columns: tuple[str, ...] = ()
    task: Task = "single"
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        if self.truth is not None and self.truth not in TRUTHS:
            raise unknown_name("truth", self.truth, TRUTHS)

    def table(self) -> Path:
        """Return the labelled table.

        Raises:
            UsageError: there is none.
        """
        if self.data is None:
            raise UsageError("a model needs labelled pictures to be scored on: mien evaluate MODEL DATA")
        return self.data


def read_split(asked: Asked, session: Session, *, with_groups: bool = True) -> tuple[Samples, Groups]:
    """Read the pictures of the split as the model wants them, and what else is known of each.

    Args:
        asked: data, split and columns.
        session: whose crops are made.
        with_groups: whether to look for repeats, quality and columns; otherwise the groups are empty.

    Raises:
        DataError: the data is not what it should be, or has no such split, or it is empty, or names within it repeat.
        UsageError: no data is given, the model has no such head, or the data no such column, or one of too many groups.
    """
    for name in asked.heads:  # what is wrong is told before the long work
        session.card.head(name)
    path, split = asked.table(), asked.split or DEFAULT_SPLIT
    table = open_table(path)
    splits = table.split_counts()
    if split not in splits:
        there = f"{', '.join(splits)}; choose one with --split" if splits else "none at all"
        raise DataError(f"{path}: has no pictures of split {split!r}; there are {there}")
    if not with_groups:
        chosen = read_samples(path, spec=session.card.crop, splits={split})
        row_by_id(chosen.ids, source=str(path))
        return chosen, {}
    checked_columns(table, asked.columns)
    training = [] if is_training(split) else [name for name in splits if is_training(name)]
    samples = read_samples(path, spec=session.card.crop, splits={split, *training})
    chosen = samples.of_split(split)
    row_by_id(chosen.ids, source=str(path))
    groups = column_groups(path, chosen.ids, asked.columns, split=split) | quality_groups(chosen)
    check_columns(groups, asked.columns)
    if training:
        groups |= repeated_group(chosen, samples.take(np.isin(samples.split, training)))
    return chosen, groups


def score_model(
    session: Session,
    asked: Asked,
    samples: Samples,
    groups: Groups,
    *,
    on_step: Callable[[int], None] = lambda done: None,
) -> list[Scored]:
    """Score a model.

    Args:
        session: an opened weight file.
        asked: heads, truth and resamples.
        samples: of `read_split`.
        groups: of `read_split`.
        on_step: called with the number of pictures that were just scored, for a progress bar.

    Raises:
        UsageError: no data is given, or there is no such head or truth.
        DataError: no picture has a truth for the model's heads, or names of the pictures repeat.
    """
    data = asked.table().name
    place = row_by_id(samples.ids, source=data)
    scored: list[Scored] = []
    for found in predict_all(session, samples, heads=asked.heads, truth=asked.truth, data=data, on_step=on_step):
        rows = np.array([place[name] for name in found.ids.tolist()])
        grouped = replace(found, groups={name: values[rows] for name, values in groups.items()})
        scored += score_predictions(grouped, resamples=asked.resamples)
    return scored


def score_predictions(predictions: Predictions, *, resamples: int = RESAMPLES) -> list[Scored]:
    """Score predictions, and again without the pictures that training repeats, where that is known."""
    scored = [Scored(predictions, measure(predictions, resamples=resamples))]
    fresh = predictions.groups.get(REPEATED, np.array([])) == "no"
    if 0 < fresh.sum() < len(predictions):
        kept = predictions.take(fresh)
        scored.append(Scored(kept, measure(kept, resamples=resamples), without_repeats=True))
    return scored


def write_summary(rows: Sequence[Scored], path: Path) -> None:
    """Write the figures of whole heads as CSV, with device, commit and date, so that they can be traced.

    Raises:
        OutputError: the file cannot be written.
    """
    lines: list[dict[str, Any]] = []
    for row in rows:
        made = row.predictions
        content: dict[str, Any] = {key: getattr(made, key) for key in ("model", "sha256", "data", "split", "head")}
        content |= {"truth": row.name, "n": len(made)}
        for name, estimate in row.metrics.items():
            if "/" not in name:
                content |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        lines.append(content | facts())
    columns = list(dict.fromkeys(key for line in lines for key in line))
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for line in lines:
            writer.writerow({key: f"{v:.{DIGITS}f}" if isinstance(v, float) else v for key, v in line.items()})


def metrics_json(rows: Sequence[Scored], *, resamples: int = RESAMPLES, more: dict[str, Any] | None = None) -> str:
    """Return all figures as JSON: the same model, data and version of mien give the same bytes.

    No date, device or commit stands in it; those are in the CSV and in the report.

    Args:
        rows: of `score_model` or `score_predictions`.
        resamples: of the bootstrap.
        more: further parts, such as ``{"audit": ...}``; plain types.
    """
    first = rows[0].predictions
    content: dict[str, Any] = {
        "version": 1,
        "model": first.model,
        "sha256": first.sha256,
        "data": first.data,
        "split": first.split,
        "bootstrap_resamples": resamples,
        "interval": 0.95,
        "scores": [_plain(row) for row in rows],
    }
    return json.dumps(rounded(content | (more or {})), indent=1, ensure_ascii=False) + "\n"


def comparison_json(comparison: Comparison) -> str:
    """Return a comparison as JSON; the same two predictions give the same bytes."""
    return json.dumps(rounded(asdict(comparison)), indent=1, ensure_ascii=False) + "\n"


def rounded(content: Any) -> Any:
    """Return plain types with every float cut to `DIGITS` decimals."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value) for value in content]
    return round(content, DIGITS) if isinstance(content, float) else content


def _plain(row: Scored) -> dict[str, Any]:
    made = row.predictions
    content: dict[str, Any] = {
        "head": made.head,
        "task": made.task,
        "truth": made.truth,
        "without_repeats": row.without_repeats,
        "n": len(made),
        "labels": list(made.labels),
        "pictures_by_label": _counts(made),
        "temperature": made.temperature,
        "metrics": {name: [each.value, each.low, each.high] for name, each in row.metrics.items()},
        "before_temperature": before_temperature(made),
    }
    if made.thresholds is not None:
        content["thresholds"] = list(made.thresholds)
    if made.task == "single":
        content["confusion"] = confusion(made).tolist()
        if made.unsure_below is not None:
            content["unsure"] = stated_and_found(made)
    return content


def before_temperature(predictions: Predictions) -> dict[str, float]:
    """Return what the metrics of calibration were without the temperature."""
    found = metrics_of(replace(predictions, scores=uncalibrated(predictions)))
    return {name: found[name] for name in ("ece", "classwise_ece", "nll", "brier") if name in found}


def _counts(predictions: Predictions) -> dict[str, int]:
    targets: NDArray[Any] = predictions.targets
    if predictions.task == "single":
        counts = np.bincount(targets, minlength=len(predictions.labels))
    else:
        counts = targets.sum(axis=0)
    return dict(zip(predictions.labels, counts.tolist(), strict=True))

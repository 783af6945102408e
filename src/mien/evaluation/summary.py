"""A weight file on a split of FER-2013: every head, every truth, with and without pictures that Training repeats."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.data.duplicates import near_repeated_in
from mien.data.samples import read_samples
from mien.data.table import open_table
from mien.errors import DataError
from mien.evaluation.metrics import Estimate, measure
from mien.evaluation.predictions import predict
from mien.evaluation.truths import truths_of
from mien.files import written_whole
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.provenance import facts

TRAINING = "Training"
"""The split that mien's models were trained on."""


@dataclass(frozen=True)
class SummaryRow:
    """Scores of one head against one truth.

    Attributes:
        model: name of the model.
        sha256: of its file.
        data: name of the data file.
        split: of the data.
        head: name of the head.
        truth: what counted as right; "without repeats" where pictures that Training has a near duplicate of are out.
        n: pictures scored.
        metrics: estimates by metric name.
    """

    model: str
    sha256: str
    data: str
    split: str
    head: str
    truth: str
    n: int
    metrics: dict[str, Estimate]


def summarise(
    model: str, data: Path, *, split: str, head: str | None = None, on_step: Callable[[], None] = lambda: None
) -> list[SummaryRow]:
    """Score a model on a split.

    Args:
        model: a name of the catalogue, or the path of an ONNX file.
        data: the Parquet file of FER-2013 with votes.
        split: Training, PublicTest or PrivateTest.
        head: only this head; None scores all that have a truth here.
        on_step: called after each row, for a progress bar.

    Raises:
        UsageError: no such model or head.
        WeightsError: the weight file is absent or damaged.
        DataError: the data is not what it should be, or has no such split.
    """
    session = Session(emotion_model(model))
    heads = [session.card.head(head)] if head else session.card.heads
    splits = open_table(data).split_counts()
    if split not in splits:
        raise DataError(f"{data}: has no split {split!r}; there are {', '.join(splits)}")
    samples = read_samples(data, spec=session.card.crop, splits={split, TRAINING})
    chosen = samples.of_split(split)
    on_step()
    fresh = np.ones(len(chosen), bool)
    if split != TRAINING and TRAINING in splits:
        fresh = ~near_repeated_in(chosen, samples.of_split(TRAINING))
    on_step()
    fresh_ids = set(chosen.ids[fresh].tolist())
    rows = []
    for each in heads:
        for truth in truths_of(each, chosen):
            predictions = predict(session, chosen, head=each.name, truth=truth)
            kept = np.array([name in fresh_ids for name in predictions.ids.tolist()])
            subsets = [(truth, predictions)]
            if not kept.all():
                subsets.append((f"{truth}, without repeats", predictions.take(kept)))
            for name, subset in subsets:
                card = session.card
                scores = measure(subset)
                rows.append(SummaryRow(card.name, card.sha256, data.name, split, each.name, name, len(subset), scores))
                on_step()
    return rows


def write_summary(rows: Sequence[SummaryRow], path: Path) -> None:
    """Write rows as CSV, with device, commit and date, so that the figures can be traced.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            content = {key: getattr(row, key) for key in ("model", "sha256", "data", "split", "head", "truth", "n")}
            for name, estimate in row.metrics.items():
                content |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
            content |= facts()
            if writer is None:
                writer = csv.DictWriter(file, list(content))
                writer.writeheader()
            writer.writerow({key: f"{v:.6f}" if isinstance(v, float) else v for key, v in content.items()})

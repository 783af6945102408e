"""A model's card and its evaluation, as tables for people."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from mien.console import Console
from mien.errors import WeightsError
from mien.evaluation.wording import BY_LABEL, HEADLINES, as_in_files
from mien.model_card import ModelCard

if TYPE_CHECKING:
    from mien.evaluation.findings import Findings


def card_rows(card: ModelCard) -> Iterator[tuple[str, str]]:
    """Yield what a card says: name of the thing, the thing."""
    yield "name", card.name
    for head in card.heads:
        by_entropy = f", times entropy to the power {head.entropy_power:.2f}" if head.entropy_power else ""
        calibration = f"{head.task}, temperature {head.temperature:.3f}{by_entropy}"
        labels = list(head.labels)
        if head.thresholds:
            labels = [f"{label} from {least:.2f}" for label, least in zip(labels, head.thresholds, strict=True)]
        yield f"head {head.name}", f"{', '.join(labels)} ({calibration})"
    yield "crop", f"{card.crop.size}x{card.crop.size} {card.crop.color}"
    yield "trained on", card.trained_on
    words = {"intended use": card.intended_use, "limits": card.limits, "licence of the data": card.data_license}
    words |= {"licence": card.license, "source": card.source, "make it again": card.retrain, "sha256": card.sha256}
    yield from ((name, text) for name, text in words.items() if text)


def card_figures(card: ModelCard, *, every: bool) -> Table:
    """Return a table of the figures in a card.

    Args:
        card: whose.
        every: all of them; otherwise those that tell most of each head.
    """
    wanted = {head.name: HEADLINES[head.task] for head in card.heads}
    rows, splits = [], []
    for key, value in card.metrics.items():
        split, head, metric = key.split("/", 2)
        if every or metric in wanted.get(head, ()):
            rows.append((head, metric, f"{value:.4f}"))
            splits.append(split)
    where = ", ".join(dict.fromkeys(splits))
    return _table(f"From the card, on {where}", ("head", "figure", "value"), rows)


def evaluation_tables(card: ModelCard, file: Path) -> list[Table]:
    """Return the tables of an evaluation.

    Args:
        card: of the model.
        file: the metrics.json of `mien evaluate`; none where there is no such file.

    Raises:
        WeightsError: the file is none, or is about another model file.
    """
    if not file.is_file():
        return []
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["sha256"] != card.sha256:
            raise WeightsError(
                f"{file}: is the evaluation of another file (SHA-256 {content['sha256'][:12]}, this one is "
                f"{card.sha256[:12]}); evaluate this one, or move the other away"
            )
        return list(_tables(content))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{file}: is no metrics.json of `mien evaluate` ({error!r}); move it away") from error


def _tables(content: dict[str, Any]) -> Iterator[Table]:
    where = f"{content['data']}, {content['split']}"
    scores = [row for row in content["scores"] if not row["without_repeats"]]
    rows = []
    for row in scores:
        rows += [
            (row["head"], row["truth"], str(row["n"]), metric, as_in_files(*row["metrics"][metric]))
            for metric in _with_chance(HEADLINES[row["task"]])
            if metric in row["metrics"]
        ]
    yield _table(f"Measured on {where}, 95 % intervals", ("head", "right answer", "n", "figure", "value"), rows)
    first = {row["head"]: row for row in reversed(scores)}  # the head's default truth
    for row in (row for row in scores if row is first[row["head"]]):
        known, names = row["metrics"], BY_LABEL.get(row["task"], ())
        columns = [name for name in names if any(f"{name}/{label}" in known for label in row["labels"])]
        if columns:
            by_label: list[tuple[str, ...]] = []
            for label in row["labels"]:
                keys = [f"{name}/{label}" for name in columns]
                values = [as_in_files(*known[key]) if key in known else "none here" for key in keys]
                by_label.append((label, str(row["pictures_by_label"][label]), *values))
            yield _table(f"{row['head']} by label ({row['truth']})", ("label", "n", *columns), by_label)
    if content.get("audit"):
        yield _groups_table(content["audit"], "Groups of pictures")
    if content.get("robustness"):
        headings = ("kind", "slightly", "2", "3", "4", "hardly to be seen")
        yield _table("Accuracy on pictures made worse, in per cent", headings, _made_worse(content))


def _with_chance(headlines: Sequence[str]) -> Sequence[str]:
    # A calibration error says little without what chance makes of it.
    return (*headlines, "ece_if_calibrated") if "ece" in headlines else headlines


def print_groups(findings: "Findings", columns: Sequence[str]) -> None:
    """Print the groups of pictures by some columns, or that a column has no groups.

    Args:
        findings: with an audit.
        columns: names of those that were asked for; none prints nothing.
    """
    console = Console()
    first = findings.scored[0].predictions
    rows = [row for row in findings.more()["audit"] if row["column"] in columns]
    if rows:
        console.print(_groups_table(rows, f"Groups of pictures ({first.head}, {first.truth})"))
    for name in columns:
        if all(row["column"] != name for row in rows):
            console.print(f"{name}: all pictures are in one group, so there is nothing to compare", markup=False)


def _groups_table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    lines = [
        (
            row["column"],
            row["group"] or "(none)",
            str(row["n"]),
            as_in_files(row["accuracy"], row["low"], row["high"]),
            row["verdict"],
        )
        for row in rows
    ]
    return _table(title, ("column", "group", "n", "accuracy", "against the others"), lines)


def _made_worse(content: dict[str, Any]) -> list[tuple[str, ...]]:
    kinds: dict[str, list[str]] = {}
    for row in sorted(content["robustness"], key=lambda row: int(row["level"])):
        kinds.setdefault(row["kind"], []).append(f"{100 * row['accuracy']:.1f}")
    return [(kind, *accuracies) for kind, accuracies in kinds.items()]


def _table(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    # Names of files, splits and groups may hold what rich would take for markup.
    table = Table(
        title=escape(title), title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table

"""How `mien data` shows its work and its findings in a terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table as Grid

from mien.console import Console
from mien.errors import UsageError

if TYPE_CHECKING:
    from mien.data import Findings, Problems, Table

BAR_WIDTH = 20
SHOWN_PROBLEMS = 10


def check_table_name(output: Path) -> None:
    """Find out before the work begins whether a table may be called so: by `.csv` others would take it for text.

    Raises:
        UsageError: another ending than .parquet.
    """
    if output.suffix.lower() != ".parquet":
        name = output.with_suffix(".parquet").name
        raise UsageError(f"--output {output}: the table is a Parquet file; give a name that ends so, such as {name}")


def print_problems(problems: "Problems", console: Console) -> None:
    """Print what was left out: how many of each kind, and the first ones by name."""
    if not problems:
        return
    console.print(f"[yellow]left out: {len(problems):,}[/]")
    for kind, count in problems.counts.most_common():
        console.print(f"  {count:,} x {escape(kind)}")
    for problem in problems.found[:SHOWN_PROBLEMS]:
        console.print(f"    {escape(str(problem))}", soft_wrap=True)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"    ... and {len(problems) - SHOWN_PROBLEMS:,} more; --report FILE.html lists them")


def print_table(table: "Table", console: Console) -> None:
    """Print what a table is, without looking at its pictures."""
    meta = table.meta
    grid = Grid.grid(padding=(0, 2))
    facts = [
        ("pictures", f"{table.count:,}"),
        ("splits", ", ".join(f"{split} {count:,}" for split, count in table.split_counts().items())),
        ("label set", f"{meta.label_set.name}: {', '.join(meta.label_set.labels)}"),
        ("votes", ", ".join(meta.votes) or "none"),
        ("layout", meta.layout),
        ("preparation", "; ".join(meta.preparation) or "none"),
        ("licence", meta.license),
    ]
    if meta.scaling is not None:
        low, high = (", ".join(f"{value:g}" for value in values) for values in (meta.scaling.low, meta.scaling.high))
        facts.append(("scaling", f"min-max of {meta.scaling.split}: {low} to {high}"))
    for name, value in facts:
        grid.add_row(f"[bold]{name}[/]", escape(value))
    console.print(grid)


def print_findings(findings: "Findings", labels: tuple[str, ...], console: Console) -> None:
    """Print the balance of the classes as bars, and what the checks found, with counts."""
    console.print(_balance(findings, labels))
    if findings.labels_a_picture is not None:
        console.print(f"labels a picture, where several were asked for: {findings.labels_a_picture:.2f}")
    for near, kind in ((False, "exact duplicates"), (True, "near duplicates (exact ones included)")):
        groups = findings.duplicates.near if near else findings.duplicates.exact
        conflicts = len(findings.conflicts(near=near))
        console.print(
            f"{kind}: {sum(map(len, groups)):,} pictures in {_groups(len(groups))}"
            + (f", [yellow]{_groups(conflicts)} with different labels[/]" if conflicts else "")
        )
    for leak in findings.leaks:
        console.print(
            f"[yellow]leakage: {leak.near:,} of {leak.pictures:,} pictures of {escape(leak.split)} also stand in "
            f"{escape(leak.other)}, {leak.exact:,} of them with the same pixels[/]"
        )
    if len(findings.splits) > 1 and not findings.leaks:
        console.print("leakage: none, no picture stands in two splits")
    if shared := findings.shared_subjects:
        console.print(f"[yellow]leakage: {len(shared):,} subjects stand in more than one split[/]")
    blank = findings.blank
    named = f": {escape(', '.join(blank[:5]))}{', ...' if len(blank) > 5 else ''}" if blank else ""
    console.print(f"blank or single-colour pictures: {len(blank):,}{named}")


def _groups(count: int) -> str:
    return f"{count:,} group{'' if count == 1 else 's'}"


def _balance(findings: "Findings", labels: tuple[str, ...]) -> Grid:
    grid = Grid("class", box=None, padding=(0, 1), header_style="bold")
    balance = findings.balance
    for split in balance:
        grid.add_column(escape(split), justify="right")
    grid.add_column("share of all", no_wrap=True)
    totals = {name: sum(counts[name] for counts in balance.values()) for name in (*labels, None)}
    most = max(totals.values()) or 1  # an empty table, too, has classes to list
    for name, total in totals.items():
        if name is None and not total:
            continue
        bar = "█" * round(BAR_WIDTH * total / most) or "▏"
        share = f"{bar} {100 * total / max(len(findings.rows), 1):.1f} %"
        grid.add_row(escape(name or "(no label)"), *(f"{counts[name]:,}" for counts in balance.values()), share)
    return grid

"""The tables that `mien evaluate` prints, made to fit a terminal of 80 columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mien.evaluation.comparison import Comparison
    from mien.evaluation.summary import Scored

LEAST_NAME = 12
"""A table's first column keeps so many characters, however narrow the terminal is."""


def print_scores(scored: "Sequence[Scored]", *, hint: str) -> None:
    """Print the main figures, a table for each kind of head and a row for each head and truth.

    Args:
        scored: every head against every truth.
        hint: stands behind what was scored.
    """
    from rich.markup import escape
    from rich.table import Table

    from mien.console import Console
    from mien.evaluation.wording import TABLE_METRICS, number, short_name, with_interval

    console = Console()
    first = scored[0].predictions
    console.print(escape(f"{first.model} on {first.split} of {first.data}{hint}"))
    for task, names in TABLE_METRICS.items():
        rows = [row for row in scored if row.predictions.task == task]
        chosen = [name for name in names if any(name in row.metrics for row in rows)]
        if not rows:
            continue
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("right answer", min_width=LEAST_NAME)
        for heading in ("n", *(short_name(name) for name in chosen)):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:
            lead, *rest = chosen
            cells = [with_interval(row.metrics[lead], lead)]
            cells += [number(name, row.metrics[name]) if name in row.metrics else "" for name in rest]
            table.add_row(f"{row.predictions.head}: {row.name}", str(len(row.predictions)), *cells)
        console.print(table)


def print_comparison(found: "Comparison") -> None:
    """Print which of two models is better, metric by metric."""
    from rich.table import Table

    from mien.console import Console
    from mien.evaluation.wording import plain_name

    console = Console()
    console.print(
        f"{found.n:,} pictures, {found.head}: {found.truth}. Only {found.a} has {found.only_a:,} right, only {found.b} "
        f"{found.only_b:,}: McNemar's exact p = {found.p:.2g}. Intervals: paired bootstrap.",
        highlight=False,
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", min_width=LEAST_NAME)
    for heading in (found.a, found.b):
        table.add_column(heading, justify="right", overflow="fold", min_width=6)
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, each in found.differences.items():
        shown = "differs" if each.is_shown else "[dim]not shown[/]"
        interval = f"{each.low:+.4f} to {each.high:+.4f}"
        table.add_row(plain_name(name), f"{each.a:.4f}", f"{each.b:.4f}", f"{each.b - each.a:+.4f}", interval, shown)
    console.print(table)

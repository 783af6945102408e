"""mien models: which weight files there are, what they say about themselves, and getting them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.options import ModelArgument

app = typer.Typer(
    help="The weight files: list them, read their cards, pull those that do not ship with mien.", no_args_is_help=True
)


@app.command("list")
def list_models() -> None:
    """List all weight files that mien knows, and which of them are here."""
    from rich.markup import escape
    from rich.table import Table

    from mien.console import Console
    from mien.inference.weights import CATALOGUE, home

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("name", min_width=max(len(entry.name) for entry in CATALOGUE))  # is never cut
    for heading in ("kind", "size", "licence", "here", "about"):
        table.add_column(heading, overflow="fold")
    for entry in CATALOGUE:
        if entry.url is None:
            here = "ships with mien"
        else:
            here = "pulled" if entry.is_there() else f"no: mien models pull {entry.name}"
        table.add_row(entry.name, entry.kind, f"{entry.size / 1e6:.1f} MB", entry.license, here, entry.about)
    console = Console()
    console.print(table)
    console.print(f"[dim]pulled files lie in {escape(str(home()))} (MIEN_HOME)[/]", soft_wrap=True)


@app.command("show")
def show_model(
    name: ModelArgument,
    every: Annotated[bool, typer.Option("--all", help="Print all figures of the card, some hundreds.")] = False,
) -> None:
    """Print what a weight file says about itself: heads, crop, data, use, limits, licence, checksum, figures.

    Then the tables of the metrics.json of `mien evaluate`, where it lies beside the file as MODEL.json.
    """
    from rich.markup import escape
    from rich.table import Table

    from mien.console import Console
    from mien.inference import weights
    from mien.inference.session import Session

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    more: list[Table] = []
    named = {entry.name: entry for entry in weights.CATALOGUE}
    if name in named and named[name].kind == "detector":
        entry = named[name]
        for key in ("name", "kind", "about", "license", "url", "sha256"):
            table.add_row("licence" if key == "license" else key, str(getattr(entry, key)))
        table.add_row("file", escape(str(entry.path())) if entry.is_there() else "not pulled yet")
    else:
        from mien.cli.model_report import card_figures, card_rows, evaluation_tables

        path = weights.emotion_model(name)
        card = Session(path).card
        for row in card_rows(card):
            table.add_row(*map(escape, row))
        if card.metrics:
            more.append(card_figures(card, every=every))
        more += evaluation_tables(card, path.with_suffix(".json"))
    console = Console()
    console.print(table)
    for each in more:
        console.print()
        console.print(each)


@app.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="A name from `mien models list`.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Take this copy of the file instead of downloading it.")
    ] = None,
) -> None:
    """Get a weight file, check its SHA-256 and put it into the cache folder."""
    from mien.cli.progress import progress_bar
    from mien.inference import weights

    entry = weights.find(name)
    with progress_bar(f"{name}, bytes", total=entry.size, shown=source is None) as advance:
        path = weights.pull(name, source=source, progress=_PoochBar(advance))
    print(f"{name}: {path}")


class _PoochBar:
    """What pooch asks of a progress bar."""

    def __init__(self, advance: Any) -> None:
        self._advance = advance
        self.total = 0

    def update(self, amount: int) -> None:
        self._advance.by(amount)

    def reset(self) -> None:
        """Pooch resets the bar at the end in order to fill it; ours is gone by then."""

    def close(self) -> None:
        """Pooch closes the bar; ours closes with its block."""

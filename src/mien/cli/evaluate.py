"""mien evaluate: how good a weight file is on labelled pictures."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    model: Annotated[str, typer.Argument(help="A name from `mien models list`, or the path of an .onnx file.")],
    data: Annotated[Path, typer.Argument(help="FER-2013 with FER+ votes, one Parquet file.")],
    split: Annotated[str, typer.Option(help="Training, PublicTest or PrivateTest.")] = "PublicTest",
    head: Annotated[str | None, typer.Option(help="Score this head only, such as fer7.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figures to this .csv file.")] = None,
) -> None:
    """Score a model on labelled pictures, one forward pass each, with 95 % bootstrap intervals.

    Rows called "without repeats" leave out pictures of which Training has a near duplicate, exact and mirrored ones
    included.
    """
    from rich.console import Console
    from rich.table import Table

    from mien.errors import import_extra

    import_extra("sklearn", extra="evaluate", purpose="evaluation")
    from mien.cli.progress import progress_bar
    from mien.evaluation.summary import SUMMARY_METRICS, summarise, write_summary
    from mien.files import check_writable

    if output is not None:
        check_writable(output)
    with progress_bar("steps", total=None) as advance:
        rows = summarise(model, data, split=split, head=head, on_step=lambda: advance.by(1))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("head", "truth", "n", *SUMMARY_METRICS):
        table.add_column(heading, justify="left" if heading in ("head", "truth") else "right")
    for row in rows:
        cells = [f"{row.metrics[name].value:.4f}" for name in SUMMARY_METRICS]
        spans = [f"{row.metrics[name].low:.3f}-{row.metrics[name].high:.3f}" for name in SUMMARY_METRICS]
        table.add_row(row.head, row.truth, str(row.n), *cells)
        table.add_row("", "", "", *(f"[dim]{span}[/]" for span in spans))
    Console().print(f"{rows[0].model} on {split} of {data.name}")
    Console().print(table)
    if output is not None:
        write_summary(rows, output)
        print(f"figures: {output}")

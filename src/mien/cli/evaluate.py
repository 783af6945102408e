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
    """Score a model on labelled pictures, one forward pass each, with 95 % bootstrap intervals. Takes about a minute.

    Rows called "without repeats" leave out pictures of which Training has a near duplicate.
    """
    from rich.console import Console
    from rich.table import Table

    from mien.errors import import_extra

    import_extra("sklearn", extra="evaluate", purpose="evaluation")
    from mien.cli.progress import progress_bar
    from mien.evaluation.summary import summarise, write_summary
    from mien.files import check_writable

    if output is not None:
        check_writable(output)
    with progress_bar("steps", total=None) as advance:
        rows = summarise(model, data, split=split, head=head, on_step=lambda: advance.by(1))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("right answer")
    for heading in ("n", "accuracy (95 %)", "balanced", "F1", "top 3", "NLL", "ECE"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        found = row.metrics
        right = found["accuracy"]
        table.add_row(
            f"{row.head}: {row.truth}",
            str(row.n),
            f"{right.value:.2%} ({100 * right.low:.1f}-{100 * right.high:.1f})",
            *(f"{found[name].value:.1%}" for name in ("balanced_accuracy", "macro_f1", "top3_accuracy")),
            *(f"{found[name].value:.3f}" for name in ("nll", "ece")),
        )
    Console().print(f"{rows[0].model} on {split} of {data.name}; --output keeps every interval")
    Console().print(table)
    if output is not None:
        write_summary(rows, output)
        print(f"figures: {output}")

"""The commands of `mien data` that make tables, or folders, out of tables: split, merge, export, rename."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mien.cli.data_output import check_table_name, print_problems, print_table
from mien.cli.options import OverwriteOption, TableOutputOption
from mien.cli.progress import track
from mien.console import Console
from mien.errors import unknown_name

TOGETHER = ("picture", "subject", "duplicates")


def split(
    table: Annotated[Path, typer.Argument(help="The table to split; splits that it has are merged first.")],
    output: TableOutputOption,
    shares: Annotated[str, typer.Option(help="Training/validation/test, in per cent.")] = "80/10/10",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed draws the same splits.")] = 0,
    together: Annotated[
        str,
        typer.Option(
            help="What is never parted: picture (classes keep their exact shares), subject (nobody is in two splits), "
            "duplicates (no near duplicate is in two splits)."
        ),
    ] = "picture",
    overwrite: OverwriteOption = False,
) -> None:
    """Split a table anew, stratified by class.

    Splits that were there, such as train and test, are merged first. Example:

        mien data split faces.parquet --output faces-split.parquet --shares 80/10/10 --seed 1
    """
    from mien.data import check_table, open_table, split_by_duplicates, split_by_picture, split_by_subject, write_splits
    from mien.data.splits import parse_shares

    if together not in TOGETHER:
        raise unknown_name("way to keep pictures together", together, TOGETHER)
    check_table_name(output)
    wanted = parse_shares(shares)
    opened = open_table(table)
    if together == "picture":
        names = split_by_picture(opened, seed=seed, shares=wanted)
    elif together == "subject":
        names = split_by_subject(opened, seed=seed, shares=wanted)
    else:
        names = split_by_duplicates(check_table(opened, track=track), seed=seed, shares=wanted)
    how = f"split {shares} by {together}, seed {seed}"
    made = write_splits(opened, names, output, how=how, overwrite=overwrite, track=track)
    print_table(made, Console())


def merge(
    tables: Annotated[list[Path], typer.Argument(help="The tables to merge, in this order.")],
    output: TableOutputOption,
    labels: Annotated[
        str | None, typer.Option(help="Label set of the result, such as fer7; rows with another label are left out.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Merge tables into one. Labels are matched by name, whatever their order was."""
    from mien.data import merge_tables, open_table
    from mien.labels import label_set

    check_table_name(output)
    target = None if labels is None else label_set(labels)
    merged, left_out = merge_tables(
        [open_table(path) for path in tables], output, labels=target, overwrite=overwrite, track=track
    )
    console = Console()
    print_table(merged, console)
    if left_out:
        console.print(f"[yellow]left out: {left_out:,} pictures whose label {merged.meta.label_set.name} lacks[/]")


def export(
    table: Annotated[Path, typer.Argument(help="The table to write out.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new or empty folder.")],
) -> None:
    """Write a table as class folders, split/label/picture; `--layout folders` reads them back without loss."""
    from mien.data import export_folders, open_table

    count = export_folders(open_table(table), output, track=track)
    Console().print(f"wrote {count:,} pictures below {escape(str(output))}")


def rename(
    folders: Annotated[Path, typer.Argument(help="Class folders, as layout `folders` takes them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the renamed copies.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first file that gets no name.")] = False,
) -> None:
    """Copy pictures from class folders to flat names by class code: angry/x.jpg becomes an_0.jpg.

    The pictures themselves stay where they are, and nothing is ever overwritten.
    """
    from mien.data import Problems
    from mien.data.sources.prefixed import copy_renamed, plan_names

    problems = Problems(strict=strict)
    plan = plan_names(folders, output, problems)
    console = Console()
    print_problems(problems, console)
    if dry_run:
        for renaming in plan:
            console.print(f"{renaming.source} -> {renaming.target}", soft_wrap=True, markup=False, highlight=False)
        console.print(f"{len(plan):,} pictures would be copied; nothing was done")
        return
    copy_renamed(plan, track=track)
    console.print(f"copied {len(plan):,} pictures to {escape(str(output))}")

"""`mien data`: read datasets in the layouts that people have, check them, split and merge them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid

from mien.cli import data_tables
from mien.cli.data_output import check_table_name, print_findings, print_problems, print_table
from mien.cli.options import OverwriteOption, TableArgument, TableOutputOption
from mien.cli.progress import track
from mien.console import Console

if TYPE_CHECKING:
    from mien.data import Preparation, Problems, Source, Table

app = typer.Typer(
    no_args_is_help=True,
    help="Read datasets of faces in any layout, check them, split and merge them.\n\n"
    "Start with: mien data prepare FOLDER --layout folders --output faces.parquet",
)


@app.command()
def layouts() -> None:
    """List the layouts that `mien data prepare` reads."""
    from mien.data import LAYOUTS

    grid = Grid.grid(padding=(0, 2))
    for known in LAYOUTS.values():
        grid.add_row(f"[bold]{known.name}[/]", known.about)
    Console().print(grid)


@app.command()
def prepare(
    source: Annotated[Path, typer.Argument(help="The file or folder that holds the dataset, or a hub name.")],
    layout: Annotated[str, typer.Option("--layout", "-l", help="How it lies on disk; `mien data layouts` lists them.")],
    output: TableOutputOption,
    other: Annotated[
        Path | None, typer.Option(help="The second part: fer2013new.csv for ferplus, other things for face-or-other.")
    ] = None,
    rule: Annotated[
        str, typer.Option(help="ferplus: whose label counts: fer2013, majority or plurality (arg-max) of the votes.")
    ] = "fer2013",
    at_least: Annotated[int, typer.Option(min=1, metavar="N", help="ferplus: votes that make an emotion present.")] = 3,
    threshold: Annotated[
        float | None, typer.Option(help="raf-ml: share above which an emotion is present; by default above 1/6.")
    ] = None,
    hub_split: Annotated[str | None, typer.Option(help="huggingface: only this split.")] = None,
    own_classes: Annotated[
        bool,
        typer.Option("--own-classes", help="folders: names that mien does not know are classes too, as they are."),
    ] = False,
    gray: Annotated[bool, typer.Option("--gray", help="Make every picture gray.")] = False,
    size: Annotated[
        int | None, typer.Option(min=1, max=4096, metavar="N", help="Make every picture a square of so many pixels.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Leave out a class; may be given several times.")] = None,
    drop_duplicates: Annotated[
        bool,
        typer.Option("--drop-duplicates", help="Keep one of each group with the same pixels, test before training."),
    ] = False,
    drop_near_duplicates: Annotated[
        bool, typer.Option("--drop-near-duplicates", help="The same with near duplicates, mirrored ones included.")
    ] = False,
    scale_on: Annotated[
        str | None, typer.Option(help="Fit min-max scaling on this split, stored in the table's metadata.")
    ] = None,
    license_: Annotated[str | None, typer.Option("--license", help="The dataset's licence, for the metadata.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write what was found to this HTML file.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first so many rows of each split.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Make one checked Parquet table of a dataset.

    Rows that cannot be used are counted, named and left out. Example:

        mien data prepare fer2013.csv --layout fer2013-csv --output fer2013.parquet --report fer2013.html
    """
    from mien.data import Preparation, Problems, SourceOptions
    from mien.data import layout as find_layout

    check_table_name(output)
    problems = Problems(strict=strict)
    options = SourceOptions(
        other=other,
        rule=rule,
        at_least=at_least,
        threshold=threshold,
        hub_split=hub_split,
        own_classes=own_classes,
    )
    preparation = Preparation(
        gray=gray,
        size=size,
        drop=tuple(drop or ()),
        license=license_,
        limit=limit,
        duplicates="near" if drop_near_duplicates else "exact" if drop_duplicates else None,
        scale_on=scale_on,
    )
    opened = find_layout(layout).open(source, options, problems)
    table = _prepare(opened, output, preparation, problems, overwrite=overwrite)
    console = Console()
    print_problems(problems, console)
    print_table(table, console)
    name = escape(str(output))
    console.print(f"wrote {name}; look at it with: mien data info {name}")
    if report is not None:  # last: the table is there, also where there is no room for the report
        _write_report(report, table, problems, overwrite=overwrite)
        console.print(f"report: {escape(str(report))}")


@app.command()
def info(
    table: TableArgument,
    report: Annotated[Path | None, typer.Option(help="Write the findings, with pictures, to this HTML file.")] = None,
    checks: Annotated[bool, typer.Option(help="Look at every picture: duplicates, leakage, blanks.")] = True,
    overwrite: OverwriteOption = False,
) -> None:
    """Say what is in a table: balance of the classes, duplicates, leakage between splits, blank pictures."""
    from mien.data import check_table, open_table
    from mien.data.report import write_report

    opened = open_table(table)
    console = Console()
    print_table(opened, console)
    if not checks and report is None:
        return
    findings = check_table(opened, track=track)
    print_findings(findings, opened.meta.label_set.labels, console)
    if report is not None:
        write_report(report, opened, findings, overwrite=overwrite)
        console.print(f"report: {escape(str(report))}")


@app.command()
def show(
    table: TableArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to make: .png, .jpg or .webp.")],
    label: Annotated[str | None, typer.Option(help="Only this class, on a sheet of its own.")] = None,
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    columns: Annotated[int, typer.Option(help="Pictures a row.")] = 12,
    seed: Annotated[int, typer.Option(help="Another seed shows other pictures.")] = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Draw a contact sheet: a row of pictures for each class."""
    from mien.data import open_table
    from mien.data.sheets import draw_sheet, save_sheet

    sheet = draw_sheet(open_table(table), columns=columns, label=label, split=split, seed=seed, track=track)
    save_sheet(sheet, output, overwrite=overwrite)
    Console().print(f"wrote {escape(str(output))}")


app.command()(data_tables.split)
app.command()(data_tables.merge)
app.command()(data_tables.export)
app.command()(data_tables.rename)


def _prepare(
    source: "Source", output: Path, preparation: "Preparation", problems: "Problems", *, overwrite: bool
) -> "Table":
    from mien.data import prepare as prepare_table

    return prepare_table(source, output, preparation, problems=problems, overwrite=overwrite, track=track)


def _write_report(path: Path, table: "Table", problems: "Problems", *, overwrite: bool) -> None:
    from mien.data import check_table
    from mien.data.report import write_report

    write_report(path, table, check_table(table, track=track), problems, overwrite=overwrite)

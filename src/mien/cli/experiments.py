"""mien compare and mien sweep: several recipes beside each other, and one recipe with many values."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.options import DataOption, RecipeArgument, SetOption
from mien.cli.train import interruption_in_words, need_training
from mien.errors import import_extra

if TYPE_CHECKING:
    from mien.experiments.comparison import Compared

LEAST_NAME = 10
"""The first two columns of a comparison keep so many characters, which with all figures make 80 columns at most."""

UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def compare(
    recipes: Annotated[list[Path], typer.Argument(help="Recipes, or folders of finished runs.", metavar="RECIPE...")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="The pictures; needed for recipes that have no finished run, and checked for those that have.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for comparison.csv and comparison.png.")
    ] = Path("runs"),
    runs: Annotated[Path, typer.Option(help="Folder of the runs; each is called as its recipe.")] = Path("runs"),
    set_: SetOption = None,
) -> None:
    """Compare recipes: train those that have no finished run, then one table and one plot.

    Accuracy and F1 on test, or on validation where the run has no test; parameters, multiply-adds and time of a face.

    Example: mien compare recipes/csv-*.toml --data fer2013.parquet
    """
    need_training()
    from mien.experiments.comparison import compare as compare_runs
    from mien.experiments.comparison import write_comparison
    from mien.files import check_writable

    check_writable(output / "comparison.csv")
    with interruption_in_words("the same command goes on"):
        rows = compare_runs(recipes, data, runs=runs, changes=set_ or ())
    if not rows:  # another process of the same run reports
        return
    write_comparison(rows, output)
    print_comparison(rows)
    print(f"with intervals: {output / 'comparison.csv'}; plot: {output / 'comparison.png'}")


def print_comparison(rows: "Sequence[Compared]") -> None:
    """Print the main figures and the costs, a table for each kind of head and a row for each run."""
    from rich.markup import escape
    from rich.table import Table

    from mien.console import Console
    from mien.evaluation.wording import short_name
    from mien.experiments.comparison import SHOWN, told_apart

    console = Console()
    names = dict(zip((row.run for row in rows), told_apart(rows), strict=True))
    for task, shown in SHOWN.items():
        those = [row for row in rows if row.task == task]
        metrics = [metric for metric in shown if any(metric in row.metrics for row in those)]
        if not those:
            continue
        table = Table(box=None, header_style="bold", pad_edge=False)
        longest = max(len(names[row.run]) for row in those)
        table.add_column("model", overflow="fold", min_width=min(longest, LEAST_NAME))
        table.add_column("scored on", overflow="fold", min_width=LEAST_NAME)
        for heading in (*(short_name(metric) for metric in metrics), "size", "work", "ms"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in those:
            values = [f"{row.metrics[metric].value:.3f}" if metric in row.metrics else "" for metric in metrics]
            costs = (three_digits(row.parameters), three_digits(row.multiply_adds), f"{row.latency_ms:.2f}")
            scored_on = f"{row.head}, {row.n:,} of {row.role}"
            table.add_row(escape(names[row.run]), escape(scored_on), *values, *costs)
        console.print(table)
    console.print("[dim]size: parameters; work: multiply-adds; ms: one face on one CPU thread[/]")


def three_digits(count: int) -> str:
    """Return a count so that columns stay narrow, such as ``"41 k"``, ``"1.59 M"`` or ``"19.6 G"``."""
    unit, letter = next((unit, letter) for unit, letter in UNITS if count >= 0.9995 * unit or letter == "k")
    return f"{count / unit:.3g} {letter}"


def sweep(
    recipe: RecipeArgument,
    data: DataOption,
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those of an earlier call included.")] = 20,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="What to try: KEY=LOW..HIGH, KEY=LOW..HIGH:log or 'KEY=A|B|C' (in quotes, for the shell). May be "
            "given again; where not given: learning rate, weight decay and augmentation.",
        ),
    ] = None,
    set_: SetOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the sweep; sweeps/NAME of the recipe.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="Database for several machines, such as postgresql://...; a file where not given."),
    ] = None,
) -> None:
    """Try other values for a recipe, ending hopeless trials early. The same command goes on with an interrupted sweep.

    Leaves every trial as CSV and XLSX, plots of history and importance, and the best recipe.

    Example: mien sweep recipes/csv-cnn.toml --data fer2013.parquet --search 'model.dropout=0.1|0.25|0.4'
    """
    need_training()
    for module in ("optuna", "openpyxl"):
        import_extra(module, extra="train", purpose="a sweep")
    from mien.experiments.search_space import parse_search, usual_search
    from mien.experiments.sweep import sweep as run_sweep
    from mien.training.recipe_files import read_recipe

    read = read_recipe(recipe, set_ or ())
    searched = tuple(parse_search(text) for text in search) if search else usual_search(read)
    folder = output or Path("sweeps") / read.name
    with interruption_in_words("the same command goes on with another trial"):
        study = run_sweep(recipe, data, searched, folder, trials=trials, changes=set_ or (), storage=storage)
    print(f"best score {study.best_value:.4f} with")
    for key, value in study.best_params.items():
        print(f"  {key} = {value}")
    print(f"all trials: {folder / 'trials.xlsx'}; best recipe: {folder / 'best.toml'}")

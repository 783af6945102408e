"""mien train and mien export: a recipe becomes a run, a run becomes a weight file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.options import DataOption, RecipeArgument, SetOption
from mien.errors import UsageError, import_extra

if TYPE_CHECKING:
    from mien.experiments.finishing import Score


def train(
    recipe: RecipeArgument,
    data: DataOption,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; runs/NAME of the recipe where not given.")
    ] = None,
    set_: SetOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
) -> None:
    """Train a model by a recipe, export it and score it.

    Fits on the training split, chooses epoch, temperatures and thresholds on the validation split.

    Then scores the exported file on validation and test.

    A checkpoint is written every epoch; after an interruption, the same command with --resume goes on.

    Example: mien train recipes/csv-cnn.toml --data fer2013.parquet --set loop.epochs=3
    """
    need_training()
    from mien.training.recipe_files import read_recipe

    read = read_recipe(recipe, set_ or ())
    folder = output or Path("runs") / read.name
    from mien.experiments.training_run import run_recipe
    from mien.training.curves import read_curves
    from mien.training.run_folder import RunFolder

    RunFolder(folder).check_spares(recipe)
    with interruption_in_words("go on with --resume"):
        run, scores = run_recipe(read, data, folder, resume=resume)
    if scores is None:  # another process of the same run reports
        return
    if run.curves.is_file():
        print(read_curves(run.curves).in_words())
    print_scores(scores)
    print(f"run: {run.path}\nmodel: {run.model}\nuse it: mien analyze PICTURE --model {run.model}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run; with --weights, a recipe.")],
    data: DataOption,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .onnx file to write.")],
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Weights of the recipe (.safetensors), where there is no run of it."),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="8-bit weights and activations: a quarter of the size, faster on CPUs with VNNI."),
    ] = False,
) -> None:
    """Export a trained network as one ONNX file with its card: temperatures and thresholds fitted on validation."""
    need_training()
    from mien.console import Console
    from mien.experiments.roles import read_roles
    from mien.export import export_network
    from mien.files import check_writable
    from mien.row_files import check_ending
    from mien.training.networks.building import load_network, trained_network
    from mien.training.recipe_files import read_recipe
    from mien.training.run_folder import RunFolder
    from mien.training.run_pictures import check_pictures, digests_of
    from mien.training.weights_file import how_trained

    check_ending(output, (".onnx",))
    check_writable(output)
    finished: RunFolder | None = None
    if weights is None:
        if run.is_file():
            raise UsageError(f"{run}: is no folder of a run; a recipe needs --weights FILE.safetensors beside it")
        finished = RunFolder(run)
        recipe, network = load_network(finished)
        weights = finished.weights
    elif run.is_dir():
        raise UsageError(f"{run}: is the folder of a run, which has its weights; leave --weights out")
    else:
        recipe = read_recipe(run)
        network = trained_network(recipe, weights)
    roles = read_roles(recipe, data, roles=("training", "validation") if int8 else ("validation",))
    if finished is not None:
        check_pictures(finished, digests_of(roles), remedy="give the table that it was made with")
    with Console(stderr=True).status("exporting the model"):
        card = export_network(
            recipe, network, roles["validation"], output, trained=how_trained(weights), int8_with=roles.get("training")
        )
    print(f"{output}: {card.name}, SHA-256 {card.sha256}")


@contextmanager
def interruption_in_words(remedy: str) -> Iterator[None]:
    """Say in one line on standard error that work was ended by Ctrl+C, or training by SIGTERM, and how to go on.

    Args:
        remedy: how.
    """
    from mien.training.interruption import InterruptedRun
    from mien.training.run import process_rank

    try:
        yield
    except InterruptedRun as stop:
        if stop.first_process:
            print(f"mien: {stop.in_words()}; {remedy}", file=sys.stderr)
        raise
    except KeyboardInterrupt:  # before the training, or after it
        if process_rank() == 0:
            print(f"mien: interrupted; {remedy}", file=sys.stderr)
        raise


def need_training() -> None:
    """Make sure that what training needs is installed.

    Raises:
        MissingExtraError: it is not.
    """
    for module in ("torch", "lightning", "pydantic", "onnxscript", "sklearn", "matplotlib"):
        import_extra(module, extra="train", purpose="training")


def print_scores(scores: list["Score"]) -> None:
    """Print the main figures of a run, a row for each head and split."""
    from rich.table import Table

    from mien.console import Console
    from mien.evaluation.wording import HEADLINES, number, plain_name, with_interval

    rows: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        rows.setdefault((score.role, score.head), []).append(score)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("split", "head", "right answer", "n", "figures (95 % interval)"):
        table.add_column(heading, justify="right" if heading == "n" else "left")
    for (role, head), found in rows.items():
        by_name = {score.metric: score.estimate for score in found}
        # A head of two or three labels has no top 3.
        shown = next(names for names in HEADLINES.values() if by_name.keys() >= {*names} - {"top3_accuracy"})
        words = [f"{plain_name(shown[0])} {with_interval(by_name[shown[0]], shown[0])}"]
        words += [f"{plain_name(name)} {number(name, by_name[name])}" for name in shown[1:] if name in by_name]
        table.add_row(role, head, found[0].truth, str(found[0].n), ", ".join(words))
    Console().print(table)

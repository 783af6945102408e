"""mien train and mien export: a recipe becomes a run, a run becomes a weight file."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option("--data", help="FER-2013 with FER+ votes, one Parquet file.")]


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as recipes/mien-compact.toml.")],
    data: Data,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; runs/NAME of the recipe where not given.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
) -> None:
    """Train a model by a recipe: fits on Training, chooses the epoch on PublicTest, never sees PrivateTest.

    Checkpoints are written every epoch; after an interruption, the same command with --resume goes on.
    """
    from mien.data.samples import read_samples
    from mien.errors import import_extra
    from mien.model_card import FER2013_CROP

    for module in ("torch", "lightning", "pydantic"):
        import_extra(module, extra="train", purpose="training")
    from mien.training.recipe import read_recipe
    from mien.training.run import train as train_run

    folder = output or Path("runs") / read_recipe(recipe).name
    samples = read_samples(data, spec=FER2013_CROP, splits=("Training", "PublicTest"))
    weights = train_run(recipe, samples.of_split("Training"), samples.of_split("PublicTest"), folder, resume=resume)
    print(f"weights of the best epoch: {weights}\nnext: mien export {folder} --data {data} --output {folder.name}.onnx")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .onnx file to write.")],
) -> None:
    """Export a run as one ONNX file with its card: temperatures fitted and scores measured on PublicTest."""
    from mien.data.samples import read_samples
    from mien.errors import import_extra
    from mien.model_card import FER2013_CROP

    for module in ("torch", "lightning", "onnxscript"):
        import_extra(module, extra="train", purpose="exporting")
    from mien.export import export_run

    card = export_run(run, read_samples(data, spec=FER2013_CROP, splits=("PublicTest",)), output, spec=FER2013_CROP)
    print(f"{output}: {card.name}, SHA-256 {card.sha256}")

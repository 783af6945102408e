"""What several commands ask for, in the same words."""

from pathlib import Path
from typing import Annotated

import typer

MODEL = "A name from `mien models list`, or the path of an .onnx file."
TABLE = "A table made by `mien data prepare`, or FER-2013's Parquet file."

ModelOption = Annotated[str, typer.Option("--model", "-m", help=MODEL)]
ModelArgument = Annotated[str, typer.Argument(help=MODEL)]

LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        "-l",
        help="The head that answers. mien's own have [b]fer7[/] (seven emotions, the default), [b]ferplus8[/] (with "
        "contempt) or [b]multilabel8[/] (several a face).",
    ),
]

DetectorOption = Annotated[
    str,
    typer.Option(
        "--detector",
        "-d",
        help="[b]yunet[/] (best; once: mien models pull yunet), [b]haar[/] (built in), "
        "[b]auto[/] (yunet where pulled, else haar).",
    ),
]
DetectorOrWholeOption = Annotated[
    str,
    typer.Option(
        "--detector",
        "-d",
        help="[b]auto[/], [b]yunet[/] or [b]haar[/] as in `mien analyze`, or [b]whole[/]: a picture is one face.",
    ),
]

TableArgument = Annotated[Path, typer.Argument(help=TABLE)]
TableOutputOption = Annotated[Path, typer.Option("--output", "-o", help="The Parquet table to make.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the output where it exists.")]

RecipeArgument = Annotated[Path, typer.Argument(help="A recipe, such as recipes/mien-compact.toml.")]
DataOption = Annotated[Path, typer.Option("--data", help=f"The pictures. {TABLE}")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another value for a key of the recipe, such as loop.epochs=3."),
]

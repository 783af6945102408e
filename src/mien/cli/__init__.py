"""The command line. Each command lives in a module of its own and imports what it needs when it runs."""

import io
import os
import sys
from typing import Annotated

import typer

from mien import __version__
from mien.cli import analyze, data, evaluate, experiments, explain, models, serve, train, video
from mien.errors import MienError

app = typer.Typer(
    name="mien",
    help="Facial emotion recognition: find faces, say what they show; train, measure and export the models that do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
app.command("analyze")(analyze.analyze)
app.command("video")(video.video)
app.command("evaluate")(evaluate.evaluate)
app.command("explain")(explain.explain)
app.command("serve")(serve.serve)
app.command("train")(train.train)
app.command("export")(train.export)
app.command("compare")(experiments.compare)
app.command("sweep")(experiments.sweep)
app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")

_debug = False


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    global _debug
    _debug = debug


def main() -> None:
    """Run the command line; an error is one line on standard error and an exit code of 1 or 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may hold what no terminal can show
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except MienError as error:
        if _debug or os.environ.get("MIEN_DEBUG"):
            raise
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

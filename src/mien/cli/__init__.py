"""The command line. Each command lives in a module of its own and imports what it needs when it runs."""

import contextlib
import errno
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

UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EPIPE)
"""What a system says where it cannot write; other errors of it are nobody's output."""

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
    if os.environ.get("COLUMNS") == "0":  # as some shells without a terminal have it: no table would have any room
        del os.environ["COLUMNS"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may hold what no terminal can show
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:  # closed by the shell
                sys.stdout.flush()  # what cannot be written is told below, not by the interpreter as it ends
    except MienError as error:
        if _wants_traceback():
            raise
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        # Commands tell of their own files; what names none and could not be written is standard output.
        if error.filename is not None or error.errno not in UNWRITTEN or _wants_traceback():
            raise
        _let_go_of_output()
        if error.errno != errno.EPIPE:  # whoever reads no further, such as head, is no problem
            print(
                f"mien: standard output cannot be written ({error.strerror}); make room, or send it elsewhere",
                file=sys.stderr,
            )
        sys.exit(1)


def _wants_traceback() -> bool:
    return _debug or bool(os.environ.get("MIEN_DEBUG"))


def _let_go_of_output() -> None:
    # The interpreter would try once more as it ends, and tell of it.
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)

"""What commands share: the program, and the arguments that several take."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AnalysisFile", "Components", "Folder", "Out", "Show", "Which", "app", "command_line"]

app = typer.Typer(
    name="dopafit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What do your data say about the baseline, the peak and the trough?",
)

AnalysisFile = Annotated[Path, typer.Argument(metavar="ANALYSIS.yaml", help="The analysis file.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Run folder; made if missing.")]
Which = Annotated[
    str, typer.Option("--hypothesis", "--drive", help="Which hypothesis of the analysis.")
]


def _load_components(paths: list[Path] | None) -> list[Path] | None:
    for path in paths or ():
        from dopafit.core.outside import load_components

        load_components(path)
    return paths


Components = Annotated[
    list[Path] | None,
    typer.Option(
        "--components",
        metavar="FILE.py",
        callback=_load_components,
        help="Your own kernels, drives or channels: a Python file, which is run; may be repeated.",
    ),
]
Show = Annotated[
    str, typer.Option("--progress", help="auto, terminal, log or silent.", metavar="HOW")
]


def _say_version(asked: bool) -> None:
    if asked:
        from dopafit import __version__

        typer.echo(f"dopafit {__version__}")
        raise typer.Exit


@app.callback()
def _front(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    pass


def command_line() -> str:
    """Return what was typed, for the record."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])

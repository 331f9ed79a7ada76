"""Commands that bring studies: from a device's own files, or by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dopafit.cli.shared import app

data = typer.Typer(no_args_is_help=True, help="Data sets by name.")
app.add_typer(data, name="data")
convert = typer.Typer(no_args_is_help=True, help="Make a study from a device's own files.")
app.add_typer(convert, name="convert")


@convert.command("fed3")
def convert_fed3_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Logs, or folders.")],
    out: Annotated[Path, typer.Option("--out", metavar="STUDY", help="Folder of the new study.")],
    subjects: Annotated[
        Path | None,
        typer.Option(
            "--subjects",
            metavar="TABLE.csv",
            help="Who was in the cage: columns file, subject, and covariates of the sessions.",
        ),
    ] = None,
    session_type: Annotated[
        list[str] | None,
        typer.Option("--session-type", help="Keep only this session type; may be repeated."),
    ] = None,
    active: Annotated[
        str | None,
        typer.Option("--active", help="Rewarded side, if the logs do not say: left, right, both."),
    ] = None,
) -> None:
    """Make a study folder from FED3 home-cage logs.

    Exit status 0: written; 2: a log cannot be used, and nothing was written.
    """
    from dopafit.study.fed3_convert import convert_fed3

    study = convert_fed3(files, out, subjects=subjects, session_types=session_type, active=active)
    typer.echo(repr(study))
    typer.echo(study.description)
    typer.echo(f"written to {out}; dopafit validate {out} shows what is in it")


@data.command("list")
def data_listcommand_line() -> None:
    """Name the data sets that can be fetched."""
    from dopafit.study.datasets import list_datasets

    for name in list_datasets():
        typer.echo(name)


@data.command("fetch")
def data_fetch_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set of `dopafit data list`.")],
) -> None:
    """Fetch a data set, check its checksums, and say its licence and how to cite it."""
    from dopafit.study.datasets import describe, fetch

    typer.echo(describe(name))
    typer.echo(f"in {fetch(name)}")

"""Commands that make a run folder, or add to one."""

from __future__ import annotations

from typing import Annotated

import typer

from dopafit.cli.shared import AnalysisFile, Components, Folder, Out, Show, Which, app, command_line


@app.command("run")
def run_command(
    analysis: AnalysisFile, out: Out, progress: Show = "auto", components: Components = None
) -> None:
    """Fit every hypothesis of an analysis, check, compare, draw figures and write the report.

    Exit status 0: every fit converged; 3: the report is written, but a fit did not converge.
    """
    from dopafit.model.analysis import read_analysis

    found = read_analysis(analysis)  # a typo is said before the libraries are loaded

    from dopafit.report.folder import read_recovery
    from dopafit.report.record import fit_warnings
    from dopafit.report.run import run

    result = run(found, out, progress=progress, command=command_line())
    for name, fit in result.fits.items():
        typer.echo(f"{name}: {fit.verdict.stamp}")
    if result.comparison is not None:
        typer.echo(str(result.comparison))
    recovery = read_recovery(out).get("warning") if result.comparison is not None else ""
    for text in filter(None, (*fit_warnings(result.fits), recovery)):
        typer.echo(f"warning: {text}", err=True)
    typer.echo(f"report: {result.report}")
    if not result.converged:
        raise typer.Exit(3)


@app.command("fit")
def fit_command(
    analysis: AnalysisFile,
    hypothesis: Which,
    out: Out,
    progress: Show = "auto",
    components: Components = None,
) -> None:
    """Fit one hypothesis of an analysis into a run folder.

    Exit status 0: converged; 3: written, but not converged.
    """
    from dopafit.model.analysis import read_analysis

    found = read_analysis(analysis)

    from dopafit.fit.progress import auto_progress
    from dopafit.report.run import run_fits

    with auto_progress(mode=progress) as show:
        fits, *_ = run_fits(found, out, show, hypotheses=(hypothesis,), command=command_line())
    typer.echo(str(fits[hypothesis].verdict))
    typer.echo(repr(fits[hypothesis]))
    if not fits[hypothesis].verdict.converged:
        raise typer.Exit(3)


@app.command("multiverse")
def multiverse_command(
    analysis: AnalysisFile,
    out: Out,
    full: Annotated[
        bool, typer.Option("--full", help="Sample every specification; by default, explore.")
    ] = False,
    progress: Show = "auto",
    components: Components = None,
) -> None:
    """Ask the same by other analyses that are as defensible: one table, one figure.

    Exit status 0: every specification can be used; 3: all is written, but one cannot.
    """
    from dopafit.model.analysis import read_analysis

    found = read_analysis(analysis)

    from dopafit.fit.progress import auto_progress
    from dopafit.report.multiverse import run_multiverse

    show = auto_progress(mode=progress)
    result = run_multiverse(found, out, show, full=full, command=command_line())
    for text in result.summary:
        typer.echo(text)
    typer.echo(f"written to {out}: multiverse.csv, multiverse.pdf")
    if not result.trusted:
        raise typer.Exit(3)


@app.command("recover")
def recover_command(
    analysis: AnalysisFile,
    out: Out,
    models: Annotated[
        bool, typer.Option("--models", help="Which hypothesis is chosen where another is true.")
    ] = False,
    studies: Annotated[
        int, typer.Option("--studies", min=1, help="Studies simulated from each hypothesis.")
    ] = 20,
    progress: Show = "auto",
    components: Components = None,
) -> None:
    """Simulate studies on the design of an analysis and say whether hypotheses can be told apart.

    Exit status 0: each is chosen in at least 80 % of the studies where it is true; 3: not so, and
    comparisons in the same folder carry that warning.
    """
    from dopafit.core.errors import SpecError
    from dopafit.model.analysis import read_analysis

    if not models:
        raise SpecError(
            "recover: nothing says what is to be recovered",
            allowed="--models: which hypothesis is chosen where another is true",
            todo="add --models",
        )
    found = read_analysis(analysis)

    from dopafit.fit.progress import auto_progress
    from dopafit.report.recovered import run_recovery

    show = auto_progress(mode=progress)
    result = run_recovery(found, out, show, studies=studies, command=command_line())
    typer.echo(repr(result))
    typer.echo(f"written to {out}: model_recovery.csv, model_recovery.pdf")
    if result.poor:
        raise typer.Exit(3)


@app.command("compare")
def compare_command(
    folder: Folder,
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="What is left out: session, subject, future or trial."),
    ] = None,
    progress: Show = "auto",
    components: Components = None,
) -> None:
    """Compare the fits of a run folder by leave-one-out; dopafit report then shows it."""
    from dopafit.fit.progress import auto_progress
    from dopafit.report.folder import read_recovery
    from dopafit.report.run import compare_folder

    typer.echo(str(compare_folder(folder, unit=unit, show=auto_progress(mode=progress))))
    if text := read_recovery(folder).get("warning"):
        typer.echo(f"warning: {text}", err=True)


@app.command("report")
def report_command(
    folder: Folder,
) -> None:
    """Write the report of a run folder again.

    methods.md and checklist.md are written again as well: copy them before you edit them.
    """
    from dopafit.report.set.html import write_report

    typer.echo(f"report: {write_report(folder)}")

"""Commands that look at a claim, a study or this machine, and that simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dopafit.cli.shared import AnalysisFile, Components, Which, app


@app.command("explore")
def explore_command(
    analysis: AnalysisFile,
    hypothesis: Which,
    components: Components = None,
) -> None:
    """Look at one hypothesis's posterior quickly and approximately; nothing is written.

    Exit status 0: usable for exploring; 3: its importance weights say that it is not.
    """
    from dopafit.model.analysis import read_analysis

    found = read_analysis(analysis)

    from dopafit.fit.explore import explore
    from dopafit.report.opening import open_study
    from dopafit.report.run import chosen_hypotheses

    (name,) = chosen_hypotheses(found, (hypothesis,))
    study = open_study(found).study
    fit = explore(
        found.claims(study)[name],
        study,
        seed=found.seed,
        backend=found.sampling.backend,
    )
    typer.echo(str(fit.verdict))
    typer.echo(repr(fit))
    if not fit.verdict.usable:
        raise typer.Exit(3)


@app.command("simulate")
def simulate_command(
    analysis: AnalysisFile,
    out: Annotated[Path, typer.Option("--out", metavar="STUDY", help="Folder of the new study.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Source of randomness.")],
    components: Components = None,
) -> None:
    """Simulate an analysis: write a study folder with truth.json beside it."""
    from dopafit.report.simulated import simulate_folder

    study, truth = simulate_folder(analysis, out, seed=seed)
    typer.echo(repr(study))
    typer.echo(f"written to {out}; the truth is in {truth}")


@app.command("validate")
def validate_command(
    path: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A study folder, or an analysis file.")
    ],
    components: Components = None,
) -> None:
    """Print what a study holds and everything that is wrong with it; of an analysis, the claim too.

    Exit status 0: sound; 2: not.
    """
    if path.is_file() and path.suffix in (".yaml", ".yml") and path.name != "study.yaml":
        from dopafit.report.opening import validate_analysis

        typer.echo(validate_analysis(path))
        return

    from dopafit.study.validate import validate

    report = validate(path)
    typer.echo(str(report))
    if not report.ok:
        raise typer.Exit(2)


@app.command("doctor")
def doctorcommand_line() -> None:
    """Check that this machine can fit. Exit status 0: yes; 1: no."""
    from dopafit.report.doctor import examine

    ok = True
    for check in examine():
        typer.echo(("ok    " if check.ok else "FAIL  ") + f"{check.name}: {check.found}")
        if not check.ok:
            ok = False
            typer.echo(f"      {check.todo}")
    if not ok:
        raise typer.Exit(1)

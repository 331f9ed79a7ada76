"""The command line: parse, call, print."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

app = typer.Typer(
    name="dopafit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What do your data say about the baseline, the peak and the trough?",
)
data = typer.Typer(no_args_is_help=True, help="Data sets by name.")
app.add_typer(data, name="data")
convert = typer.Typer(no_args_is_help=True, help="Make a study from a device's own files.")
app.add_typer(convert, name="convert")

AnalysisFile = Annotated[Path, typer.Argument(metavar="ANALYSIS.yaml", help="The analysis file.")]
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


def _command() -> str:
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


@app.command("run")
def run_command(
    analysis: AnalysisFile, out: Out, progress: Show = "auto", components: Components = None
) -> None:
    """Fit every hypothesis of an analysis, check, compare, draw figures and write the report.

    Exit status 0: every fit converged; 3: the report is written, but a fit did not converge.
    """
    from dopafit.model.analysis import read_analysis

    found = read_analysis(analysis)  # a typo is said before the libraries are loaded

    from dopafit.report.record import fit_warnings
    from dopafit.report.run import run

    result = run(found, out, progress=progress, command=_command())
    for name, fit in result.fits.items():
        typer.echo(f"{name}: {fit.verdict.stamp}")
    if result.comparison is not None:
        typer.echo(str(result.comparison))
    for text in fit_warnings(result.fits):
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
        fits, *_ = run_fits(found, out, show, hypotheses=(hypothesis,), command=_command())
    typer.echo(str(fits[hypothesis].verdict))
    typer.echo(repr(fits[hypothesis]))
    if not fits[hypothesis].verdict.converged:
        raise typer.Exit(3)


@app.command("explore")
def explore_command(
    analysis: AnalysisFile,
    hypothesis: Which,
    method: Annotated[str, typer.Option("--method", help="laplace or pathfinder.")] = "laplace",
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
        method=method,
        backend=found.sampling.backend,
    )
    typer.echo(str(fit.verdict))
    typer.echo(repr(fit))
    if not fit.verdict.usable:
        raise typer.Exit(3)


@app.command("compare")
def compare_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="What is left out: session, subject or trial."),
    ] = None,
    progress: Show = "auto",
    components: Components = None,
) -> None:
    """Compare the fits of a run folder by leave-one-out; dopafit report then shows it."""
    from dopafit.fit.progress import auto_progress
    from dopafit.report.run import compare_folder

    typer.echo(str(compare_folder(folder, unit=unit, show=auto_progress(mode=progress))))


@app.command("report")
def report_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")],
) -> None:
    """Write the report of a run folder again.

    methods.md and checklist.md are written again as well: copy them before you edit them.
    """
    from dopafit.report.set.html import write_report

    typer.echo(f"report: {write_report(folder)}")


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
def doctor_command() -> None:
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
def data_list_command() -> None:
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


STOPPED = "stopped; what was finished is kept, no file is half-written; the same command goes on"


@contextlib.contextmanager
def _stoppable() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP stop a command the way Ctrl-C does; collect them."""
    caught = [int(signal.SIGINT)]
    before = {}

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        answer = signal.getsignal(signal.SIGINT)  # while it samples, the sampler's
        if not callable(answer):
            raise KeyboardInterrupt
        answer(signal.SIGINT, frame)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # not nohup's
                before[number] = signal.signal(number, stop)
    try:
        yield caught
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _misuse(error: typer.TyperException) -> str:
    """Return what the parser found wrong with the words typed, in our three parts."""
    from dopafit.core.errors import DopafitError, suggest

    context = getattr(error, "ctx", None)
    if context is None:
        return str(error)
    command, path = context.command, context.command_path
    verbs = getattr(command, "commands", {})
    options = [word for one in command.params for word in (*one.opts, *one.secondary_opts)]
    allowed = list(verbs) or [w for w in options if w.startswith("-")]
    wrong = error.format_message().splitlines()[0].partition(" (Possible options")[0]
    wrong = wrong.partition(" Did you mean")[0].rstrip(".")
    wrong, _, rule = wrong.partition(": Input should be ")
    typed = getattr(error, "option_name", "") or (wrong.split("'")[1] if "'" in wrong else "")
    near = "" if typed in allowed else suggest(typed, allowed)
    if wrong.startswith("Missing"):
        near = f"add {typed};"
    accepted = rule.partition(", unable")[0].replace("a valid integer", "a whole number")
    usage = " ".join(context.get_usage().split()).removeprefix("Usage: ")
    return str(
        DopafitError(
            wrong[:1].lower() + wrong[1:],
            allowed=accepted or f"{usage}, with {', '.join(allowed)}",
            todo=f"{near} {path} --help shows what it takes".lstrip(),
        )
    )


def main() -> None:
    """Run the command line; errors a user can act on are printed without a traceback."""
    with _stoppable() as caught:
        _main(caught)


def _main(caught: list[int]) -> None:
    from dopafit.core.errors import DopafitError, StoppedError

    try:
        status = app(standalone_mode=False) or 0
        if status == 130:  # Ctrl-C, of which typer says nothing
            typer.echo(f"\n{STOPPED}", err=True)
    except typer.TyperException as error:
        bare = sys.argv[1:] in ([], ["data"], ["convert"])  # no verb: help, nothing was wrong
        typer.echo(error.format_message() if bare else f"dopafit: {_misuse(error)}", err=True)
        status = 2
    except StoppedError as error:
        typer.echo(f"\n{error}", err=True)
        status = 128 + caught[-1]
    except DopafitError as error:
        typer.echo(f"dopafit: {error}", err=True)
        status = 2
    except OSError as error:
        typer.echo(f"dopafit: {error}", err=True)
        typer.echo("  to do:   check the path, its permissions and the space left", err=True)
        status = 2
    except KeyboardInterrupt:
        typer.echo(f"\n{STOPPED}", err=True)
        status = 128 + caught[-1]
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()

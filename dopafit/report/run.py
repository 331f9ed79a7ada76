"""The whole way: from an analysis file to a run folder with its report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dopafit.check.predict import PredictiveCheck, predictive_check
from dopafit.compare.claim import Claim
from dopafit.compare.fits import compare
from dopafit.compare.loo import Comparison
from dopafit.compare.refit import LIMIT
from dopafit.core.arguments import PATH, takes
from dopafit.core.errors import FitError, SpecError
from dopafit.drive import Drive
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress, auto_progress
from dopafit.model.analysis import Analysis, read_analysis
from dopafit.model.layout.layout import resolved
from dopafit.report import record
from dopafit.report.claimed import answered, kept
from dopafit.report.controlled import added_up, controlled
from dopafit.report.fitted import alone, fit_file, fitted, kept_fit
from dopafit.report.folder import read_answer, read_spec
from dopafit.report.gallery import draw_all
from dopafit.report.opening import Opened, open_study
from dopafit.report.said.lead import decides
from dopafit.report.set.html import write_report

__all__ = ["RunResult", "chosen_hypotheses", "compare_folder", "run", "run_fits"]


@dataclass(frozen=True, eq=False)
class RunResult:
    """What one run made.

    Parameters
    ----------
    folder : Path
        The run folder.
    fits : mapping of str to Fit
        One fit per hypothesis.
    comparison : Comparison or None
        None with a single fit.
    checks : mapping of str to PredictiveCheck
        Posterior predictive check per hypothesis.
    claim : Claim or None
        What the comparison may say, and why not more.
    """

    folder: Path
    fits: Mapping[str, Fit]
    comparison: Comparison | None
    checks: Mapping[str, PredictiveCheck]
    claim: Claim | None

    @property
    def converged(self) -> bool:
        """Whether every fit converged."""
        return all(f.verdict.converged for f in self.fits.values())

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"


@takes(analysis=(*PATH, Analysis), out=PATH, progress=(Progress, str))
def run(
    analysis: str | Path | Analysis,
    out: str | Path,
    *,
    progress: Progress | str = "auto",
    hypotheses: tuple[str, ...] | None = None,
    command: str = "",
) -> RunResult:
    """Fit every hypothesis of an analysis, check, compare, draw and report.

    Fits that the folder already holds for the same model, data and sampling are kept, so a run
    that was stopped goes on where it stopped.

    Parameters
    ----------
    analysis : path or Analysis
        The analysis file.
    out : path
        The run folder; made if missing.
    progress : Progress or str
        Where progress is shown.
    hypotheses : tuple of str, optional
        Fit only these hypotheses of the analysis.
    command : str
        The command line, for the record.

    Returns
    -------
    RunResult
        Fits, comparison and checks; `converged` says whether every fit may be believed.

    Raises
    ------
    StudyError, SpecError, FitError
        Input that cannot be used; what was finished stays in the folder. Another run holds it.
    StoppedError
        Ctrl-C; finished fits are kept.
    """
    show = auto_progress(mode=progress) if isinstance(progress, str) else progress
    found = analysis if isinstance(analysis, Analysis) else read_analysis(analysis)
    folder, started = Path(out), datetime.now(UTC)
    # the progress closes its open phase if an error leaves it
    with show, alone(folder, show, f"dopafit run of {found.path.name}"):
        fits, seconds, opened = run_fits(
            found, folder, show, hypotheses=hypotheses, command=command
        )
        comparison = claim = added = None
        if len(fits) > 1:
            comparison = compare(
                fits,
                unit=found.unit,
                after=found.after,
                seed=found.seed,
                refits=found.refits,
                keep=folder / "refits.json",
                progress=show,
            )
            record.write_comparison(folder, comparison, fits)
            show.phase("comparing", f"all by {found.unit}")
            show.done(comparison.reading[0] if comparison.reading else "")
        checks, prior = {}, {}
        for name, one in fits.items():
            show.phase("predicting", name)
            checks[name] = predictive_check(
                one, seed=found.seed, draws=found.check_draws, pair_within=found.pair_within
            )
            prior[name] = _prior_check(one, found)
            show.done(f"{checks[name].draws} replicates")
        record.write_checks(folder, checks, prior)
        if comparison is not None:
            ranked, shared = comparison.ranked(fits), (folder, found.controls, found.seed, show)
            others = controlled(ranked, checks, *shared)
            added = added_up(ranked, *shared)
            show.phase("answering", found.question or found.title)
            claim, effects = answered(
                fits,
                comparison,
                timed=bool(found.nuisance["time_on_task"]),
                smallest=found.smallest_effect,
                others=others,
            )
            record.write_answer(folder, claim, effects)
            show.done(decides(claim))
        record.write_data(
            folder, opened.study, opened.warnings, fits, comparison, excluded=opened.excluded.table
        )
        show.phase("drawing", "figures")
        drawn = draw_all(folder / "figures", fits, comparison, checks, prior, added)
        show.done(f"{drawn} figures")
        record.write_environment(folder, found.seed, started, seconds, command, fits)
        show.phase("writing", "report")
        write_report(folder)
        show.done(str(folder / "report.html"))
    return RunResult(folder, fits, comparison, checks, claim)


def run_fits(
    analysis: Analysis,
    folder: str | Path,
    show: Progress,
    *,
    hypotheses: tuple[str, ...] | None = None,
    command: str = "",
) -> tuple[dict[str, Fit], dict[str, float], Opened]:
    """Make or find the fits, and write everything that only needs them.

    Fits of the same analysis that the folder holds already stay in its record, so that one
    hypothesis can be fitted after the other.

    The arguments are those of `run`.

    Returns
    -------
    fits : dict of str to Fit
        Those asked for.
    seconds : dict of str to float
        Time [s] each new fit took.
    opened : Opened
        The study that was fitted, the warnings of its validation, and what was left out.

    Raises
    ------
    StudyError, SpecError, FitError
        Input that cannot be used, a folder that cannot be written or that another run holds.
    StoppedError
        Ctrl-C; finished fits are kept.
    """
    folder = Path(folder)
    with alone(folder, show, f"dopafit fit of {analysis.path.name}"):
        started = datetime.now(UTC)
        chosen = chosen_hypotheses(analysis, hypotheses)
        show.phase("reading", analysis.study or "study")
        opened = open_study(analysis)
        study = opened.study
        show.done(
            f"{len(study.subjects)} subjects, {len(study.sessions)} sessions, {study.hours:.4g} h"
        )
        for rule, took in zip(analysis.exclude, opened.excluded.lines, strict=True):
            show.phase("leaving out", rule.reason or rule.words)
            show.done(took.removeprefix("left out: "))
        claims = analysis.claims(study)
        models = {name: resolved(model, study) for name, model in claims.items()}
        kept = {
            name: kept_fit(fit_file(folder, name), analysis, model, study, show)
            for name, model in models.items()
        }
        known = [name for name in analysis.models if name in chosen or kept[name] is not None]
        changed = record.write_spec(
            folder, record.spec_text(analysis, study, {name: models[name] for name in known})
        )
        if changed or any(kept[name] is None for name in chosen):
            record.forget(folder)
        fits, seconds = {}, {}
        for name in known:
            if kept[name] is None:
                began = time.monotonic()
                fits[name] = fitted(analysis, claims[name], study, folder, show)
                seconds[name] = time.monotonic() - began
                show.phase("verdict", name)
            else:
                fits[name] = kept[name]
                show.phase("keeping", f"{name}: already fitted")
            show.done(fits[name].verdict.stamp)
        record.write_fits(folder, fits, study)
        record.write_data(folder, study, opened.warnings, fits, excluded=opened.excluded.table)
        record.write_environment(folder, analysis.seed, started, seconds, command, fits)
        return {name: fits[name] for name in chosen}, seconds, opened


def compare_folder(
    folder: str | Path, *, unit: str | None = None, show: Progress | None = None
) -> Comparison:
    """Compare the fits of a run folder and write the tables again.

    Parameters
    ----------
    folder : path
        A run folder.
    unit : {"session", "subject", "future", "trial"}, optional
        What is left out; as the run's analysis says unless given.
    show : Progress, optional
        Where progress is shown.

    Raises
    ------
    SpecError
        Fewer than two fits, or an unknown unit.
    FitError
        A file of the folder is missing or damaged.
    """
    folder, show = Path(folder), Progress() if show is None else show
    spec = read_spec(folder / "spec.yaml") if folder.is_dir() else {}
    names = [str(name) for name in spec.get("hypotheses") or []]
    paths = {name: fit_file(folder, name) for name in names if fit_file(folder, name).is_file()}
    lost = [name for name in names if name not in paths]
    if len(paths) < 2:
        gone = f"; lost: {', '.join(f'fits/{name}.nc' for name in lost)}" if lost else ""
        raise SpecError(
            f"{folder} holds {len(paths)} {'fit' if len(paths) == 1 else 'fits'} to compare{gone}",
            allowed="a run folder with two fits or more",
            todo="dopafit run or dopafit fit makes them",
        )
    told = spec.get("compare") or {}
    unit = unit or told.get("unit") or "session"
    with show, alone(folder, show, "dopafit compare"):
        show.phase("reading", f"{len(paths)} fits")
        fits = {name: Fit.load(path) for name, path in paths.items()}
        found = compare(
            fits,
            unit=unit,
            after=told.get("after") if unit == "future" else None,
            seed=next(iter(fits.values())).seed,
            refits=told.get("refits", LIMIT),
            keep=folder / "refits.json",
            progress=show,
        )
        if lost:
            gone = [f"{name} is not compared: fits/{name}.nc is missing" for name in lost]
            found = replace(found, warnings=(*gone, *found.warnings))
        record.write_comparison(folder, found, fits)
        before, _ = read_answer(folder)
        claim, effects = answered(
            fits,
            found,
            timed=bool((spec.get("nuisance") or {}).get("time_on_task")),
            smallest=told.get("smallest_effect") or {},
            others=kept(before),
        )
        record.write_answer(folder, claim, effects)
    return found


def chosen_hypotheses(analysis: Analysis, names: tuple[str, ...] | None) -> list[str]:
    """Return the hypotheses asked for, all unless given.

    Raises
    ------
    SpecError
        A hypothesis that the analysis does not have.
    """
    if names is None:
        return list(analysis.models)
    current = {old: m.name for m in Drive.members().values() for old in m.formerly}
    names = tuple(name if name in analysis.models else current.get(name, name) for name in names)
    for name in names:
        if name not in analysis.models:
            what = f"the analysis has no hypothesis {name!r}"
            raise SpecError(what, given=name, known=analysis.models)
    return list(names)


def _prior_check(one: Fit, analysis: Analysis) -> PredictiveCheck | None:
    try:
        return predictive_check(
            one, seed=analysis.seed, draws=60, pair_within=analysis.pair_within, source="prior"
        )
    except FitError:  # every draw exploded
        return None

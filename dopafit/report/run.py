"""The whole way: from an analysis file to a run folder with its report."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from dopafit.check.identifiability import close_pairs, identifiability
from dopafit.check.predict import PredictiveCheck, predictive_check
from dopafit.compare.fits import compare
from dopafit.compare.loo import Comparison
from dopafit.core.errors import FitError, SpecError, StoppedError
from dopafit.fit.fit import Fit, fit
from dopafit.fit.progress import Progress, auto_progress
from dopafit.model.analysis import Analysis, read_analysis
from dopafit.model.equations import conventions, latex, parameter_table
from dopafit.report.gallery import draw_all
from dopafit.report.html import write_report
from dopafit.report.opening import open_study
from dopafit.report.written import file_hashes, stamp_versions, write_json
from dopafit.study.study import Study

__all__ = ["RunResult", "compare_folder", "run", "run_fits"]


@dataclass(frozen=True, eq=False)
class RunResult:
    """What one run made.

    Parameters
    ----------
    folder : Path
        The run folder.
    fits : mapping of str to Fit
        One fit per drive.
    comparison : Comparison or None
        None with a single fit.
    checks : mapping of str to PredictiveCheck
        Posterior predictive check per drive.
    """

    folder: Path
    fits: Mapping[str, Fit]
    comparison: Comparison | None
    checks: Mapping[str, PredictiveCheck]

    @property
    def converged(self) -> bool:
        """Whether every fit converged."""
        return all(f.verdict.converged for f in self.fits.values())

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"


def run(
    analysis: str | Path | Analysis,
    out: str | Path,
    *,
    progress: Progress | str = "auto",
    drives: tuple[str, ...] | None = None,
    command: str = "",
) -> RunResult:
    """Fit every drive of an analysis, check, compare, draw and report.

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
    drives : tuple of str, optional
        Fit only these drives of the analysis.
    command : str
        The command line, for the record.

    Raises
    ------
    StudyError, SpecError, FitError
        Input that cannot be used; what was finished stays in the folder.
    """
    show = auto_progress(mode=progress) if isinstance(progress, str) else progress
    found = analysis if isinstance(analysis, Analysis) else read_analysis(analysis)
    folder, started = Path(out), datetime.now(UTC)
    fits, seconds, study, warnings = run_fits(found, folder, show, drives=drives)
    comparison = None
    if len(fits) > 1:
        show.phase("comparing", f"leave one {found.unit} out")
        comparison = compare(fits, unit=found.unit, seed=found.seed)
        _write_comparison(folder, comparison)
        show.done(comparison.reading[0] if comparison.reading else "")
    checks, prior = {}, {}
    for drive, one in fits.items():
        show.phase("predicting", drive)
        options = {"seed": found.seed, "draws": found.check_draws, "pair_within": found.pair_within}
        checks[drive] = predictive_check(one, **options)
        prior[drive] = _prior_check(one, options)
        show.done(f"{checks[drive].draws} replicates")
    _write_checks(folder, checks, prior)
    _write_data(folder, found, study, warnings, fits, comparison)
    show.phase("drawing", "figures")
    drawn = draw_all(folder / "figures", fits, comparison, checks, prior, _truth(found, study))
    show.done(f"{drawn} figures")
    _write_environment(folder, found, started, seconds, command)
    show.phase("writing", "report")
    write_report(folder)
    show.done(str(folder / "report.html"))
    return RunResult(folder, fits, comparison, checks)


def run_fits(
    analysis: Analysis, folder: Path, show: Progress, *, drives: tuple[str, ...] | None = None
) -> tuple[dict[str, Fit], dict[str, float], Study, list[str]]:
    """Make or find the fits, and write everything that only needs them."""
    chosen = _chosen(analysis, drives)
    show.phase("reading", analysis.study or "study")
    study, warnings = open_study(analysis)
    show.done(
        f"{len(study.subjects)} subjects, {len(study.sessions)} sessions, {study.hours:.4g} h"
    )
    try:
        (folder / "fits").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FitError(
            f"{folder} cannot be made: {error.strerror}", todo="choose another folder with --out"
        ) from error
    _write_spec(folder, analysis, study, chosen)
    _write_data(folder, analysis, study, warnings, {}, None)
    fits, seconds = {}, {}
    for drive in chosen:
        path = folder / "fits" / f"{drive}.nc"
        kept = _kept(path, analysis, drive, study)
        if kept is not None:
            show.phase("keeping", f"{drive}: already fitted")
            show.done(kept.verdict.stamp)
            fits[drive] = kept
            continue
        began = time.monotonic()
        one = fit(
            analysis.models[drive],
            study,
            seed=analysis.seed,
            progress=show,
            **analysis.sampling.model_dump(),
        )
        seconds[drive] = time.monotonic() - began
        if one.record["interrupted"]:
            partial = one.save(path.with_name(f"{drive}.interrupted.nc"))
            raise StoppedError(
                f"stopped while sampling {drive}; the draws so far are in {partial}",
                todo="run the same command again: finished fits are kept, this one starts anew",
            )
        one.save(path)
        show.phase("verdict", drive)
        show.done(one.verdict.stamp)
        fits[drive] = one
    _write_fits(folder, fits, analysis, study)
    return fits, seconds, study, warnings


def compare_folder(folder: str | Path, *, unit: str, show: Progress) -> Comparison:
    """Compare the fits of a run folder and write the tables again."""
    folder = Path(folder)
    paths = sorted(p for p in (folder / "fits").glob("*.nc") if ".interrupted" not in p.name)
    if len(paths) < 2:
        raise SpecError(
            f"{folder} holds {len(paths)} fits",
            allowed="a run folder with two fits or more",
            todo="dopafit run or dopafit fit makes them",
        )
    show.phase("reading", f"{len(paths)} fits")
    fits = {path.stem: Fit.load(path) for path in paths}
    show.phase("comparing", f"leave one {unit} out")
    found = compare(fits, unit=unit)
    _write_comparison(folder, found)
    show.done()
    return found


def _chosen(analysis: Analysis, drives: tuple[str, ...] | None) -> list[str]:
    if drives is None:
        return list(analysis.models)
    from dopafit.core.errors import suggest

    for drive in drives:
        if drive not in analysis.models:
            raise SpecError(
                f"the analysis has no drive {drive!r}",
                allowed=", ".join(analysis.models),
                todo=suggest(drive, analysis.models),
            )
    return list(drives)


def _kept(path: Path, analysis: Analysis, drive: str, study: Study) -> Fit | None:
    """Return the fit in the folder if it is the very one that would be made."""
    if not path.is_file():
        return None
    try:
        found = Fit.load(path)
    except FitError:
        return None
    settings = found.record.get("settings", {})
    same = all(settings.get(k) == v for k, v in analysis.sampling.model_dump().items())
    if found.model == analysis.models[drive] and found.study.hash == study.hash and same:
        return found if found.seed == analysis.seed else None
    return None


def _prior_check(one: Fit, options: Mapping[str, Any]) -> PredictiveCheck | None:
    try:
        return predictive_check(one, source="prior", **(dict(options) | {"draws": 60}))
    except FitError:
        return None


# ---------------------------------------------------------------------- what is written
def _write_spec(folder: Path, analysis: Analysis, study: Study, drives: list[str]) -> None:
    models = {}
    for drive in drives:
        model = analysis.models[drive]
        from dopafit.drive import Drive

        models[drive] = model.to_dict() | {
            "hash": model.hash,
            "words": Drive.named(drive).words,
            "equations_latex": latex(model),
            "conventions": conventions(model),
            "parameters": parameter_table(model).to_dict(orient="records"),
        }
    spec = {
        "analysis": analysis.path.name,
        "title": analysis.title,
        "question": analysis.question or None,
        "study": study.name,
        "seed": analysis.seed,
        "drives": drives,
        "sampling": analysis.sampling.model_dump(),
        "compare": {"unit": analysis.unit},
        "models": models,
    }
    text = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)
    (folder / "spec.yaml").write_text(text, encoding="utf-8")


def _write_data(
    folder: Path,
    analysis: Analysis,
    study: Study,
    warnings: list[str],
    fits: Mapping[str, Fit],
    comparison: Comparison | None,
) -> None:
    first = next(iter(fits.values()), None)
    best = fits.get(comparison.best) if comparison is not None else first
    tables = study.tables
    kinds = study.events["kind"].value_counts() if len(study.events) else pd.Series(dtype=int)
    write_json(
        folder / "data.json",
        {
            "name": study.name,
            "simulated": study.simulated,
            "description": study.description,
            "licence": study.licence,
            "citation": study.citation,
            "hash": study.hash,
            "time_unit": study.time_unit,
            "files": file_hashes(study.source),
            "counts": {
                role: len(tables[role])
                for role in ("subjects", "sessions", "events", "observations", "presses")
            }
            | {"hours": study.hours},
            "events_by_kind": {str(k): int(v) for k, v in kinds.items()},
            "rows_used": first.record["rows"] if first else {},
            "excluded": first.record["excluded"] if first else {},
            "warnings": warnings,
            "close_pairs": close_pairs(best) if best is not None else None,
        },
    )


def _write_fits(folder: Path, fits: Mapping[str, Fit], analysis: Analysis, study: Study) -> None:
    write_json(folder / "verdict.json", {drive: f.verdict.to_dict() for drive, f in fits.items()})
    units = {}
    for drive, f in fits.items():
        units[drive] = {str(n): f.posterior[n].attrs.get("unit", "") for n in f.posterior.data_vars}
    tables = []
    for drive, f in fits.items():
        table = f.summary.copy()
        table.insert(0, "fit", drive)
        stem = table["parameter"].str.partition("[")[0]
        table.insert(2, "unit", stem.map(units[drive]).fillna(""))
        tables.append(table)
    pd.concat(tables).to_csv(folder / "summary.csv", index=False)
    cards = [
        identifiability(f).table.assign(fit=drive, sensitivity="") for drive, f in fits.items()
    ]
    card = pd.concat(cards)
    card = card[["fit", *[c for c in card.columns if c != "fit"]]]
    card.to_csv(folder / "identifiability.csv", index=False)
    truth = _truth(analysis, study)
    if truth and truth["drive"] in fits:
        table = fits[truth["drive"]].summary.set_index("parameter")
        values = truth["values"]
        rows = [
            {
                "fit": truth["drive"],
                "parameter": name,
                "truth": values[name],
                "lower": row["lower"],
                "upper": row["upper"],
                "covered": bool(row["lower"] <= values[name] <= row["upper"]),
            }
            for name, row in table.iterrows()
            if name in values
        ]
        pd.DataFrame(rows).to_csv(folder / "truth.csv", index=False)


def _truth(analysis: Analysis, study: Study) -> dict[str, Any] | None:
    """Return the values a simulated study was made with, if they lie beside it."""
    if not study.simulated or study.source is None:
        return None
    path = Path(study.source) / "truth.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return {"drive": found["drive"], "values": found["values"]}


def _write_comparison(folder: Path, comparison: Comparison) -> None:
    table = comparison.table.rename_axis("model").reset_index()
    table.to_csv(folder / "comparison.csv", index=False)
    write_json(
        folder / "comparison.json",
        {
            "reading": list(comparison.reading),
            "warnings": list(comparison.warnings),
        },
    )


def _write_checks(
    folder: Path, checks: Mapping[str, PredictiveCheck], prior: Mapping[str, PredictiveCheck | None]
) -> None:
    (folder / "tables").mkdir(exist_ok=True)
    every = [*checks.values(), *(c for c in prior.values() if c is not None)]
    tables = [
        c.summary.assign(drive=c.drive, source=c.source, draws=c.draws, failed=c.failed)
        for c in every
    ]
    pd.concat(tables).to_csv(folder / "tables" / "predictive_checks.csv", index=False)


def _write_environment(
    folder: Path, analysis: Analysis, started: datetime, seconds: Mapping[str, float], command: str
) -> None:
    path = folder / "environment.json"
    earlier: dict[str, Any] = {}
    if path.is_file():
        earlier = json.loads(path.read_text(encoding="utf-8")).get("seconds", {})
    write_json(
        path,
        {
            **stamp_versions(),
            "python": platform.python_version(),
            "seed": analysis.seed,
            "command": command
            or " ".join(Path(a).name if i == 0 else a for i, a in enumerate(sys.argv)),
            "machine": {
                "cpu_count": os.cpu_count(),
                "system": platform.system(),
                "machine": platform.machine(),
            },
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": earlier | {k: {"fit": v} for k, v in seconds.items()},
        },
    )

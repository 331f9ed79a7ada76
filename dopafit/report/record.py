"""What a run folder holds beside fits, figures and page: the claim, the data, the numbers."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.check.identifiability import close_pairs, identifiability
from dopafit.check.predict import PredictiveCheck
from dopafit.compare.claim import Claim
from dopafit.compare.loo import Comparison
from dopafit.compare.selection import Selection, select
from dopafit.core.component import OUTSIDE
from dopafit.core.errors import FitError
from dopafit.core.files import read_regular
from dopafit.core.yaml_text import dump_yaml
from dopafit.fit.fit import Fit
from dopafit.model.analysis import Analysis
from dopafit.model.claim import Model
from dopafit.model.record import model_record
from dopafit.report.files import read_json, write_text
from dopafit.report.said.truth import read_truth, truth_rows
from dopafit.report.written import file_hashes, stamp_versions, write_json, write_table
from dopafit.study.contents import contents_of
from dopafit.study.study import Study

__all__ = [
    "fit_warnings",
    "forget",
    "remove_figures",
    "sampled",
    "spec_text",
    "write_answer",
    "write_checks",
    "write_comparison",
    "write_data",
    "write_environment",
    "write_fits",
    "write_spec",
]

DERIVED = (
    "verdict.json",
    "summary.csv",
    "identifiability.csv",
    "truth.csv",
    "comparison.csv",
    "comparison.json",
    "answer.json",
    "tables/predictive_checks.csv",
    "tables/evidence.csv",
    "tables/curve_width.csv",
    "tables/selection.csv",
    "tables/superposition.csv",
    "superposition.json",
)
"""What is computed from the fits, and must not outlive them."""


def forget(folder: Path) -> None:
    """Remove what was computed from fits that are about to be replaced."""
    for name in DERIVED:
        (folder / name).unlink(missing_ok=True)
    remove_figures(folder / "figures")


def remove_figures(folder: Path) -> None:
    """Remove the files of figures that an earlier run recorded in its index, and the index."""
    index = folder / "index.json"
    try:
        recorded = [n for entry in json.loads(read_regular(index)) for n in entry.get("files", ())]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        recorded = []  # none yet, or damaged
    index.unlink(missing_ok=True)
    for name in recorded:
        if isinstance(name, str) and name == Path(name).name:
            (folder / name).unlink(missing_ok=True)


def spec_text(analysis: Analysis, study: Study, models: Mapping[str, Model]) -> str:
    """Return ``spec.yaml``: the claim with every default filled in, models resolved over it."""
    told = {name: model_record(model, study) for name, model in models.items()}
    spec = {
        "analysis": analysis.path.name,
        "title": analysis.title,
        "question": analysis.question or None,
        "study": study.name,
        "exclude": [rule.to_dict() for rule in analysis.exclude],
        "seed": analysis.seed,
        "hypotheses": list(models),
        "rivals": analysis.rivals,
        "nuisance": dict(analysis.nuisance),
        "sampling": analysis.sampling.model_dump(),
        "compare": {
            "unit": analysis.unit,
            "after": analysis.after,
            "refits": analysis.refits,
            "smallest_effect": dict(analysis.smallest_effect),
        },
        "controls": analysis.controls.model_dump(),
        "models": told,
    }
    return dump_yaml(spec)


def write_spec(folder: Path, text: str) -> bool:
    """Write ``spec.yaml``; return whether it says something new."""
    path = folder / "spec.yaml"
    try:
        if read_regular(path) == text.encode():
            return False
    except OSError:
        pass  # none yet, or damaged: it is written anew
    write_text(path, text)
    return True


def write_data(
    folder: Path,
    study: Study,
    warnings: list[str],
    fits: Mapping[str, Fit],
    comparison: Comparison | None = None,
    *,
    excluded: pd.DataFrame | None = None,
) -> None:
    """Write ``data.json``: which data, how many rows, what was left out."""
    first = next(iter(fits.values()), None)
    order = [] if comparison is None else [comparison.best]
    shares = (close_pairs(fits[name]) for name in dict.fromkeys([*order, *fits]))
    tables = study.tables
    kinds = study.events["kind"].value_counts() if len(study.events) else pd.Series(dtype=int)
    outcomes, censored = _outcomes(first) if first else ({}, {})
    each = study.sessions.groupby("subject").size()
    roles = ("subjects", "sessions", "events", "observations", "presses")
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
            "counts": {role: len(tables[role]) for role in roles} | {"hours": study.hours},
            "events_by_kind": {str(k): int(v) for k, v in kinds.items()},
            "sessions_of_subjects": {"one": int((each == 1).sum()), "more": int((each > 1).sum())},
            "rows_used": outcomes,
            "censored": censored,
            "excluded": first.record["excluded"] if first else {},
            "contents": contents_of(tables).to_dict(),
            "exclusions": [] if excluded is None else excluded.to_dict(orient="records"),
            "warnings": list(dict.fromkeys([*warnings, *fit_warnings(fits)])),
            "close_pairs": next((share for share in shares if share is not None), None),
        },
    )


def _outcomes(fit: Fit) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many outcomes each channel has, and how many of them are censored."""
    used, censored = {}, {}
    for channel in fit.model.channels:
        rows = fit.layout.rows[channel.prefix]
        used[channel.prefix] = channel.outcomes(rows)
        if "is_censored" in rows.data:
            censored[channel.prefix] = int(rows.data["is_censored"].sum())
    return used, censored


def sampled(fit: Fit) -> dict[str, Any]:
    """Return how a fit was sampled, as far as the analysis does not say it."""
    looks = [look.get("draws") for look in fit.record.get("looks") or [] if isinstance(look, dict)]
    return {
        "chains": fit.posterior.sizes["chain"],
        "draws": fit.posterior.sizes["draw"],
        "looks": looks,
        "centring": fit.record.get("pilot", {}).get("centring"),
    }


def fit_warnings(fits: Mapping[str, Fit]) -> list[str]:
    """Return the warnings of all fits, each once."""
    return list(dict.fromkeys(t for one in fits.values() for t in one.record.get("warnings", ())))


def write_fits(folder: Path, fits: Mapping[str, Fit], study: Study) -> None:
    """Write verdicts, summary and identifiability card, and hold the fits against a truth."""
    summaries, cards = [], []
    for name, one in fits.items():
        unit = {str(n): one.posterior[n].attrs.get("unit", "") for n in one.posterior.data_vars}
        table = one.summary.copy()
        table.insert(0, "hypothesis", name)
        stem = table["parameter"].str.partition("[")[0]
        table.insert(2, "unit", stem.map(unit).fillna(""))
        summaries.append(table)
        card = identifiability(one).table
        card.insert(0, "hypothesis", name)
        cards.append(card)
    write_table(folder / "summary.csv", pd.concat(summaries))
    write_table(folder / "identifiability.csv", pd.concat(cards))
    truth = read_truth(study)
    if truth is not None and truth["hypothesis"] in fits:
        rows = truth_rows(truth["hypothesis"], fits[truth["hypothesis"]], truth["values"])
        if len(rows):
            write_table(folder / "truth.csv", rows)
    write_json(folder / "verdict.json", {n: f.verdict.to_dict() for n, f in fits.items()})


def write_comparison(folder: Path, comparison: Comparison, fits: Mapping[str, Fit]) -> None:
    """Write the comparison's table and its sentences; who follows what where subjects are units."""
    write_table(folder / "comparison.csv", comparison.table.reset_index())
    notes, selection = list(comparison.notes), folder / "tables" / "selection.csv"
    selection.unlink(missing_ok=True)  # of an earlier comparison by another unit
    if comparison.unit == "subject":
        families = {name: fit.model.family for name, fit in fits.items()}
        several = families if len(set(families.values())) > 1 else None
        found = select(comparison.pointwise[list(fits)], families=several)
        write_table(selection, _frequencies(found))
        notes.append(_most_frequent(found))
    sentences = {
        "reading": list(comparison.reading),
        "warnings": list(comparison.warnings),
        "notes": notes,
    }
    write_json(folder / "comparison.json", sentences)


def _frequencies(found: Selection) -> pd.DataFrame:
    """Return one row a hypothesis, then one a family."""
    parts = []
    for frequencies in filter(None, (found.hypotheses, found.families)):
        table = frequencies.table
        told = {"name": table.index, "omnibus_risk": frequencies.omnibus_risk}
        parts.append(table.assign(of=table.index.name, **told).reset_index(drop=True))
    first = ["of", "name"]
    table = pd.concat(parts, ignore_index=True)
    return table[[*first, *(column for column in table if column not in first)]]


def _most_frequent(found: Selection) -> str:
    level = found.families or found.hypotheses
    row = level.table.loc[level.table["frequency"].idxmax()]
    what = "family" if found.families else "hypothesis"
    return (
        f"if each subject follows one {what}, {row.name} is the most frequent with an expected "
        f"share of {row['frequency']:.2f} and a protected exceedance probability of "
        f"{row['protected']:.2f} (random-effects selection from left-out densities of subjects; "
        "it decides no claim)"
    )


def write_answer(folder: Path, claim: Claim, effects: list[dict[str, Any]]) -> None:
    """Write ``answer.json``: what may be claimed, its conditions, and sizes of effects."""
    write_json(folder / "answer.json", claim.to_dict() | {"effects": effects})


def write_checks(
    folder: Path, checks: Mapping[str, PredictiveCheck], prior: Mapping[str, PredictiveCheck | None]
) -> None:
    """Write how well every predictive check went."""
    every = [*checks.values(), *(c for c in prior.values() if c is not None)]
    tables = [
        c.summary.assign(hypothesis=c.hypothesis, source=c.source, draws=c.draws, failed=c.failed)
        for c in every
    ]
    write_table(folder / "tables" / "predictive_checks.csv", pd.concat(tables))


def _program() -> list[str]:
    name = Path(sys.argv[0]).name
    return ["python", "-m", "dopafit"] if name == "__main__.py" else [name]


def write_environment(
    folder: Path,
    seed: int,
    started: datetime,
    seconds: Mapping[str, float],
    command: str,
    fits: Mapping[str, Fit],
) -> None:
    """Write ``environment.json``; times of fits made earlier are kept."""
    path = folder / "environment.json"
    earlier: dict[str, Any] = {}
    try:
        earlier = dict(read_json(path).get("seconds") or {})
    except (FitError, TypeError, ValueError):
        pass  # none yet, or damaged: it is written anew
    write_json(
        path,
        {
            **stamp_versions(),
            "python": platform.python_version(),
            "components": OUTSIDE,
            "seed": seed,
            "command": command or shlex.join([*_program(), *sys.argv[1:]]),
            "machine": {
                "cpu_count": os.cpu_count(),
                "system": platform.system(),
                "machine": platform.machine(),
            },
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": earlier | {k: {"fit": v} for k, v in seconds.items()},
            "sampled": {name: sampled(fit) for name, fit in fits.items()},
        },
    )

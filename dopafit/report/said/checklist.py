"""A reporting checklist after Kruschke 2021 (BARG): filled from the run, or "not done"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from dopafit.compare.difference import FEW_SUBJECTS, SMALL
from dopafit.report.files import write_text
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import count, fixed, number
from dopafit.report.said.answer import answer
from dopafit.report.said.model_text import equations, symbols
from dopafit.report.said.priors import rows as prior_rows
from dopafit.report.set.escape import clean, markdown, signs
from dopafit.report.set.evidence_tables import truth_table

__all__ = ["NOT_DONE", "Item", "checklist", "write_checklist"]

NOT_DONE = "not done"
WHERE = {
    "Question or goal of the analysis": ("answer", ()),
    "Data variables": ("data", ("data.json",)),
    "Likelihood and parameters": ("model", ("spec.yaml",)),
    "Priors, with a reason for each": ("model", ("tables/priors.csv",)),
    "Formal specification": ("model", ("methods.md", "spec.yaml")),
    "Prior predictive check": ("signatures", ("figures/prior_predictive_*.pdf",)),
    "Software": ("provenance", ("environment.json",)),
    "Convergence of the chains": ("diagnostics", ("verdict.json", "tables/diagnostics.csv")),
    "Divergences": ("diagnostics", ("tables/diagnostics.csv",)),
    "Effective sample size of every reported quantity": ("diagnostics", ("summary.csv",)),
    "Posterior predictive check": (
        "signatures",
        ("tables/predictive_checks.csv", "figures/signature_*.pdf"),
    ),
    "Summary of the posterior": ("pursuit", ("summary.csv",)),
    "Model comparison": ("comparison", ("comparison.csv",)),
    "Criterion of each decision": ("comparison", ("comparison.json",)),
    "Estimates beside every decision": ("answer", ()),
    "Sensitivity of the posterior to the priors": ("learning", ("identifiability.csv",)),
    "Seed": ("provenance", ("environment.json",)),
    "Versions": ("provenance", ("environment.json",)),
    "Data, with their hash": ("data", ("data.json",)),
    "Model, with its hash": ("provenance", ("spec.yaml",)),
    "Command": ("provenance", ("environment.json",)),
    "Posterior draws": ("", ("fits/*.nc",)),
    "Identifiability: what the data informed": ("learning", ("identifiability.csv",)),
    "Truth beside the estimates (simulated data)": ("truth", ("truth.csv",)),
    "Model recovery on this design": ("comparison", ("model_recovery.csv",)),
    "Comparison by leaving out whole subjects": ("comparison", ("comparison.csv",)),
}
"""Where the page and the folder show each point."""


@dataclass(frozen=True)
class Item:
    """One point of the checklist.

    Parameters
    ----------
    step : str
        The step it belongs to.
    item : str
        What a reader should find.
    answer : str
        What this run has, or "not done".
    section : str
        Section of the page that shows it; empty where none does.
    files : tuple of str
        Files of the run folder that hold it.
    """

    step: str
    item: str
    answer: str
    section: str = ""
    files: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the run has it."""
        return not self.answer.startswith(NOT_DONE)


def write_checklist(folder: RunFolder) -> Path:
    """Write ``checklist.md``.

    Raises
    ------
    FitError
        The file cannot be written.
    """
    items = checklist(folder)
    done = sum(item.done for item in items)
    lines = ["# Reporting checklist", ""]
    if folder.simulated:
        lines += ["**SIMULATED DATA.**", ""]
    if folder.failed:
        lines += ["**PROVISIONAL: a fit did not converge.**", ""]
    lines += [
        f"{markdown(folder.title)}: {done} of {len(items)} points filled. After the Bayesian "
        'analysis reporting guidelines (Kruschke 2021); filled from the run, "not done" where the '
        "run has nothing.",
    ]
    step = ""
    for item in items:
        if item.step != step:
            lines += [
                "",
                f"## {markdown(item.step)}",
                "",
                "| | point | this run |",
                "|---|---|---|",
            ]
        step = item.step
        mark = "x" if item.done else " "
        links = [f"[{markdown(path)}]({quote(path)})" for path in item.files]
        answer = "; ".join([markdown(item.answer), *links])
        lines.append(f"| [{mark}] | {markdown(item.item)} | {answer} |")
    return write_text(folder.path / "checklist.md", "\n".join(lines) + "\n")


def checklist(folder: RunFolder) -> list[Item]:
    """Return every point with its answer; none is blank."""
    steps = {
        "Preamble: why this analysis": _goals,
        "Step 1: the model": _model,
        "Step 2: the computation": _computation,
        "Step 3: the posterior": _posterior,
        "Step 4: decisions and their criteria": _decisions,
        "Step 5: sensitivity": _sensitivity,
        "Step 6: reproducibility": _reproducible,
        "Beyond the guidelines: can this design answer the question?": _workflow,
    }
    found = []
    for step, answers in steps.items():
        for item, text in answers(folder).items():
            answer = Item(step, item, clean(text) or NOT_DONE)
            if answer.done:
                section, files = WHERE.get(item, ("", ()))
                made = [path for name in files for path in _made(folder, name)]
                answer = replace(answer, section=section, files=tuple(made))
            found.append(answer)
    return found


def _made(folder: RunFolder, pattern: str) -> list[str]:
    """Return the files of this name that the run folder holds."""
    found = sorted(folder.path.glob(pattern))
    return [path.relative_to(folder.path).as_posix() for path in found if path.is_file()]


def _goals(folder: RunFolder) -> dict[str, str]:
    return {
        "Question or goal of the analysis": clean(folder.spec.get("question") or ""),
        "Why a Bayesian analysis": (
            "the posterior shows what the data leave open, for every parameter and every quantity "
            "derived from them"
        ),
    }


def _model(folder: RunFolder) -> dict[str, str]:
    model = folder.model(folder.focus)
    channels = ", ".join(clean(c) for c in model.get("channels") or {})
    used = folder.data.get("rows_used") or {}
    rows = ", ".join(f"{clean(k)} {count(v)}" for k, v in used.items())
    names = [clean(p.parameter) for p in prior_rows(folder)]
    changed = [clean(p.parameter) for p in prior_rows(folder) if p.changed]
    return {
        "Data variables": f"rows used: {rows}" if rows else "",
        "Likelihood and parameters": f"channels {channels}" if channels else "",
        "Priors, with a reason for each": (
            f"{len(names)} priors and fixed values; "
            + (f"set by this analysis: {', '.join(changed)}" if changed else "all are defaults")
            if names
            else ""
        ),
        "Formal specification": (
            f"{len(equations(folder))} equations, {len(symbols(folder))} symbols"
            if equations(folder)
            else ""
        ),
        "Prior predictive check": ", ".join(
            f"figure {f.stem}" for f in folder.drawn("prior_predictive")[:1]
        ),
    }


def _computation(folder: RunFolder) -> dict[str, str]:
    environment, sampling = folder.environment, folder.spec.get("sampling") or {}
    packages = environment.get("packages") or {}
    parts = [f"dopafit {environment['dopafit']}"] if environment.get("dopafit") else []
    parts += [f"{n} {packages[n]}" for n in ("pymc", "nutpie", "arviz") if packages.get(n)]
    design = ", ".join(f"{k} {sampling[k]}" for k in sampling if sampling[k] is not None)
    verdicts = "; ".join(f"{fit}: {signs(folder.verdicts[fit].stamp)}" for fit in folder.fits)
    ess = folder.summary[["ess_bulk", "ess_tail"]].apply(pd.to_numeric, errors="coerce").min().min()
    divergences = [
        f"{fit} {number(item.value)}"
        for fit in folder.fits
        for item in folder.verdicts[fit].items
        if item.name == "divergences"
    ]
    return {
        "Software": ", ".join(parts) + (f"; {design}" if design else "") if parts else "",
        "Convergence of the chains": verdicts,
        "Divergences": ", ".join(divergences),
        "Effective sample size of every reported quantity": (
            f"in every table of estimates; the smallest is {count(ess)}" if ess == ess else ""
        ),
    }


def _posterior(folder: RunFolder) -> dict[str, str]:
    checked = folder.drawn("signatures")
    table = folder.comparison
    weights = ""
    if table is not None:
        pairs = (f"{clean(r['hypothesis'])} {fixed(r['weight'], 2)}" for _, r in table.iterrows())
        weights = f"stacking weights by {clean(table['unit'].iloc[0])}: {', '.join(pairs)}; "
        weights += "Bayes factors and posterior model probabilities: none computed"
    return {
        "Posterior predictive check": (
            f"observed beside replicated behaviour, {len(checked)} figure"
            f"{'s' if len(checked) > 1 else ''}"
            if checked
            else ""
        ),
        "Summary of the posterior": f"median, {folder.interval}, mean and SD of every quantity",
        "Model comparison": weights,
    }


def _decisions(folder: RunFolder) -> dict[str, str]:
    criterion = ""
    if folder.comparison is not None:
        criterion = (
            f"a hypothesis is called behind if elpd differs by at least {SMALL:g} and, by subject, "
            "by Student's 97.5 % quantile times its standard error; under "
            f"{FEW_SUBJECTS} subjects the exact sign-flip test must say so too"
        )
    return {
        "Criterion of each decision": criterion,
        "Loss function": NOT_DONE,
        "Region of practical equivalence": NOT_DONE,
        "Estimates beside every decision": (
            "differences with standard errors; gains and landmarks with intervals"
            if answer(folder).readings
            else ""
        ),
    }


def _sensitivity(folder: RunFolder) -> dict[str, str]:
    table = folder.identifiability
    filled = 0
    soft = any("rectifier" in str(folder.model(fit).get("conventions")) for fit in folder.fits)
    if table is not None:
        filled = int(table["sensitivity"].astype(str).str.strip().replace("nan", "").ne("").sum())
    return {
        "Sensitivity of the posterior to the priors": (
            f"power scaling of {count(filled)} quantities" if filled else ""
        ),
        "Sensitivity of the comparison to the priors": NOT_DONE,
        f"Sensitivity to {'the softness of the rectifier and ' * soft}the kernel": NOT_DONE,
    }


def _reproducible(folder: RunFolder) -> dict[str, str]:
    environment, data = folder.environment, folder.data
    seed = environment.get("seed", folder.spec.get("seed"))
    stored = [fit for fit in folder.fits if (folder.path / "fits" / f"{fit}.nc").is_file()]
    lost = [fit for fit in folder.fits if fit not in stored]
    hashes = "; ".join(
        f"{fit} {str(folder.model(fit)['hash'])[:12]}"
        for fit in folder.fits
        if folder.model(fit).get("hash")
    )
    return {
        "Seed": f"{seed}" if seed is not None else "",
        "Versions": "of all packages" if environment.get("packages") else "",
        "Data, with their hash": f"SHA-256 {data['hash']}" if data.get("hash") else "",
        "Model, with its hash": hashes,
        "Command": f"{environment.get('command') or ''}",
        "Posterior draws": (
            f"of {', '.join(stored)}" + (f"; lost: {', '.join(lost)}" if lost else "")
            if stored
            else ""
        ),
    }


def _workflow(folder: RunFolder) -> dict[str, str]:
    table = folder.identifiability
    judged = "" if table is None or table.empty else f"{len(table)} quantities judged"
    truth = truth_table(folder)
    return {
        "Identifiability: what the data informed": judged,
        "Truth beside the estimates (simulated data)": (
            ("not applicable: real data" if not folder.simulated else "")
            if truth is None
            else truth.caption.partition(": ")[2].partition(". ")[0]
        ),
        "Parameter recovery on this design": NOT_DONE,
        "Model recovery on this design": "; ".join(folder.recovery.get("summary") or ()),
        "Simulation-based calibration of this model": NOT_DONE,
        "Comparison by leaving out whole subjects": _by_subject(folder),
    }


def _by_subject(folder: RunFolder) -> str:
    table = folder.comparison
    if table is None or table["unit"].iloc[0] != "subject":
        return NOT_DONE
    return f"{count(table['n_units'].iloc[0])} subjects"

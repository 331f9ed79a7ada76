"""A methods section written from the run: paste it, then make it yours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dopafit.compare.claim import CONDITIONS
from dopafit.compare.difference import FEW_SUBJECTS, SMALL, THESE_ONLY
from dopafit.report.files import write_text
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import count, fixed, number, seconds
from dopafit.report.said.lead import condition_words, decides
from dopafit.report.said.model_text import conventions, equation_blocks, model_lines, symbol_line
from dopafit.report.said.priors import rows as prior_rows
from dopafit.report.said.prose import Block, Span, name, say, sentence, series, to_markdown
from dopafit.report.said.references import cited
from dopafit.report.set.escape import clean, signs

__all__ = ["methods", "write_methods"]

WARNING = "This run is provisional: "


def write_methods(folder: RunFolder) -> Path:
    """Write ``methods.md``.

    Raises
    ------
    FitError
        The file cannot be written.
    """
    head = "# Methods\n\n"
    if folder.simulated:
        head += "**SIMULATED DATA.** "
    if folder.failed:
        head += "**PROVISIONAL: a fit did not converge.** "
    return write_text(
        folder.path / "methods.md", head.rstrip() + "\n\n" + to_markdown(methods(folder))
    )


def methods(folder: RunFolder) -> list[Block]:
    """Return the methods section: data, model, priors, computation, comparison, references."""
    blocks = [
        *_section("Data", _data(folder)),
        *_section("Model", model_lines(folder)),
        *equation_blocks(folder),
        Block("paragraph", (symbol_line(folder),)),
        Block("bullets", tuple(map(say, conventions(folder)))),
        *_section("Priors", [_prior_lead(folder)]),
        Block("bullets", tuple(_priors(folder))),
        *_section("Computation", _computation(folder)),
        *_section("Convergence", _convergence(folder)),
        *_section("Comparison", _comparison(folder)),
        *_section("References", []),
        Block("bullets", tuple(say(text) for text in cited(folder))),
    ]
    return [block for block in blocks if any(block.lines)]


def _section(title: str, lines: list[tuple[Span, ...]]) -> list[Block]:
    head = Block("heading", (say(title),))
    return [head, Block("paragraph", tuple(line for line in lines if line))]


def _data(folder: RunFolder) -> list[tuple[Span, ...]]:
    data = folder.data
    counts = data.get("counts") or {}
    labels = ("subjects", "sessions", "events", "observations", "presses")
    shown = [f"{count(counts[n])} {n}" for n in labels if counts.get(n)]
    hours = f" over {number(counts['hours'])} observed hours" if counts.get("hours") else ""
    kinds = data.get("events_by_kind") or {}
    lines = [
        say(
            "The study ",
            Span(clean(folder.study), "strong"),
            f" ({clean(data['description']).rstrip('.')})" if data.get("description") else "",
            " holds ",
            series(shown) if shown else "no counted rows",
            f"{hours}.",
            " Events by kind: " if kinds else "",
            series(f"{clean(k)} ({count(v)})" for k, v in kinds.items()),
            "." if kinds else "",
            " The data were simulated by a program; no animal or person was observed."
            if folder.simulated
            else "",
        ),
        say(*_exclusions(data)),
        say(*_rows_used(data)),
    ]
    facts = [
        f"Times were recorded in {clean(data['time_unit'])} and handled in seconds."
        if data.get("time_unit") not in (None, "", "s")
        else "",
        f"Licence: {clean(data['licence'])}." if data.get("licence") else "",
        f"Source: {clean(data['citation']).rstrip('.')}." if data.get("citation") else "",
        f"SHA-256 of the data: {clean(data['hash'])}." if data.get("hash") else "",
    ]
    return [*lines, say(" ".join(fact for fact in facts if fact))]


def _exclusions(data: dict[str, Any]) -> list[str]:
    rules = [r for r in data.get("exclusions") or [] if isinstance(r, dict)]
    if not rules:
        return []
    parts = []
    for rule in rules:
        took = [
            f"{count(rule[c])} {c if rule[c] != 1 else c[:-1]}"
            for c in ("subjects", "sessions", "observations", "presses")
            if rule.get(c)
        ]
        took += [f"{number(rule['hours'])} observed hours"] if rule.get("hours") else []
        reason = f", because {clean(rule['reason'])}" if rule.get("reason") else ""
        parts.append(f"{clean(rule.get('rule', ''))}{reason} ({', '.join(took) or 'nothing more'})")
    return ["By rules of the analysis were left out: " + "; ".join(parts) + "."]


def _rows_used(data: dict[str, Any]) -> list[str]:
    used, left = data.get("rows_used") or {}, data.get("excluded") or {}
    if not used:
        return []
    parts = []
    for channel, rows in used.items():
        out = left.get(channel) or 0
        note = (
            f", {count(out)} left out because the outcome was missing" if out else ", none left out"
        )
        parts.append(f"{clean(channel)} {count(rows)}{note}")
    return ["Outcomes that entered the likelihood: " + "; ".join(parts) + "."]


def _prior_lead(folder: RunFolder) -> tuple[Span, ...]:
    if not prior_rows(folder):
        return say("The specification of this run lists no priors.")
    listed = prior_rows(folder)
    effects = any("_effect" in p.parameter for p in listed)
    groups = any(p.parameter.partition("[")[0].endswith("_sd") for p in listed)
    lead = ""
    if effects or groups:
        both = (
            "Effects and deviations of group members"
            if effects and groups
            else ("Effects" if effects else "Deviations of group members")
        )
        lead = f"{both} add up on the link scale of their parameter (log for ratios and times). "
    if groups:
        lead += "Deviations are normal around zero with half-normal standard deviations. "
        lead += _centring(folder)
    return say(lead, "Priors, with the central 90 % of each in brackets:")


def _centring(folder: RunFolder) -> str:
    """Say in which form group deviations were sampled."""
    shares: dict[str, float] = {}
    for fit in folder.fits:
        told = (folder.environment.get("sampled") or {}).get(fit) or {}
        shares |= told["centring"] if isinstance(told.get("centring"), dict) else {}
    if not shares:
        return ""
    if not any(shares.values()):
        return "They were sampled in non-centred form. "
    return (
        "They were sampled centred as far as the data inform them (the share of a term's prior "
        "variance that the data took away, where that is known well; else non-centred). "
    )


def _priors(folder: RunFolder) -> list[tuple[Span, ...]]:
    lines = []
    every = set(folder.fits)
    for p in prior_rows(folder):
        where = "" if set(p.fits) == every else f" (fits: {', '.join(map(clean, p.fits))})"
        unit = "" if p.unit in ("", "1") else f" {clean(p.unit)}"
        lines.append(
            say(
                name(p.parameter),
                f"{where}, {clean(p.meaning)}: " if p.meaning else f"{where}: ",
                f"{clean(p.prior)}",
                f" [{p.range}{unit}]" if p.range else "",
                f"; {clean(p.reason)}." if p.reason else ".",
                " Formula: " if p.formula not in ("", "1") else "",
                name(p.formula) if p.formula not in ("", "1") else "",
                "." if p.formula not in ("", "1") else "",
            )
        )
    return lines


def _computation(folder: RunFolder) -> list[tuple[Span, ...]]:
    environment, sampling = folder.environment, folder.spec.get("sampling") or {}
    packages = environment.get("packages") or {}
    sampler = "PyMC" if sampling.get("sampler") == "pymc" else "nutpie"
    names = {"pymc": "PyMC", "pytensor": "PyTensor"} if sampler == "PyMC" else {"nutpie": sampler}
    names |= {"numba": "Numba", "arviz": "ArviZ", "numpy": "NumPy"}
    how = (
        "from the model's formulas and compiled with Numba; its tests hold the result against the "
        "same formulas evaluated in NumPy"
    )
    if sampling.get("backend") == "jax":
        names = {"jax": "JAX"} | names
        how = "and compiled with JAX, in double precision"
    versions = [f"{label} {clean(packages[k])}" for k, label in names.items() if packages.get(k)]
    own = f"dopafit {clean(environment['dopafit'])}" if environment.get("dopafit") else "dopafit"
    python = f", Python {clean(environment['python'])}" if environment.get("python") else ""
    looked = any(len(told.get("looks") or []) > 1 for told in _sampled(folder).values())
    design = [
        f"{count(sampling[key])} {words}"
        for key, words in (
            ("chains", "chains"),
            ("tune", "tuning draws per chain"),
            ("draws", "kept draws per chain" + (" at the first look" if looked else "")),
        )
        if sampling.get(key) is not None
    ]
    accept = sampling.get("target_accept")
    kept = _kept(folder) if looked else ()
    seed = environment.get("seed", folder.spec.get("seed"))
    times = environment.get("seconds") or {}
    took = sum(float(v) for part in times.values() if isinstance(part, dict) for v in part.values())
    return [
        say(
            f"The log density and its gradient were built by {own}{python} {how}",
            " (" if versions else "",
            series(versions),
            ")" if versions else "",
            f". Draws from the posterior were made by the No-U-Turn sampler of {sampler}",
            ": " if design else "",
            series(design),
            f", target acceptance {clean(accept)}" if accept is not None else "",
            ".",
            *kept,
            f" The seed was {clean(seed)}; each purpose has its own stream derived from it."
            if seed is not None
            else "",
            f" Compiling and sampling took {seconds(took) or f'{number(took)} s'} in all."
            if took
            else "",
            *_outside(environment.get("components") or {}),
        )
    ]


def _outside(components: Mapping[str, str]) -> tuple[Span | str, ...]:
    """Say whose kernels, drives and channels were at hand beside dopafit's own."""
    if not components:
        return ()
    words = (
        " Components from outside dopafit, which its tests do not cover, were loaded, with the "
        "start of a file's SHA-256 or a package's version: "
    )
    told = [f"{clean(file)} ({clean(mark[:12])})" for file, mark in components.items()]
    return (words, *series(told), ".")


def _sampled(folder: RunFolder) -> dict[str, dict[str, Any]]:
    told = folder.environment.get("sampled")
    held = told.items() if isinstance(told, dict) else ()
    return {fit: one for fit, one in held if fit in folder.verdicts and isinstance(one, dict)}


def _kept(folder: RunFolder) -> tuple[Span, ...]:
    """Say at how many draws each fit ended, where some went on after the first look."""
    parts: list[Span] = []
    for fit, told in _sampled(folder).items():
        looks = len(told.get("looks") or [])
        parts += say(
            ", " if parts else "",
            name(fit),
            f" {count(told.get('draws'))} after {count(looks)} look{'s' if looks != 1 else ''}",
        )
    return say(
        " The same chains went on until the checks of convergence held or the largest number of "
        "draws was reached; none was discarded. Draws per chain at the end: ",
        parts,
        ".",
    )


def _convergence(folder: RunFolder) -> list[tuple[Span, ...]]:
    limits: dict[str, str] = {}
    for fit in folder.fits:
        limits |= {item.name: item.limit for item in folder.verdicts[fit].items}
    lines = [
        say(
            "A fit was accepted only if every check passed, for sampled and derived quantities "
            "alike: ",
            series(f"{n} ({signs(limit)})" for n, limit in limits.items()),
            ". What was not recorded counts as failed.",
        )
    ]
    results: list[Span] = []
    for i, fit in enumerate(folder.fits):
        results += say("; " if i else "", name(fit), f" {signs(folder.verdicts[fit].stamp)}")
    lines.append(say("Results: ", results, "."))
    if folder.failed:
        lines.append(
            say(
                Span(WARNING, "strong"),
                series(name(fit) for fit in folder.failed),
                " did not converge, and no estimate or comparison that includes "
                f"{'one of them' if len(folder.failed) > 1 else 'it'} can be reported.",
            )
        )
    lines.append(say(f"Intervals are given as {folder.interval}s."))
    return lines


_INTEGRATED = (
    " over the coordinates that subjects share; each subject's own were integrated out by "
    "importance sampling from a multivariate t at their conditional mode"
)
_GIVEN = (
    " over all coordinates; a trial's score is conditional on the rest of its session and supports "
    "no claim"
)


def _parts(subjects: int, unit: str) -> str:
    if subjects < THESE_ONLY:
        return (
            f"The standard error of a difference comes from the {unit}s of the few subjects, and "
            "nothing is said beyond them."
        )
    return (
        f"Differences were summed by subject ({count(subjects)} of them), and their standard "
        "errors come from these sums."
    )


def _comparison(folder: RunFolder) -> list[tuple[Span, ...]]:
    table = folder.comparison
    if table is None:
        return [say("No comparison of hypotheses was made.")]
    unit, units = clean(table["unit"].iloc[0]), count(table["n_units"].iloc[0])
    bad = int(table["n_bad_k"].sum())
    subjects = int(table["n_subjects"].iloc[0])
    flips = ""
    if subjects < FEW_SUBJECTS:
        flips = ", and if no more than 2.5 % of all sign patterns of the differences reach as far"
    several = len(folder.model(folder.focus).get("channels") or {}) > 1
    together = f"; all channels of a {unit} summed" if several else ""
    return [
        say(
            f"Hypotheses were compared by the expected log predictive density (elpd) of left-out "
            f"{unit}s ({units} {unit}s{together}), by Pareto-smoothed importance sampling"
            f"{_GIVEN if unit == 'trial' else _INTEGRATED}. {_parts(subjects, unit)} A hypothesis "
            f"is called distinguishable from the first only if it is behind by at least {SMALL:g} "
            f"and by at least {fixed(table['quantile'].iloc[-1], 2)} of those standard errors "
            f"(Student's 97.5 % quantile){flips}. "
            "Weights are stacking weights, with intervals from a Bayesian bootstrap over units.",
            f" The score was not reliable (Pareto k, or too few inner draws) for {bad} pairs of "
            f"hypothesis and {unit}."
            if bad
            else " The score was reliable for every unit (Pareto k, inner draws).",
        ),
        say(" ".join(sentence(w) for w in (*folder.notes, *folder.warnings))),
        *_claimed(folder),
    ]


def _claimed(folder: RunFolder) -> list[tuple[Span, ...]]:
    """Say by which rules the claim was made, and what came of each."""
    met = [c for c in folder.claim.conditions if c.met]
    not_met = [c for c in folder.claim.conditions if not c.met]
    lines = [
        say(
            "What is claimed follows from conditions that are the same for every study: ",
            Span(decides(folder.claim), "strong"),
            " A condition that was not checked counts as not met.",
        )
    ]
    for what, found in (("Met", met), ("Not met", not_met)):
        told = (f"{CONDITIONS[c.name]} ({condition_words(c)})" for c in found)
        lines.append(say(f"{what}: ", series(told, gap="; "), ".") if found else ())
    return lines

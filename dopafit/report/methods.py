"""A methods section written from the run: paste it, then make it yours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dopafit.compare.loo import SMALL
from dopafit.report.escape import clean, signs
from dopafit.report.files import write_text
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import count, number, seconds
from dopafit.report.priors import rows as prior_rows
from dopafit.report.prose import Block, Span, name, say, series, to_markdown
from dopafit.report.references import cited

__all__ = ["equations", "methods", "symbols", "write_methods"]

CHANNELS = {
    "choice": "choices, with a Bernoulli likelihood",
    "latency": "latencies, with a lognormal likelihood in which a wait without a response is "
    "right-censored",
    "latency_wald": "latencies, with a shifted Wald likelihood in which a wait without a response "
    "is right-censored",
    "presses": "time-stamped presses, as an inhomogeneous point process whose integral is computed "
    "by Gauss-Legendre quadrature between events and presses",
}
WARNING = "This run is provisional: "


def write_methods(folder: RunFolder) -> Path:
    """Write ``methods.md``.

    Parameters
    ----------
    folder : RunFolder

    Returns
    -------
    Path

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
        *_section("Model", _model(folder)),
        *_equations(folder),
        Block("paragraph", (_symbols(folder),)),
        Block("bullets", tuple(_conventions(folder))),
        *_section("Priors", [_prior_lead(folder)]),
        Block("bullets", tuple(_priors(folder))),
        *_section("Computation", _computation(folder)),
        *_section("Convergence", _convergence(folder)),
        *_section("Comparison", _comparison(folder)),
        *_section("References", []),
        Block("bullets", tuple(say(text) for text in cited(folder))),
    ]
    return [block for block in blocks if any(block.lines)]


def equations(folder: RunFolder) -> list[tuple[str, tuple[str, ...]]]:
    """Return each equation once, with the fits whose model has it."""
    found: dict[str, list[str]] = {}
    for fit in folder.fits:
        for line in dict.fromkeys(folder.model(fit).get("equations_latex") or []):
            found.setdefault(clean(line), []).append(fit)
    return [(line, tuple(fits)) for line, fits in found.items()]


def symbols(folder: RunFolder) -> dict[str, str]:
    """Return what every symbol of the equations means, each once."""
    found: dict[str, str] = {}
    for fit in folder.fits:
        told = folder.model(fit).get("symbols")
        for symbol, words in told.items() if isinstance(told, dict) else ():
            found.setdefault(clean(symbol), clean(words))
    return found


def _equations(folder: RunFolder) -> list[Block]:
    """Return the equations of every fit, then those of single fits under their names."""
    parts: dict[tuple[str, ...], list[str]] = {}
    for line, fits in equations(folder):
        parts.setdefault(fits, []).append(line)
    blocks = []
    for fits in sorted(parts, key=lambda fits: -len(fits)):
        shared = len(fits) == len(folder.fits)
        lead = say("In every fit:") if shared else say("In ", series(map(name, fits)), ":")
        if len(folder.fits) > 1:
            blocks.append(Block("paragraph", (lead,)))
        blocks.append(Block("equation", tuple(say(Span(line)) for line in parts[fits])))
    return blocks


def _symbols(folder: RunFolder) -> tuple[Span, ...]:
    line: list[Span] = []
    for symbol, words in symbols(folder).items():
        line += [Span("; " if line else "Here "), Span(symbol, "math"), Span(f" is {words}")]
    return say(line, ".") if line else ()


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
            f" ({clean(data['description'])})" if data.get("description") else "",
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
        if data.get("time_unit")
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
    return ["Rows that entered the likelihood: " + "; ".join(parts) + "."]


def _model(folder: RunFolder) -> list[tuple[Span, ...]]:
    model = folder.model(folder.focus)
    channels = [str(c) for c in model.get("channels") or {}]
    told = []
    for channel in channels:
        options = (model.get("channels") or {}).get(channel)
        form = (options or {}).get("likelihood") if isinstance(options, dict) else None
        told.append(CHANNELS.get(f"{channel}_{form}" if form else channel, clean(channel)))
    drives = [(fit, str(folder.model(fit).get("words") or "")) for fit in folder.fits]
    lines = [
        say(
            "Each event moves a latent level that rises to a peak, falls back through baseline "
            "into a trough and recovers; the responses to successive events add up. A drive turns "
            "the level into motivation, and motivation shifts the linear predictor of each channel "
            "of behaviour. Only events strictly before an outcome can explain it."
        )
        if any(f != "no_drive" for f in folder.fits)
        else (),
        say("The channels were ", series(told, gap="; "), ".") if told else (),
    ]
    rivals = [*say(name(drives[0][0]), _aside(drives[0][1]))]
    for fit, words in drives[1:]:
        rivals += say("; ", name(fit), _aside(words))
    many = (
        f"{len(drives)} drives were fitted to the same data: "
        if len(drives) > 1
        else "One drive was fitted: "
    )
    return [*lines, say(many, rivals, ".")]


def _aside(words: str) -> str:
    return f" ({clean(words)})" if words and len(words) <= 160 else ""


def _conventions(folder: RunFolder) -> list[tuple[Span, ...]]:
    found: dict[str, None] = {}
    for fit in folder.fits:
        found |= dict.fromkeys(str(c) for c in folder.model(fit).get("conventions") or [])
    return [say(clean(c)) for c in found]


def _prior_lead(folder: RunFolder) -> tuple[Span, ...]:
    if not prior_rows(folder):
        return say("The specification of this run lists no priors.")
    return say(
        "Effects of conditions and deviations of group members add up on the link scale of their "
        "parameter (log for ratios and times). Deviations are normal around zero with half-normal "
        "standard deviations and were sampled in non-centred form. Population values had these "
        "priors, with the central 90 % of each in brackets."
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
    names = {"pymc": "PyMC", "pytensor": "PyTensor", "nutpie": "nutpie", "numba": "Numba",
             "arviz": "ArviZ", "numpy": "NumPy"}  # fmt: skip
    how = (
        "from the model's formulas and compiled with Numba; its tests hold the result against the "
        "same formulas as a PyTensor graph"
    )
    if sampling.get("backend") == "jax":
        names = {"jax": "JAX"} | names
        how = "and compiled with JAX, in double precision"
    versions = [f"{label} {clean(packages[k])}" for k, label in names.items() if packages.get(k)]
    own = f"dopafit {clean(environment['dopafit'])}" if environment.get("dopafit") else "dopafit"
    python = f", Python {clean(environment['python'])}" if environment.get("python") else ""
    design = [
        f"{count(sampling[key])} {words}"
        for key, words in (
            ("chains", "chains"),
            ("tune", "tuning draws per chain"),
            ("draws", "kept draws per chain"),
        )
        if sampling.get(key) is not None
    ]
    accept = sampling.get("target_accept")
    seed = environment.get("seed", folder.spec.get("seed"))
    times = environment.get("seconds") or {}
    took = sum(float(v) for part in times.values() if isinstance(part, dict) for v in part.values())
    return [
        say(
            f"The log density and its gradient were built by {own}{python} {how}",
            " (" if versions else "",
            series(versions),
            ")" if versions else "",
            ". Draws from the posterior were made by the No-U-Turn sampler of nutpie",
            ": " if design else "",
            series(design),
            f", target acceptance {clean(accept)}" if accept is not None else "",
            ".",
            f" The seed was {clean(seed)}; each purpose has its own stream derived from it."
            if seed is not None
            else "",
            f" Compiling and sampling took {seconds(took) or f'{number(took)} s'} in all."
            if took
            else "",
        )
    ]


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
                " did not converge, and no estimate or comparison that includes it can be "
                "reported.",
            )
        )
    lines.append(say(f"Intervals are given as {folder.interval}s."))
    return lines


def _comparison(folder: RunFolder) -> list[tuple[Span, ...]]:
    table = folder.comparison
    if table is None:
        return [say("No comparison of drives was made.")]
    unit, units = clean(table["unit"].iloc[0]), count(table["n_units"].iloc[0])
    bad = int(table["n_bad_k"].sum())
    return [
        say(
            f"Drives were compared by the expected log predictive density (elpd) of left-out "
            f"{unit}s ({units} {unit}s; all channels of a {unit} summed), approximated by "
            "Pareto-smoothed importance sampling. The standard error of a difference comes from "
            "the differences themselves. A drive is called distinguishable from the best only if "
            f"it is behind by at least {SMALL:g} and by at least two of those standard errors. "
            "Weights are stacking weights, with intervals from a Bayesian bootstrap over units.",
            f" The reweighting was not reliable (Pareto k) for {bad} pairs of drive and {unit}."
            if bad
            else " The reweighting was reliable for every unit (Pareto k).",
        ),
        say(" ".join(f"{clean(w).rstrip('.')}." for w in folder.warnings)),
    ]

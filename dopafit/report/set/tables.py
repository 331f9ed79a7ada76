"""The run's tables: population parameters, comparison, identifiability, priors, diagnostics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.fit.judge import ESS_LEAST, ESS_PER_CHAIN, R_HAT
from dopafit.report.files import write_text
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import (
    MISSING,
    between,
    count,
    decimals,
    fixed,
    number,
    r_hat,
    seconds,
    to_float,
)
from dopafit.report.said.priors import rows as prior_rows
from dopafit.report.said.prose import sentence
from dopafit.report.said.quantities import GROUPS, Quantity, member_of, population
from dopafit.report.set.evidence_tables import (
    CHECKED,
    check_table,
    comparison_table,
    conditions_table,
    diagnostics_table,
    recovery_table,
    truth_table,
)
from dopafit.report.set.tabular import Cell, Table, aligned, file_name, latex_table
from dopafit.report.written import write_table

__all__ = [
    "effects_table",
    "identifiability_table",
    "member_table",
    "parameter_table",
    "prior_table",
    "write_tables",
]

STATUS = {
    "informed": "good",
    "weakly informed": "warn",
    "not informed by your data": "bad",
    "prior-data conflict": "bad",
}


def write_tables(folder: RunFolder) -> list[Path]:
    """Write every table as CSV (unrounded) and as LaTeX into ``tables/``.

    Raises
    ------
    FitError
        A file cannot be written.
    """
    tables = [parameter_table(folder, fit) for fit in folder.fits]
    tables += [conditions_table(folder), effects_table(folder), comparison_table(folder)]
    tables += [identifiability_table(folder, fit) for fit in folder.fits]
    tables += [prior_table(folder), diagnostics_table(folder), truth_table(folder)]
    tables += [check_table(folder), recovery_table(folder)]
    paths = []
    for table in tables:
        if table is not None:
            stem = folder.path / "tables" / table.name
            if table.name != CHECKED:  # the run wrote it, with the replicates from the prior
                paths.append(write_table(stem.with_name(f"{stem.name}.csv"), table.data))
            paths.append(write_text(stem.with_name(f"{stem.name}.tex"), latex_table(table)))
    return paths


def effects_table(folder: RunFolder) -> Table | None:
    """Return sizes of effects, and what pulls on them; None where there are none."""
    known = [effect for effect in folder.effects if effect["hypothesis"] in folder.verdicts]
    rows: list[tuple[Cell, ...] | str] = []
    for fit in dict.fromkeys(effect["hypothesis"] for effect in known):
        rows.append(f"{fit} fit")
        rows += [_effect(effect) for effect in known if effect["hypothesis"] == fit]
    if not rows:
        return None
    return Table(
        name="effects",
        caption="Sizes of effects for a subject in the middle of the population, with 95 % "
        "equal-tailed intervals: of one unit event at its peak and its trough against rest, and of "
        "the study's own factors. Sensitivity: how far a size moves, per doubling, when its prior "
        "or the likelihood counts more; from 0.05 of the prior on it is said.",
        heads=aligned("lrrl", "Effect, Median, Interval, Sensitivity"),
        rows=tuple(rows),
        data=pd.DataFrame(known).assign(simulated=folder.simulated),
        flags=folder.flags(*dict.fromkeys(effect["hypothesis"] for effect in known)),
    )


def _effect(effect: Mapping[str, Any]) -> tuple[Cell, ...]:
    change = str(effect["change"])
    scale = 1.0 if change == "difference" else 100.0
    unit = {"points": "points", "ratio": "%"}.get(change, str(effect["unit"]))
    sizes = [scale * to_float(effect[key]) for key in ("median", "lower", "upper")]
    places = decimals((sizes[2] - sizes[1]) / 4, *sizes)
    if effect.get("at"):
        where = f"at the {effect['at']}, against rest"
    else:
        where = f"{effect['parameter']}: {effect['level']} against {effect['against']}"
    return (
        Cell(sentence(str(effect["words"])).rstrip("."), where),
        Cell(fixed(sizes[0], places), unit),
        Cell(between(sizes[1], sizes[2], places)),
        _sensitivity(effect),
    )


def parameter_table(
    folder: RunFolder,
    fit: str,
    *,
    groups: tuple[str, ...] = tuple(GROUPS),
    meanings: bool = True,
) -> Table | None:
    """Return a fit's population parameters; None if there are none in these groups.

    Parameters
    ----------
    folder : RunFolder
    fit : str
    groups : tuple of str
        Keys of `dopafit.report.said.quantities.GROUPS`.
    meanings : bool
        Say under each name what it means.
    """
    pairs = [pair for pair in population(folder, fit) if pair[0].group in groups]
    if not pairs:
        return None
    rows: list[tuple[Cell, ...] | str] = []
    last = ""
    for quantity, row in pairs:
        if quantity.group != last and len(groups) > 1:
            rows.append(GROUPS[quantity.group])
        last = quantity.group
        name = Cell(quantity.name, quantity.meaning if meanings else "", code=True)
        rows.append((name, Cell(quantity.unit), *_estimate(folder, row, quantity)))
    data = pd.DataFrame([row for _, row in pairs]).reset_index(drop=True)
    data.insert(2, "meaning", [quantity.meaning for quantity, _ in pairs])
    data["unit"] = [quantity.unit for quantity, _ in pairs]
    return Table(
        name=file_name("parameters", fit),
        caption=f"{fit} fit: population parameters. Posterior median, {folder.interval}, "
        "mean and standard deviation, with rank-normalised R-hat (rounded up) and effective "
        "sample size.",
        heads=(("Parameter", "l"), ("Unit", "l"), *_heads(folder)),
        rows=tuple(rows),
        data=_stored(folder, data, fit),
        flags=folder.flags(fit),
        fit=fit,
    )


def member_table(folder: RunFolder, fit: str) -> Table | None:
    """Return the deviations of a fit's group members; None if it has none."""
    summary = folder.of(folder.summary, fit)
    found = [(member_of(str(row["parameter"])), row) for _, row in summary.iterrows()]
    found = [(parts, row) for parts, row in found if parts is not None]
    if not found:
        return None
    rows: list[tuple[Cell, ...] | str] = []
    last = ""
    for (stem, term, member), row in found:
        head = f"{stem} ({term})"
        if head != last:
            rows.append(head)
        last = head
        rows.append((Cell(member), *_estimate(folder, row, None)))
    return Table(
        name=file_name("members", fit),
        caption=f"{fit} fit: deviations of group members on the link scale. Posterior median, "
        f"{folder.interval}, mean and standard deviation.",
        heads=(("Member", "l"), *_heads(folder)),
        rows=tuple(rows),
        data=_stored(folder, pd.DataFrame([row for _, row in found]), fit),
        flags=folder.flags(fit),
        fit=fit,
    )


def identifiability_table(folder: RunFolder, *fits: str) -> Table | None:
    """Return the identifiability card of some fits; None if the run made none."""
    rows: list[tuple[Cell, ...] | str] = []
    parts = []
    for fit in fits:
        found = folder.of(folder.identifiability, fit)
        if found.empty:
            continue
        rows += [f"{fit} fit"] if len(fits) > 1 else []
        rows += [_card(row) for _, row in found.iterrows()]
        parts.append(_stored(folder, found, fit))
    if not parts:
        return None
    subject = f"{fits[0]} fit: what" if len(fits) == 1 else "What"
    return Table(
        name=file_name("identifiability", *fits),
        caption=f"{subject} the data taught. Contraction: one minus the ratio of posterior to "
        "prior variance, on the scale on which the prior is normal; near 1, the data decided; "
        "near 0, the posterior is the prior. Standard deviations of prior and posterior; no "
        "intervals. Sensitivity: how far the posterior moves when the prior, or the likelihood, is "
        "raised to a power (cumulative Jensen-Shannon distance per doubling; 0.05 counts).",
        heads=aligned(
            "llrrrl", "Parameter, Status, Contraction, Prior SD, Posterior SD, Sensitivity"
        ),
        rows=tuple(rows),
        data=pd.concat(parts, ignore_index=True),
        flags=folder.flags(*fits),
        fit=fits[0] if len(fits) == 1 else "",
    )


def _card(row: Any) -> tuple[Cell, ...]:
    status = str(row["status"])
    return (
        Cell(str(row["parameter"]), code=True),
        Cell(status, str(row["convention"]), mark=STATUS.get(status, "faint")),
        Cell(fixed(row["contraction"], 2)),
        Cell(number(row["prior_sd"], 2)),
        Cell(number(row["posterior_sd"], 2)),
        _sensitivity(row),
    )


def prior_table(folder: RunFolder) -> Table | None:
    """Return the priors of all fits; None if the specification holds none."""
    found = prior_rows(folder)
    if not found:
        return None
    every = set(folder.fits)
    rows = tuple(
        (
            Cell(p.parameter, p.meaning, code=True),
            Cell(p.unit),
            Cell(p.prior, "set by this analysis" if p.changed else ""),
            Cell(p.range or MISSING),
            Cell(
                p.formula, f"on the {p.link} scale" if p.formula not in ("", "1") else "", code=True
            ),
            Cell("all" if set(p.fits) == every else ", ".join(p.fits)),
            Cell(p.reason),
        )
        for p in found
    )
    names = "parameter meaning unit link formula prior range reason changed fits".split()
    data = pd.DataFrame([[getattr(p, n) for n in names] for p in found], columns=names)
    data["fits"] = [", ".join(p.fits) for p in found]
    return Table(
        name="priors",
        caption="Priors on the natural scale and fixed values, with the central 90 % interval of "
        "each prior; its formula says on which columns the parameter depends and over which "
        "groups it varies.",
        heads=aligned(
            "lllrlll", "Parameter, Unit, Prior, 90 % of the prior, Formula, Fits, Reason"
        ),
        rows=rows,
        data=data.assign(simulated=folder.simulated),
        flags=("SIMULATED DATA",) if folder.simulated else (),
    )


def _heads(folder: RunFolder) -> tuple[tuple[str, str], ...]:
    interval = folder.interval.partition(" %")[0]
    label = f"{interval} % interval" if interval.replace(".", "").isdigit() else "Interval"
    names = ("Median", label, "Mean", "SD", "R-hat", "ESS bulk", "ESS tail")
    return tuple((name, "r") for name in names)


def _estimate(folder: RunFolder, row: Any, quantity: Quantity | None) -> tuple[Cell, ...]:
    """Return median, interval, mean, sd, R-hat, ESS; digits follow the standard deviation."""
    places = decimals(row["sd"], row["mean"], row["lower"], row["upper"])
    chains = (folder.spec.get("sampling") or {}).get("chains")
    need = max(ESS_LEAST, ESS_PER_CHAIN * (chains if isinstance(chains, int) else 0))
    human = seconds(row["median"]) if quantity is not None and quantity.unit == "s" else ""
    factor = ""
    # quantiles survive exp; a shortest interval would not
    if quantity is not None and quantity.group == "effect" and quantity.link == "log":
        if row["interval_kind"] == "eti":
            factor = f"factor {between(_exp(row['lower']), _exp(row['upper']))}"
    split = to_float(row["r_hat"])
    return (
        Cell(fixed(row["median"], places), human),
        Cell(between(row["lower"], row["upper"], places), factor),
        Cell(fixed(row["mean"], places)),
        Cell(fixed(row["sd"], places)),
        Cell(r_hat(split), mark="bad" if split >= R_HAT else ""),
        *(
            Cell(count(row[name]), mark="bad" if to_float(row[name]) <= need else "")
            for name in ("ess_bulk", "ess_tail")
        ),
    )


def _stored(folder: RunFolder, data: pd.DataFrame, fit: str) -> pd.DataFrame:
    return data.assign(converged=folder.verdicts[fit].converged, simulated=folder.simulated)


def _sensitivity(row: Any) -> Cell:
    words = row.get("sensitivity")
    if not words:
        return Cell(MISSING, mark="faint")
    prior, data = (number(row[f"{part}_sensitivity"], 2) for part in ("prior", "data"))
    return Cell(str(words), f"prior {prior}, data {data}", mark="" if words == "low" else "warn")


def _exp(value: Any) -> float:
    return math.exp(min(700.0, to_float(value)))

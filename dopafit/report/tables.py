"""The run's tables: population parameters, comparison, identifiability, priors, diagnostics."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.fit.verdict import ESS_LEAST, ESS_PER_CHAIN, R_HAT, Diagnostic
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
)
from dopafit.report.priors import rows as prior_rows
from dopafit.report.quantities import GROUPS, Quantity, member_of, population
from dopafit.report.tabular import Cell, Table, file_name, latex_table

__all__ = [
    "comparison_table",
    "diagnostics_table",
    "flags",
    "identifiability_table",
    "member_table",
    "parameter_table",
    "prior_table",
    "shown",
    "truth_table",
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

    Parameters
    ----------
    folder : RunFolder

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    FitError
        A file cannot be written.
    """
    tables = [parameter_table(folder, fit) for fit in folder.fits]
    tables += [comparison_table(folder)]
    tables += [identifiability_table(folder, fit) for fit in folder.fits]
    tables += [prior_table(folder), diagnostics_table(folder), truth_table(folder)]
    paths = []
    for table in tables:
        if table is not None:
            stem = folder.path / "tables" / table.name
            text = table.data.to_csv(index=False, lineterminator="\n")
            paths.append(write_text(stem.with_name(f"{stem.name}.csv"), text))
            paths.append(write_text(stem.with_name(f"{stem.name}.tex"), latex_table(table)))
    return paths


def flags(folder: RunFolder, *fits: str) -> tuple[str, ...]:
    """Return what must be said over anything made from these fits."""
    failed = [fit for fit in fits if not folder.verdicts[fit].converged]
    found = ["SIMULATED DATA"] if folder.simulated else []
    return (*found, *([f"NOT CONVERGED: {', '.join(failed)}"] if failed else []))


def parameter_table(
    folder: RunFolder, fit: str, *, groups: tuple[str, ...] = tuple(GROUPS)
) -> Table | None:
    """Return a fit's population parameters; None if there are none in these groups.

    Parameters
    ----------
    folder : RunFolder
    fit : str
    groups : tuple of str
        Keys of `dopafit.report.quantities.GROUPS`.
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
        name = Cell(quantity.name, quantity.meaning, code=True)
        rows.append((name, Cell(quantity.unit), *_estimate(folder, row, quantity)))
    data = pd.DataFrame([row for _, row in pairs]).reset_index(drop=True)
    data.insert(2, "meaning", [quantity.meaning for quantity, _ in pairs])
    data["unit"] = [quantity.unit for quantity, _ in pairs]
    return Table(
        name=file_name("parameters", fit),
        caption=f"{fit} fit: population parameters. Posterior mean, standard deviation and "
        f"{folder.interval}, with rank-normalised R-hat (rounded up) and effective sample size.",
        heads=(("Parameter", "l"), ("Unit", "l"), *_heads(folder)),
        rows=tuple(rows),
        data=_stored(folder, data, fit),
        flags=flags(folder, fit),
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
        caption=f"{fit} fit: deviations of group members on the link scale. Posterior mean, "
        f"standard deviation and {folder.interval}.",
        heads=(("Member", "l"), *_heads(folder)),
        rows=tuple(rows),
        data=_stored(folder, pd.DataFrame([row for _, row in found]), fit),
        flags=flags(folder, fit),
    )


def comparison_table(folder: RunFolder) -> Table | None:
    """Return the leave-one-out comparison; None if nothing was compared."""
    table = folder.comparison
    if table is None:
        return None
    unit, units = str(table["unit"].iloc[0]), count(table["n_units"].iloc[0])
    interval = 100 * float(folder.comparison_notes.get("weight_prob", 0.95))
    best = str(table["model"].iloc[0])
    rows = []
    for _, row in table.iterrows():
        first = row["model"] == best
        places = decimals(row["se"], row["elpd"])
        gap = decimals(row["dse"], row["elpd_diff"])
        bad = _number(row["n_bad_k"])
        weight = Cell(
            fixed(row["weight"], 2),
            between(row.get("weight_lower"), row.get("weight_upper"), 2)
            if "weight_lower" in table
            else "",
        )
        rows.append(
            (
                Cell(str(row["model"]), _words(folder, str(row["model"])), code=True),
                Cell(fixed(row["elpd"], places), f"± {fixed(row['se'], places)}"),
                Cell(MISSING, "best", mark="faint")
                if first
                else Cell(fixed(row["elpd_diff"], gap), f"± {fixed(row['dse'], gap)}"),
                weight,
                Cell(
                    number(row["max_pareto_k"], 2),
                    f"{count(bad)} unreliable" if bad else "",
                    mark="bad" if bad else "",
                ),
                Cell("yes", mark="good")
                if folder.verdicts[str(row["model"])].converged
                else Cell("NO", mark="bad"),
            )
        )
    return Table(
        name="comparison",
        caption=f"Drives compared by leaving out one {unit} at a time ({units} units). elpd: "
        "expected log predictive density, higher is better; the difference is to the best drive; "
        "± is one standard error, that of a difference its own. Weight: stacking, with the "
        f"{interval:g} % interval of a Bayesian bootstrap over units. Pareto k: reliability of "
        "the reweighting.",
        heads=(
            ("Drive", "l"),
            ("elpd", "r"),
            ("Difference", "r"),
            ("Weight", "r"),
            ("Largest k", "r"),
            ("Converged", "l"),
        ),
        rows=tuple(rows),
        data=table.assign(simulated=folder.simulated),
        flags=flags(folder, *table["model"]),
        notes=tuple(f"{w.rstrip('.')}." for w in folder.warnings),
    )


def identifiability_table(folder: RunFolder, fit: str) -> Table | None:
    """Return a fit's identifiability card; None if the run made none."""
    found = folder.of(folder.identifiability, fit)
    if found.empty:
        return None
    rows = []
    for _, row in found.iterrows():
        status = str(row["status"])
        prior, after = row["prior_sd"], row["posterior_sd"]
        rows.append(
            (
                Cell(str(row["parameter"]), code=True),
                Cell(status, mark=STATUS.get(status, "faint")),
                Cell(number(row["contraction"], 2)),
                Cell(number(prior, 2)),
                Cell(number(after, 2)),
                Cell(_sensitivity(row.get("sensitivity"))),
                Cell(str(row["convention"])),
            )
        )
    return Table(
        name=file_name("identifiability", fit),
        caption=f"{fit} fit: what the data taught. Contraction: one minus the ratio of posterior "
        "to prior variance, on the scale on which the prior is normal; near 1, the data decided; "
        "near 0, the posterior is the prior. Standard deviations of prior and posterior; no "
        "intervals.",
        heads=(
            ("Parameter", "l"),
            ("Status", "l"),
            ("Contraction", "r"),
            ("Prior SD", "r"),
            ("Posterior SD", "r"),
            ("Sensitivity", "l"),
            ("Convention", "l"),
        ),
        rows=tuple(rows),
        data=_stored(folder, found, fit),
        flags=flags(folder, fit),
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
            Cell(p.formula, f"on the {p.link} scale" if p.formula not in ("", "1") else "", code=True),
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
        heads=(
            ("Parameter", "l"),
            ("Unit", "l"),
            ("Prior", "l"),
            ("90 % of the prior", "r"),
            ("Formula", "l"),
            ("Fits", "l"),
            ("Reason", "l"),
        ),
        rows=rows,
        data=data.assign(simulated=folder.simulated),
        flags=("SIMULATED DATA",) if folder.simulated else (),
    )


def diagnostics_table(folder: RunFolder) -> Table:
    """Return every diagnostic of every fit with its limit."""
    items: dict[tuple[str, str], dict[str, Any]] = {}
    long = []
    for fit in folder.fits:
        for item in folder.verdicts[fit].items:
            items.setdefault((item.name, item.limit), {})[fit] = item
            long.append([fit, item.name, item.value, item.limit, item.ok, item.where, item.advice])
    rows: list[tuple[Cell, ...]] = []
    for (name, limit), found in items.items():
        cells = []
        for fit in folder.fits:
            item = found.get(fit)
            if item is None:
                cells.append(Cell(MISSING, mark="faint"))
                continue
            value = shown(item)
            cells.append(Cell(value if item.ok else f"✕ {value}", item.where, "" if item.ok else "bad"))
        rows.append((Cell(name), Cell(limit), *cells))
    verdicts = [
        Cell("converged", mark="good")
        if folder.verdicts[fit].converged
        else Cell("NOT CONVERGED", mark="bad")
        for fit in folder.fits
    ]
    rows.append((Cell("Verdict"), Cell("all pass"), *verdicts))
    columns = "fit diagnostic value limit ok where advice".split()
    data = pd.DataFrame(long, columns=columns)
    data["converged"] = [folder.verdicts[fit].converged for fit in data["fit"]]
    return Table(
        name="diagnostics",
        caption="Convergence diagnostics of every fit: the worst value found, where it was found, "
        "and the limit. One failure (✕) and the fit has not converged. No intervals.",
        heads=(("Diagnostic", "l"), ("Limit", "l"), *((fit, "r") for fit in folder.fits)),
        rows=tuple(rows),
        data=data.assign(simulated=folder.simulated),
        flags=flags(folder, *folder.fits),
    )


def truth_table(folder: RunFolder) -> Table | None:
    """Return the values the data were made with beside the estimates; None if not known."""
    table = folder.truth
    if table is None or table.empty:
        return None
    table = table[table["fit"].isin(folder.verdicts)]
    rows: list[tuple[Cell, ...] | str] = []
    for fit, part in table.groupby("fit", sort=False):
        rows += [f"{fit} fit"] if table["fit"].nunique() > 1 else []
        for _, row in part.iterrows():
            places = decimals(_number(row["upper"]) - _number(row["lower"]), row["upper"])
            inside = _true(row["covered"])
            rows.append(
                (
                    Cell(str(row["parameter"]), code=True),
                    Cell(fixed(row["truth"], places)),
                    Cell(between(row["lower"], row["upper"], places)),
                    Cell("inside") if inside else Cell("outside", mark="warn"),
                )
            )
    inside = sum(_true(v) for v in table["covered"])
    probability = 100 * float(folder.summary["interval_prob"].iloc[0])
    return Table(
        name="truth",
        caption=f"The values the data were simulated with, beside the {folder.interval} of the "
        f"fit: {inside} of {len(table)} lie inside. One data set: about {probability:g} % are "
        "expected inside, and a few outside are no fault.",
        heads=(("Parameter", "l"), ("Truth", "r"), ("Interval", "r"), ("Truth is", "l")),
        rows=tuple(rows),
        data=table.assign(
            converged=[folder.verdicts[fit].converged for fit in table["fit"]],
            simulated=folder.simulated,
        ),
        flags=flags(folder, *table["fit"].unique()),
    )


def _heads(folder: RunFolder) -> tuple[tuple[str, str], ...]:
    interval = folder.interval.partition(" %")[0]
    label = f"{interval} % interval" if interval.replace(".", "").isdigit() else "Interval"
    names = ("Mean", "SD", label, "R-hat", "ESS bulk", "ESS tail")
    return tuple((name, "r") for name in names)


def _estimate(folder: RunFolder, row: Any, quantity: Quantity | None) -> tuple[Cell, ...]:
    """Return mean, sd, interval, R-hat and ESS; digits follow the standard deviation."""
    places = decimals(row["sd"], row["mean"], row["lower"], row["upper"])
    chains = (folder.spec.get("sampling") or {}).get("chains")
    need = max(ESS_LEAST, ESS_PER_CHAIN * (chains if isinstance(chains, int) else 0))
    human = seconds(row["mean"]) if quantity is not None and quantity.unit == "s" else ""
    factor = ""
    # quantiles survive exp; a shortest interval would not
    if quantity is not None and quantity.group == "effect" and quantity.link == "log":
        if row["interval_kind"] == "eti":
            factor = f"factor {between(_exp(row['lower']), _exp(row['upper']))}"
    split = _number(row["r_hat"])
    return (
        Cell(fixed(row["mean"], places), human),
        Cell(fixed(row["sd"], places)),
        Cell(between(row["lower"], row["upper"], places), factor),
        Cell(r_hat(split), mark="bad" if split >= R_HAT else ""),
        *(
            Cell(count(row[name]), mark="bad" if _number(row[name]) <= need else "")
            for name in ("ess_bulk", "ess_tail")
        ),
    )


def _stored(folder: RunFolder, data: pd.DataFrame, fit: str) -> pd.DataFrame:
    return data.assign(converged=folder.verdicts[fit].converged, simulated=folder.simulated)


def _words(folder: RunFolder, fit: str) -> str:
    words = str(folder.model(fit).get("words") or "")
    return words if len(words) <= 120 and "\n" not in words else ""


def shown(item: Diagnostic) -> str:
    """Return a diagnostic's value as a reader should see it."""
    if item.name == "R-hat":
        return r_hat(item.value)
    return count(item.value) if item.name.endswith("ESS") else number(item.value)


def _sensitivity(value: Any) -> str:
    text = "" if value is None else str(value)
    try:
        return number(float(text), 2)
    except ValueError:
        return text


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _exp(value: Any) -> float:
    return math.exp(min(700.0, _number(value)))


def _true(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1", "1.0"}

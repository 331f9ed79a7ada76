"""Tables of the evidence: comparison, predictive checks, diagnostics, and the truth if known."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from dopafit.check.predict import p_text
from dopafit.compare.claim import CONDITIONS
from dopafit.design.recovery import ENOUGH
from dopafit.fit.verdict import Diagnostic
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import (
    MISSING,
    between,
    count,
    decimals,
    fixed,
    number,
    r_hat,
    share,
    to_float,
)
from dopafit.report.said.lead import condition_words
from dopafit.report.said.prose import sentence
from dopafit.report.said.truth import POPULATION
from dopafit.report.set.escape import signs
from dopafit.report.set.tabular import Cell, Table, aligned

__all__ = [
    "CHECKED",
    "check_table",
    "comparison_table",
    "conditions_table",
    "diagnostics_table",
    "recovery_table",
    "shown",
    "truth_table",
]

CHECKED = "predictive_checks"  # name of the table of predictive checks
ODD = 0.05  # a predictive p below it is set off


def comparison_table(folder: RunFolder) -> Table | None:
    """Return the leave-one-out comparison; None if nothing was compared."""
    table = folder.comparison
    if table is None:
        return None
    unit, units = str(table["unit"].iloc[0]), count(table["n_units"].iloc[0])
    best = str(table["hypothesis"].iloc[0])
    rows = []
    for _, row in table.iterrows():
        first = row["hypothesis"] == best
        places = max(1, decimals(row["se"], row["elpd"]) or 0)
        gap = decimals(row["dse"], row["elpd_diff"])
        bad = to_float(row["n_bad_k"])
        weight = Cell(fixed(row["weight"], 2), between(row["weight_lower"], row["weight_upper"], 2))
        rows.append(
            (
                Cell(str(row["hypothesis"]), _words(folder, str(row["hypothesis"])), code=True),
                Cell(fixed(row["elpd"], places), f"± {fixed(row['se'], places)}"),
                Cell(MISSING, mark="faint")
                if first
                else Cell(fixed(row["elpd_diff"], gap), f"± {fixed(row['dse'], gap)}"),
                weight,
                Cell(
                    number(row["max_pareto_k"], 2),
                    f"{count(bad)} unreliable" if bad else "",
                    mark="bad" if bad else "",
                ),
                Cell("yes", mark="good")
                if folder.verdicts[str(row["hypothesis"])].converged
                else Cell("NO", mark="bad"),
            )
        )
    return Table(
        name="comparison",
        caption=f"Hypotheses compared by leaving out one {unit} at a time ({units} units). elpd: "
        "expected log predictive density, higher is better; the difference is to the first row; "
        "± is one standard error, that of a difference its own. Weight: stacking, with the "
        "95 % interval of a Bayesian bootstrap over units. Pareto k: reliability of "
        "the reweighting.",
        heads=aligned("lrrrrl", "Hypothesis, elpd, Difference, Weight, Largest k, Converged"),
        rows=tuple(rows),
        data=table.assign(simulated=folder.simulated),
        flags=folder.flags(*table["hypothesis"]),
        notes=tuple(sentence(w) for w in (*folder.warnings, *folder.notes)),
    )


def recovery_table(folder: RunFolder) -> Table | None:
    """Return how often each hypothesis is chosen where it is true; None if that is not known."""
    table = folder.recovered
    if table is None:
        return None
    rows = []
    for name, own in table.groupby("true", sort=False):
        right = own[own["chosen"] == name].iloc[0]
        others = own[own["chosen"] != name]
        most = others.loc[others["count"].idxmax()]
        rows.append(
            (
                Cell(str(name), code=True),
                Cell(f"{count(right['count'])} of {count(right['studies'])}"),
                Cell(
                    fixed(right["p"], 2),
                    between(right["lower"], right["upper"], 2),
                    mark="good" if right["p"] >= ENOUGH else "bad",
                ),
                Cell(fixed(right["inverted"], 2)),
                Cell(f"{most['chosen']} ({count(most['count'])})" if most["count"] else MISSING),
            )
        )
    return Table(
        name="model_recovery",
        caption="Model recovery: studies on this design simulated from each hypothesis, and how "
        "often it was chosen, by marginal likelihood, with the exact 95 % interval; how probable "
        "it is where it is chosen, if all are equally probable at first; and what else was chosen "
        f"most. Under {ENOUGH:g} a comparison can name the wrong hypothesis.",
        heads=aligned("lrrrl", "True hypothesis, Chosen, Share, Probable if chosen, Else chosen"),
        rows=tuple(rows),
        data=table,
        notes=tuple(sentence(text) for text in folder.recovery["summary"]),
    )


def conditions_table(folder: RunFolder) -> Table | None:
    """Return what a claim rests on, condition by condition; None if nothing was compared."""
    if folder.comparison is None:
        return None
    rows = tuple(
        (
            Cell(sentence(CONDITIONS[c.name]), condition_words(c)),
            Cell(number(c.value)),
            Cell(number(c.limit)),
            Cell("met", mark="good") if c.met else Cell("not met", mark="warn"),
        )
        for c in folder.claim.conditions
    )
    return Table(
        name="conditions",
        caption="What a claim rests on. Events are said to move pursuit only if the first six hold,"
        " a trough only if all but the last do. One that was not checked is not met. No intervals.",
        heads=aligned("lrrl", "Condition, Value, Limit, Met"),
        rows=rows,
        data=pd.DataFrame(folder.claim.to_dict()["conditions"]),
        flags=folder.flags(*folder.comparison["hypothesis"]),
    )


def check_table(folder: RunFolder) -> Table | None:
    """Return how well each fit's replicates match the data; None if that was not checked."""
    table = folder.checks
    if table is None:
        return None
    table = table[(table["source"] == "posterior") & table["hypothesis"].isin(folder.verdicts)]
    rows: list[tuple[Cell, ...] | str] = []
    for fit in (f for f in folder.fits if (table["hypothesis"] == f).any()):
        rows.append(f"{fit} fit")
        for _, row in table[table["hypothesis"] == fit].iterrows():
            odd = to_float(row["p_value"]) < ODD
            rows.append(
                (
                    Cell(str(row["signature"]), str(row["group"])),
                    Cell(count(row["bins"])),
                    Cell(share(row["inside"])),
                    Cell(
                        p_text(to_float(row["p_value"]), to_float(row["p_least"]))
                        .removeprefix("p = ")
                        .removeprefix("p "),
                        mark="warn" if odd else "",
                    ),
                )
            )
    if not rows:
        return None
    return Table(
        name=CHECKED,
        caption="Posterior predictive checks. Share of bins in which the data lie inside the 90 % "
        "equal-tailed band of the replicates, and predictive p: how often a replicate lies as far "
        f"from the replicates' mean as the data do; below {ODD:g} the model does not make data "
        "like these.",
        heads=(("Signature", "l"), ("Bins", "r"), ("Inside", "r"), ("p", "r")),
        rows=tuple(rows),
        data=table,
        flags=folder.flags(*(f for f in folder.fits if (table["hypothesis"] == f).any())),
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
            cells.append(
                Cell(value if item.ok else f"✕ {value}", item.where, "" if item.ok else "bad")
            )
        rows.append((Cell(name), Cell(signs(limit)), *cells))
    verdicts = [
        Cell("converged", mark="good")
        if folder.verdicts[fit].converged
        else Cell("NOT CONVERGED", mark="bad")
        for fit in folder.fits
    ]
    rows.append((Cell("Verdict"), Cell("all pass"), *verdicts))
    columns = "hypothesis diagnostic value limit ok where advice".split()
    data = pd.DataFrame(long, columns=columns)
    data["converged"] = [folder.verdicts[fit].converged for fit in data["hypothesis"]]
    return Table(
        name="diagnostics",
        caption="Convergence diagnostics of every fit: the worst value found, where it was found, "
        "and the limit. One failure (✕) and the fit has not converged. No intervals.",
        heads=(("Diagnostic", "l"), ("Limit", "l"), *((fit, "l") for fit in folder.fits)),
        rows=tuple(rows),
        data=data.assign(simulated=folder.simulated),
        flags=folder.flags(*folder.fits),
    )


def truth_table(folder: RunFolder) -> Table | None:
    """Return the values the data were made with beside the estimates; None if not known."""
    table = folder.truth
    if table is None or table.empty:
        return None
    table = table[table["hypothesis"].isin(folder.verdicts)]
    rows: list[tuple[Cell, ...] | str] = []
    for fit, part in table.groupby("hypothesis", sort=False):
        rows += [f"{fit} fit"] if table["hypothesis"].nunique() > 1 else []
        for _, row in part.iterrows():
            width = to_float(row["upper"]) - to_float(row["lower"])
            places = decimals(width / 3.3, row["upper"])  # about one standard deviation
            inside = _true(row["covered"])
            rows.append(
                (
                    Cell(str(row["parameter"]), code=True),
                    Cell(fixed(row["truth"], places)),
                    Cell(between(row["lower"], row["upper"], places)),
                    Cell("inside") if inside else Cell("outside", mark="warn"),
                    *_totals(row),
                )
            )
    inside = _counted(table)
    probability = 100 * float(folder.summary["interval_prob"].iloc[0])
    return Table(
        name="truth",
        caption=f"The values the data were simulated with, beside the {folder.interval} of the "
        f"fit: {inside}. One data set: about {probability:g} % are expected inside, and a few "
        "outside are no fault. A member of a group has a deviation from the population and, on "
        "the natural scale, their total.",
        heads=aligned(
            "lrrlrrl",
            "Parameter, Truth, Interval, Truth is, Total, Interval of the total, Truth is",
        ),
        rows=tuple(rows),
        data=table.assign(
            converged=[folder.verdicts[fit].converged for fit in table["hypothesis"]],
            simulated=folder.simulated,
        ),
        flags=folder.flags(*table["hypothesis"].unique()),
    )


def _counted(table: pd.DataFrame) -> str:
    """Say how many true values lie inside: the population's, each group's, each group's totals."""
    parts = []
    for group, rows in table.groupby("member_of", sort=False):
        inside = f"{sum(_true(v) for v in rows['covered'])} of {len(rows)}"
        if group == POPULATION:
            parts.append(f"{inside} of the population's lie inside")
            continue
        known = rows[rows["total_truth"].notna()]
        totals = sum(_true(v) for v in known["total_covered"])
        parts.append(
            f"of the deviations by {group} {inside}, of the totals {totals} of {len(known)}"
        )
    return "; ".join(parts)


def _totals(row: Any) -> tuple[Cell, ...]:
    if math.isnan(to_float(row["total_truth"])):
        return (Cell(""), Cell(""), Cell(""))
    width = to_float(row["total_upper"]) - to_float(row["total_lower"])
    places = decimals(width / 3.3, row["total_upper"])
    return (
        Cell(fixed(row["total_truth"], places)),
        Cell(between(row["total_lower"], row["total_upper"], places)),
        Cell("inside") if _true(row["total_covered"]) else Cell("outside", mark="warn"),
    )


def shown(item: Diagnostic) -> str:
    """Return a diagnostic's value as a reader should see it."""
    if item.name == "R-hat":
        return r_hat(item.value)
    whole = math.isfinite(item.value) and item.value == round(item.value)
    return count(item.value) if whole or item.name.endswith("ESS") else number(item.value)


def _words(folder: RunFolder, fit: str) -> str:
    words = str(folder.model(fit).get("words") or "")
    return words if len(words) <= 120 and "\n" not in words else ""


def _true(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1", "1.0"}

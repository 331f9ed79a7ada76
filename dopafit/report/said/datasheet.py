"""Tables of the data and of where the numbers came from."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dopafit.report.folder import RunFolder
from dopafit.report.numbers import MISSING, count, number
from dopafit.report.set.tabular import Cell, Table

__all__ = [
    "contents_table",
    "exclusion_table",
    "facts",
    "file_table",
    "kind_table",
    "level_table",
    "row_table",
    "time_table",
]

_LEVELS = 40
"""Levels of covariates on the page."""


def row_table(folder: RunFolder) -> Table | None:
    """Return how many rows of each channel were used and left out."""
    used = folder.data.get("rows_used") or {}
    left = folder.data.get("excluded") or {}
    if not used:
        return None
    rows = [[str(k), used.get(k), left.get(k, 0)] for k in used]
    return _simple(
        folder,
        "rows",
        "Rows that entered the likelihood of each channel, and rows left out because the outcome "
        "was missing. Counts, no intervals.",
        ("Channel", "Used", "Left out"),
        rows,
    )


def kind_table(folder: RunFolder) -> Table | None:
    """Return the number of events by kind."""
    kinds = folder.data.get("events_by_kind") or {}
    if not kinds:
        return None
    rows = [[str(k), v] for k, v in kinds.items()]
    return _simple(
        folder, "kinds", "Events by kind. Counts, no intervals.", ("Kind", "Events"), rows
    )


def contents_table(folder: RunFolder) -> Table | None:
    """Return ranges, shares censored and shares missing of everything measured."""
    held = (folder.data.get("contents") or {}).get("quantities") or []
    rows = []
    for q in held:
        where = " ".join(str(q.get(key) or "") for key in ("table", "kind")).strip()
        unit = q.get("unit")
        name = f"{q.get('quantity')} [{unit}]" if unit == "s" else str(q.get("quantity"))
        lost, every = q.get("missing") or 0, q.get("rows") or 0
        rows.append([where, name, every])
        rows[-1] += [number(q.get(key)) for key in ("min", "q05", "median", "q95", "max")]
        rows[-1] += [_share(q.get("censored")), _share(lost / every if every else None)]
    if not rows:
        return None
    caption = (
        "What the study holds: ranges of every quantity, to see a wrong unit by. A gap is the time "
        "since the row before in the same session. Quantiles over rows, no intervals."
    )
    heads = ("Rows of", "Quantity", "Rows", "Least", "5 %", "Median", "95 %", "Most", "Censored",
             "Missing")  # fmt: skip
    return _simple(folder, "contents", caption, heads, rows, code=(0, 1))


def level_table(folder: RunFolder) -> Table | None:
    """Return the levels of every covariate with their counts."""
    held = (folder.data.get("contents") or {}).get("levels") or []
    rows = [
        [f"{v.get('table')}, {v.get('covariate')}", str(v.get("level"))]
        + [None if v.get(k) is None else int(v[k]) for k in ("rows", "subjects", "sessions")]
        for v in held[:_LEVELS]
    ]
    if not rows:
        return None
    more = f" The first {_LEVELS} of {len(held)}; data.json has all." if len(held) > _LEVELS else ""
    caption = f"Levels of the covariates in words. Counts, no intervals.{more}"
    heads = ("Covariate", "Level", "Rows", "Subjects", "Sessions")
    return _simple(folder, "levels", caption, heads, rows, code=(0, 1))


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.3g} %"


def exclusion_table(folder: RunFolder) -> Table | None:
    """Return what each rule of the analysis left out of the study."""
    rules = [r for r in folder.data.get("exclusions") or [] if isinstance(r, dict)]
    if not rules:
        return None
    counted = ("subjects", "sessions", "observations", "presses", "events")
    rows = []
    for r in rules:
        counts = [r.get(c) for c in counted]
        rows.append([str(r.get("rule", "")), str(r.get("reason") or ""), *counts])
        rows[-1].append(number(r.get("hours")))
    heads = ("Rule", "Reason", *(c.capitalize() for c in counted), "Hours")
    caption = (
        "What the rules of the analysis left out, each after the rules above it. Events in a "
        "stretch of time that is left out stay, as they move the level later on. Counts, no "
        "intervals."
    )
    return _simple(folder, "exclusions", caption, heads, rows)


def file_table(folder: RunFolder) -> Table | None:
    """Return the files that were read, with their hashes."""
    files = [f for f in folder.data.get("files") or [] if isinstance(f, dict)]
    if not files:
        return None
    rows = [[str(f.get("file", "")), f.get("rows"), str(f.get("sha256") or "")] for f in files]
    caption = "The files the study was read from. Counts, no intervals."
    return _simple(folder, "files", caption, ("File", "Rows", "SHA-256"), rows, code=(0, 2))


def time_table(folder: RunFolder) -> Table | None:
    """Return how long each fit took."""
    times = folder.environment.get("seconds") or {}
    timed = {str(fit): parts for fit, parts in times.items() if isinstance(parts, dict)}
    stages = list(dict.fromkeys(stage for parts in timed.values() for stage in parts))
    if not stages:
        return None
    rows = [[fit, *(number(parts.get(s)) for s in stages)] for fit, parts in timed.items()]
    heads = ("Fit", *("Compiling and sampling" if s == "fit" else str(s) for s in stages))
    return _simple(folder, "times", "Time each fit took [s], measured once.", heads, rows)


def facts(folder: RunFolder) -> list[tuple[str, str]]:
    """Return provenance as pairs of a name and a value."""
    environment, data = folder.environment, folder.data
    machine = environment.get("machine")
    sampling = folder.spec.get("sampling") or {}
    pairs = [
        ("Analysis", folder.spec.get("analysis")),
        ("Command", environment.get("command")),
        ("Seed", environment.get("seed", folder.spec.get("seed"))),
        ("Sampler", ", ".join(f"{k} {v}" for k, v in sampling.items() if v is not None)),
        ("dopafit", environment.get("dopafit")),
        ("Python", environment.get("python")),
        ("Packages", ", ".join(f"{k} {v}" for k, v in (environment.get("packages") or {}).items())),
        (
            "Machine",
            ", ".join(str(v) for v in machine.values()) if isinstance(machine, dict) else machine,
        ),
        ("Started", environment.get("started")),
        ("Finished", environment.get("finished")),
        ("Data, SHA-256", data.get("hash")),
    ]
    pairs += [(f"Model {fit}, SHA-256", folder.model(fit).get("hash")) for fit in folder.fits]
    return [(name, str(value)) for name, value in pairs if value not in (None, "")]


def _simple(
    folder: RunFolder,
    name: str,
    caption: str,
    heads: tuple[str, ...],
    rows: list[list[Any]],
    *,
    code: tuple[int, ...] = (0,),
) -> Table:
    shown = tuple(
        tuple(
            Cell(v if isinstance(v, str) else MISSING if v is None else count(v), code=i in code)
            for i, v in enumerate(row)
        )
        for row in rows
    )
    align = [
        "l" if i == 0 or h in ("Reason", "Quantity", "Level") or h.startswith("SHA") else "r"
        for i, h in enumerate(heads)
    ]
    return Table(
        name=name,
        caption=caption,
        heads=tuple(zip(heads, align, strict=True)),
        rows=shown,
        data=pd.DataFrame(rows, columns=list(heads)),
        flags=folder.flags(),
    )

"""What a study holds, in numbers in which a wrong unit is seen at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dopafit.study.rows import KEY, complete
from dopafit.study.tables import REQUIRED, is_censoring, is_length

__all__ = ["Contents", "contents_of"]

_SHOWN = 6  # levels of one covariate in the text; the table holds all
_LONG = 36_000.0  # seconds from which on hours are easier to read
_KEYS = {c for names in REQUIRED.values() for c in names}
_QUANTILES = (("min", 0.0), ("q05", 0.05), ("median", 0.5), ("q95", 0.95), ("max", 1.0))


@dataclass(frozen=True, repr=False)
class Contents:
    """What was read.

    Parameters
    ----------
    subjects, sessions : int
        How many.
    hours : float
        Observed time, summed over windows [h].
    quantities : DataFrame, (quantity,)
        ``table``, ``kind``, ``quantity``, ``unit``, ``rows`` and ``missing`` (counts), ``censored``
        (share; NaN where no column says), ``mean``, ``min``, ``q05``, ``median``, ``q95`` and
        ``max``. The quantity ``gap`` is the time [s] since the row before in the same session (and
        of the same kind).
    levels : DataFrame, (level,)
        ``table``, ``covariate``, ``level``, ``rows``, ``subjects``, ``sessions``.
    """

    subjects: int
    sessions: int
    hours: float
    quantities: pd.DataFrame
    levels: pd.DataFrame

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return both tables as records; None where there is no number."""
        frames = {"quantities": self.quantities, "levels": self.levels}
        return {
            name: frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
            for name, frame in frames.items()
        }

    def __str__(self) -> str:
        lines = [
            f"  {self.subjects} subjects, {self.sessions} sessions, {self.hours:.4g} h observed"
        ]
        for (table, kind), rows in self.quantities.groupby(["table", "kind"], sort=False):
            name = f"{table} of kind {kind!r}" if kind else table
            lines.append(f"  {name}: {rows['rows'].iloc[0]}")
            lines += [f"    {_said(row)}" for row in rows.to_dict(orient="records")]
        for (table, covariate), rows in self.levels.groupby(["table", "covariate"], sort=False):
            told = [f"{r.level} ({r.rows})" for r in rows.head(_SHOWN).itertuples()]
            if len(rows) > _SHOWN:
                told.append(f"... ({len(rows)} levels in all)")
            lines.append(f"  {table}, {covariate}: {', '.join(told)}")
        if len(self.quantities):
            lines.append(
                "  medians, in brackets 5 to 95 % and the extremes; levels with their rows"
            )
        return "\n".join(lines)

    __repr__ = __str__


def contents_of(tables: Mapping[str, pd.DataFrame]) -> Contents:
    """Say what tables hold; cells that cannot be used are passed over.

    Parameters
    ----------
    tables : mapping of role to DataFrame
        With canonical columns and times in seconds, such as ``study.tables``.
    """
    hours = 0.0
    if "windows" in tables or "sessions" in tables:
        spans = complete(tables.get("windows", tables.get("sessions")), "start", "end")
        hours = float((spans["end"] - spans["start"]).sum() / 3600)
    columns = ["table", "kind", "quantity", "unit", "rows", "missing", "censored"]
    columns += ["mean"] + [name for name, _ in _QUANTILES]
    quantities = pd.DataFrame(list(_quantities(tables)), columns=columns)
    levels = pd.DataFrame(
        list(_levels(tables)),
        columns=["table", "covariate", "level", "rows", "subjects", "sessions"],
    )
    named = complete(tables.get("sessions", pd.DataFrame(columns=KEY)))
    return Contents(
        named["subject"].nunique(), len(named.drop_duplicates(KEY)), hours, quantities, levels
    )


def _quantities(tables: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, Any]]:
    for role, frame in tables.items():
        if not len(frame) or role == "windows":
            continue
        kinds = [("", frame)]
        if "kind" in REQUIRED[role]:
            kinds = [(str(k), rows) for k, rows in frame.groupby("kind", sort=True)]
        for kind, rows in kinds:
            about = {"table": role, "kind": kind}
            if role == "sessions":
                span = complete(rows, "start", "end")
                yield about | _one("length", span["end"] - span["start"], len(rows), "s")
            if "time" in REQUIRED[role]:
                timed = complete(rows, "time").sort_values([*KEY, "time"], kind="stable")
                gaps = timed.groupby(KEY, sort=False)["time"].diff().dropna()
                yield about | _one("gap", gaps, len(rows), "s", missing=0)
            for column in rows.columns:
                plain = column not in _KEYS or column == "magnitude"
                if plain and rows[column].dtype == np.float64 and not is_censoring(column):
                    binary = rows[column].dropna().isin((0.0, 1.0)).all()
                    unit = "s" if is_length(role, column) else "0/1" if binary else ""
                    yield (
                        about
                        | _one(column, rows[column], len(rows), unit)
                        | _censored(rows, column)
                    )


def _mean(values: np.ndarray) -> float:
    """Return the mean, also of numbers whose sum is out of range; NaN of none."""
    if not len(values):
        return np.nan
    with np.errstate(over="ignore"):
        found = float(values.mean())
    return found if np.isfinite(found) else float((values / len(values)).sum())


def _one(
    quantity: str, values: pd.Series, rows: int, unit: str, *, missing: int | None = None
) -> dict[str, Any]:
    known = values[np.isfinite(values.to_numpy(float))].to_numpy(float)
    found = {name: float(np.quantile(known, q)) if len(known) else np.nan for name, q in _QUANTILES}
    found["mean"] = _mean(known)
    lost = rows - len(known) if missing is None else missing
    return {"quantity": quantity, "unit": unit, "rows": rows, "missing": lost, "censored": np.nan,
            **found}  # fmt: skip


def _censored(rows: pd.DataFrame, column: str) -> dict[str, float]:
    mark = f"{column}_censored"
    if mark not in rows or rows[mark].dtype != np.float64:
        return {}
    given = rows.loc[rows[column].notna(), mark]
    return {"censored": float((given == 1).mean()) if len(given) else np.nan}


def _levels(tables: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, Any]]:
    for role, frame in tables.items():
        for column in frame.columns:
            if column in _KEYS or frame[column].dtype == np.float64:
                continue
            keys = [k for k in KEY if k in frame]
            for level, rows in frame.groupby(column, sort=True):
                people = rows["subject"].nunique()
                pairs = len(rows.drop_duplicates(KEY)) if len(keys) == 2 else np.nan
                yield {"table": role, "covariate": column, "level": str(level), "rows": len(rows),
                       "subjects": people, "sessions": pairs}  # fmt: skip


def _said(row: dict[str, Any]) -> str:
    unit, scale = row["unit"], 1.0
    if unit == "s" and row["median"] >= _LONG:
        unit, scale = "h", 3600.0
    low, q05, median, q95, high = (f"{row[name] / scale:.4g}" for name, _ in _QUANTILES)
    if np.isnan(row["median"]):
        told = "no number"
    elif row["min"] == row["max"]:
        told = median
    elif row["unit"] == "0/1":
        told = f"1 in {100 * row['mean']:.3g} %, else 0"
    else:
        told = f"{median} ({q05} to {q95}; {low} to {high})"
    if not np.isnan(row["censored"]):
        told += f", censored {100 * row['censored']:.3g} %"
    if row["missing"]:
        told += f", missing {100 * row['missing'] / row['rows']:.3g} %"
    return f"{row['quantity']}{f' [{unit}]' if unit in ('s', 'h') else ''}: {told}"

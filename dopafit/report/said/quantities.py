"""What the quantities of a fit are called, what they mean and where they belong on the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dopafit.model.equations import against
from dopafit.report.folder import RunFolder

__all__ = ["GROUPS", "Quantity", "describe", "member_of", "population"]

GROUPS = {
    "kernel": "Response to one unit event",
    "derived": "Derived from it",
    "channel": "Channels",
    "effect": "Effects of conditions and covariates, on the link scale",
    "spread": "Differences between group members (standard deviations, on the link scale)",
}
DERIVED = {
    "time_to_peak": ("time from an event to the maximum", "s"),
    "time_to_crossing": ("time from an event to the return through baseline", "s"),
    "time_to_trough": ("time from an event to the minimum", "s"),
    "opponent_gain": ("area of the opponent over area of the primary response; "
                      "1 is perfect adaptation", "1"),
    "area": ("net area of the response to one unit event", "peak s"),
    "load": ("mean displacement from baseline at the study's event rate", "peak"),
}  # fmt: skip
KERNEL = ("trough_ratio", "recovery_half_life", "onset_ratio", "peak")
GAINS = {
    "gain_peak": "change of the predictor at the top of one unit event",
    "gain_trough": "change of the predictor at the bottom of one unit event",
}
_PARTS = re.compile(r"^(?P<stem>.+?)_(?P<part>effect|sd|group)\[(?P<label>.*)\]$", re.S)
_MEMBER = re.compile(r"^(?P<term>[^\[]*)\[(?P<member>.*)\]$", re.S)


@dataclass(frozen=True)
class Quantity:
    """One quantity of a fit.

    Parameters
    ----------
    name : str
        As in ``summary.csv``.
    group : str
        Key of `GROUPS`, or ``"member"``.
    meaning, unit, link : str
        For readers; empty where not known.
    """

    name: str
    group: str
    meaning: str
    unit: str
    link: str


def describe(folder: RunFolder, fit: str, row: Any) -> Quantity:
    """Return what is known of one row of ``summary.csv``.

    Parameters
    ----------
    folder : RunFolder
    fit : str
        Whose row it is.
    row : Series
        With `parameter` and, if known, `unit`.
    """
    name = str(row["parameter"])
    given = str(row.get("unit") or "")
    known = {
        str(p.get("parameter")): p
        for p in folder.model(fit).get("parameters") or []
        if isinstance(p, dict)
    }
    found = _PARTS.match(name)
    if found:
        base, label = known.get(found["stem"], {}), found["label"]
        link = str(base.get("link") or "")
        unit = {"identity": str(base.get("unit") or given)}.get(link, link or given)
        reference = folder.model(fit).get("reference") or {}
        group = {"effect": "effect", "sd": "spread", "group": "member"}[found["part"]]
        meaning = {
            "effect": f"{label} on {found['stem']}"
            + (f", {compared}" if (compared := against(label, reference)) else ""),
            "sd": f"spread of {found['stem']} over {label}",
            "group": f"deviation of {label} in {found['stem']}",
        }[found["part"]]
        return Quantity(name, group, meaning, unit, link)
    base = known.get(name, {})
    meaning, unit = DERIVED.get(name, ("", ""))
    gain = next((words for suffix, words in GAINS.items() if name.endswith(suffix)), "")
    meaning = str(base.get("meaning") or "") or meaning or gain
    if gain and name.endswith(("gain_peak", "gain_trough")):
        meaning = gain
    unit = given or str(base.get("unit") or "") or unit
    group = "kernel" if name in KERNEL else "derived" if name in DERIVED else "channel"
    return Quantity(name, group, meaning, unit, str(base.get("link") or "identity"))


def population(folder: RunFolder, fit: str) -> list[tuple[Quantity, pd.Series]]:
    """Return a fit's quantities without the members of groups, ordered as `GROUPS`."""
    rows = [
        (describe(folder, fit, row), row) for _, row in folder.of(folder.summary, fit).iterrows()
    ]
    order = list(GROUPS)
    rows = [pair for pair in rows if pair[0].group in order]
    names = [*KERNEL, *DERIVED]
    return sorted(
        rows,
        key=lambda pair: (
            order.index(pair[0].group),
            names.index(pair[0].name) if pair[0].name in names else len(names),
        ),
    )


def member_of(name: str) -> tuple[str, str, str] | None:
    """Return (parameter, term, member) of a group member's row; None for any other row.

    Examples
    --------
    >>> member_of("peak_group[1|subject[s01]]")
    ('peak', '1|subject', 's01')
    """
    found = _PARTS.match(name)
    if not found or found["part"] != "group":
        return None
    inner = _MEMBER.match(found["label"])
    term, member = (inner["term"], inner["member"]) if inner else ("", found["label"])
    return found["stem"], term, member

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
    "drive": "From the level to motivation",
    "channel": "Channels",
    "effect": "Effects of conditions and covariates, on the link scale",
    "spread": "Differences between group members (standard deviations, on the link scale)",
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
    """Return what is known of one row of ``summary.csv``."""
    name = str(row["parameter"])
    given = str(row.get("unit") or "")
    known = folder.words(fit)
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
    base = known.get(name, {"of": "derived"})
    unit, owner = given or str(base.get("unit") or ""), str(base["of"])
    return Quantity(
        name,
        {"gain": "channel"}.get(owner, owner),
        str(base.get("meaning") or ""),
        unit,
        str(base.get("link") or "identity"),
    )


def population(folder: RunFolder, fit: str) -> list[tuple[Quantity, pd.Series]]:
    """Return a fit's quantities without the members of groups, ordered as `GROUPS`."""
    rows = [
        (describe(folder, fit, row), row) for _, row in folder.of(folder.summary, fit).iterrows()
    ]
    order, names = list(GROUPS), list(folder.words(fit))
    rows = [pair for pair in rows if pair[0].group in order]
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

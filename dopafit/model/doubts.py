"""What a study makes doubtful about a claim: sentences that travel with the fit to the page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dopafit.core.errors import SpecError
from dopafit.drive import Drive
from dopafit.model.events import median_gap
from dopafit.model.formula import Design
from dopafit.model.spec import Model

__all__ = ["doubts"]

FAR = 5.0
"""A typical spacing further from the data's own than this factor is doubted."""


def doubts(model: Model, events: pd.DataFrame, designs: Mapping[str, Design]) -> tuple[str, ...]:
    """Return the warnings of a claim over a study.

    Parameters
    ----------
    model : Model
        The claim.
    events : DataFrame, (event,)
        The events that move the trace.
    designs : mapping of str to Design
        Encodings by parameter.
    """
    return (*_spacing(model, events), *_references(model, designs))


def references(designs: Mapping[str, Design]) -> dict[str, str]:
    """Return the reference level of each column of levels; none where formulas differ in it."""
    found: dict[str, set[str]] = {}
    for one in designs.values():
        for column, (level, _) in one.references.items():
            found.setdefault(column, set()).add(level)
    return {column: levels.pop() for column, levels in found.items() if len(levels) == 1}


def _references(model: Model, designs: Mapping[str, Design]) -> list[str]:
    taken = {
        (column, level)
        for one in designs.values()
        for column, (level, named) in one.references.items()
        if not named
    }
    for column in model.reference:
        if not any(column in one.references for one in designs.values()):
            raise SpecError(
                f"reference: no formula reads {column} as levels with one left out",
                allowed=", ".join(sorted(references(designs))) or "no column of this model",
                todo=f"write C({column}) in the formula if its numbers are labels, or leave the "
                "reference out",
            )
    return [
        f"the reference level of {column} is {level!r}, the first in order, as none is stated: "
        f"effects of {column} are differences from it; choose with reference: {{{column}: {level}}}"
        for column, level in sorted(taken)
    ]


def _spacing(model: Model, events: pd.DataFrame) -> list[str]:
    gap = median_gap(events)
    own = model.typical_spacing
    if not Drive.named(model.drive).gains or gap is None or 1 / FAR <= own / gap <= FAR:
        return []
    return [
        f"typical_spacing is {own:g} s, but the median time between successive events is "
        f"{gap:.3g} s: the prior of the recovery half-life sits far from these data; "
        f"give typical_spacing: {gap:.2g}, or check the study's unit of time"
    ]

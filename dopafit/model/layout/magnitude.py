"""One unit event: what magnitudes are divided by, so that a claim does not depend on their unit.

Unless declared otherwise it is the study's typical event: the median of the non-zero absolute
magnitudes, over all kinds of event that move the trace. It is found once, on the whole study, and
then stands in the model as a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from dopafit.core.errors import SpecError
from dopafit.model.given import is_finite

__all__ = ["MEDIAN", "as_plain", "checked_unit", "unit_event"]

MEDIAN = "median"
"""What an analysis writes for the median of a kind's own magnitudes."""

Unit = float | Mapping[str, float | str] | tuple[tuple[str, ...], ...] | None
"""A number, one (or `MEDIAN`) per kind, groups of kinds that share a unit, or all share one."""

FORMS = (
    "a number above 0, {kind: number or median}, or groups of kinds such as [[cue, tone], [dose]]"
)


def checked_unit(value: Any) -> Unit:
    """Return a declared `unit_magnitude` in one spelling.

    Raises
    ------
    SpecError
        Not a positive number, a mapping or groups of kinds; a kind in two groups.
    """
    if value is None or value == MEDIAN:
        return None
    if isinstance(value, Mapping):
        if not value:
            raise _refused("unit_magnitude: {}")
        found = {str(kind): _size(size, str(kind)) for kind, size in value.items()}
        return MappingProxyType(dict(sorted(found.items())))
    if isinstance(value, Sequence) and not isinstance(value, str):
        groups = [[group] if isinstance(group, str) else group for group in value]
        if not groups or not all(isinstance(g, Sequence) and len(g) for g in groups):
            raise _refused(f"unit_magnitude: {value!r}")
        kinds = [str(kind) for group in groups for kind in group]
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise _refused(f"unit_magnitude: kind {twice[0]!r} stands in two places")
        return tuple(sorted(tuple(sorted(map(str, group))) for group in groups))
    return _size(value, "")


def _size(value: Any, kind: str) -> float | str:
    if kind and value == MEDIAN:
        return MEDIAN
    if not is_finite(value) or value <= 0:
        raise _refused(f"unit_magnitude: {kind + ': ' if kind else ''}{value!r}")
    return float(value)


def _refused(wrong: str) -> SpecError:
    return SpecError(
        wrong,
        allowed=FORMS,
        todo="leave it out to make the median magnitude one unit event",
    )


def as_plain(unit: Unit) -> Any:
    """Return the unit as YAML and JSON write it."""
    if isinstance(unit, Mapping):
        return dict(unit)
    return [list(group) for group in unit] if isinstance(unit, tuple) else unit


def unit_event(unit: Unit, events: pd.DataFrame | None = None) -> str:
    """Say what one unit event is, e.g. "one event of magnitude 2.5 (the median)".

    Parameters
    ----------
    unit : Unit
        A model's unit.
    events : DataFrame, optional
        The events that move the trace, to say whether the unit is their median.
    """
    if isinstance(unit, float):
        size = np.empty(0) if events is None else np.abs(events["magnitude"].to_numpy(float))
        size = size[size > 0]
        note = " (the median)" if size.size and np.median(size) == unit else ""
        if size.size and (size == unit).all():
            note = " (as all are)"
        return f"one event of magnitude {unit:.6g}{note}"
    if isinstance(unit, Mapping) and MEDIAN not in unit.values():
        each = (f"{size:.6g} if {kind}" for kind, size in unit.items())
        return f"one event of magnitude {', '.join(each)}"
    over = "the events'" if unit is None else "its kind's"
    return f"one event of {over} median magnitude"

"""The events that move a trace: which, how large, how finely timed, when their input changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dopafit.channel import Scales
from dopafit.core.errors import SpecError, StudyError
from dopafit.model.layout.magnitude import MEDIAN, Unit
from dopafit.study.lasting import input_of
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study
from dopafit.trace.kernel import Kernel
from dopafit.trace.lasting import Changes, changes, lasting_dynamics

if TYPE_CHECKING:
    from dopafit.model.claim import Model

__all__ = ["FLOOR", "in_unit_events", "input_changes", "moving_events", "scales_of"]

FLOOR = 1e-3
"""Shortest time [s] that a grid resolves: no behaviour is timed more finely."""


def moving_events(model: Model, study: Study) -> pd.DataFrame:
    """Return the events of the model's kinds, sorted by session and time, (event,).

    Raises
    ------
    SpecError
        A kind that the study does not have, or no events for a drive that needs them.
    StudyError
        An event without a time or a magnitude.
    """
    events = study.events
    if model.events is not None:
        kinds = sorted(events["kind"].astype(str).unique())
        for kind in model.events:
            if kind not in kinds:
                wrong = f"events: the study has no events of kind {kind!r}"
                todo = "name kinds that occur, or leave the key out"
                raise SpecError(wrong, given=kind, known=kinds, todo=todo)
        events = events[events["kind"].isin(model.events)]
    for column in ("time", "magnitude"):
        bad = ~np.isfinite(events[column].to_numpy(float))
        if bad.any():
            first = events[bad].iloc[0]
            raise StudyError(
                f"events: subject {first['subject']}, session {first['session']}: "
                f"{column} = {first[column]}",
                allowed="finite numbers",
                todo="leave the event out, or give it a time and a magnitude",
            )
    if model.moved and events.empty:
        raise SpecError(
            f"the hypothesis {model.hypothesis} needs events, and the study has none",
            allowed="a study with a table of events, or the drive no_drive",
            todo="add an events table, or fit no_drive",
        )
    return events.sort_values([*KEYS, "time"], kind="stable").reset_index(drop=True)


def in_unit_events(
    unit: Unit, events: pd.DataFrame
) -> tuple[float | Mapping[str, float], np.ndarray]:
    """Return the unit as numbers, medians taken over the events, and their sizes in it.

    Parameters
    ----------
    unit : Unit
        As declared.
    events : DataFrame, (event,)
        `kind` and `magnitude` of all events that move the trace.

    Returns
    -------
    float or mapping of str to float
        The unit, or that of each kind.
    array, (event,)
        Magnitudes [unit events], sign kept.

    Raises
    ------
    SpecError
        A kind without a unit, or magnitudes that are all 0.
    """
    size = events["magnitude"].to_numpy(float)
    if unit is None:
        unit = _median(events, "")
    if isinstance(unit, float):
        return unit, size / unit
    found = {}
    for group in [(kind,) for kind in unit] if isinstance(unit, Mapping) else unit:
        given = unit[group[0]] if isinstance(unit, Mapping) else MEDIAN
        own = events[events["kind"].isin(group)]
        if given != MEDIAN:
            found |= dict.fromkeys(group, given)
        elif len(own):
            found |= dict.fromkeys(group, _median(own, " of kind " + " or ".join(group)))
    kinds = events["kind"].astype(str)
    for kind in sorted(set(kinds) - set(found)):
        named = [*unit] if isinstance(unit, Mapping) else [one for group in unit for one in group]
        raise SpecError(
            f"unit_magnitude says nothing about events of kind {kind!r}",
            allowed="every kind that moves the trace: " + ", ".join(sorted(set(kinds))),
            given=kind,
            known=set(named) - set(kinds),
            todo=f"add {kind}",
        )
    return MappingProxyType(dict(sorted(found.items()))), size / kinds.map(found).to_numpy(float)


def _median(events: pd.DataFrame, what: str) -> float:
    size = np.abs(events["magnitude"].to_numpy(float))
    if not (size > 0).any():
        raise SpecError(
            f"the magnitudes of all events{what} are 0: none of them could move the trace",
            allowed="at least one event with a magnitude other than 0",
            todo="give the events their sizes, or leave the column out: each then counts 1",
        )
    return float(np.median(size[size > 0]))


def scales_of(model: Model, study: Study, *, refine: int = 1) -> Scales:
    """Time scales that a grid has to resolve under the model's prior.

    The finest is half the prior's 10 % quantile of the kernel's shortest time [s], but no less
    than `FLOOR`.

    Raises
    ------
    SpecError
        The kernel's shortest time is no number, or below 0.
    """
    if not model.moved:
        finest = np.inf
    else:
        rng = np.random.default_rng(0)
        kernel = Kernel.named(model.kernel)()
        draws = {}
        for name in kernel.parameters:
            parameter = model.parameters[name]
            if name != "peak":
                draws[name] = (
                    parameter.prior.sample(rng, 2000)
                    if parameter.prior
                    else np.full(2000, parameter.fixed)
                )
        finest = max(0.5 * _shortest(kernel, draws), FLOOR)
    span = float((study.windows["end"] - study.windows["start"]).max())
    coarsest = min(3600.0, span / 4)
    return Scales(min(finest, coarsest), coarsest, refine)


def _shortest(kernel: Kernel, draws: Mapping[str, np.ndarray]) -> float:
    """Return the 10 % quantile over draws of a kernel's shortest time [s]."""
    times = np.asarray(kernel.shortest_time(**draws), dtype=float)
    bad = ~(times >= 0)
    if bad.any():
        raise SpecError(
            f"kernel {kernel.name}: its shortest_time is {times[bad].flat[0]} s at a draw of the "
            "prior",
            allowed="times [s], 0 or above",
            todo="correct the kernel's shortest_time, or leave it out: then the fastest of its "
            "exponentials tells",
        )
    return float(np.quantile(times, 0.1))


def input_changes(model: Model, events: pd.DataFrame) -> Changes | None:
    """Return when the events' input to the trace changes; None where none lasts.

    Parameters
    ----------
    model : Model
        The claim.
    events : DataFrame, (event,)
        The events that move the trace, sorted by session and time.

    Raises
    ------
    SpecError
        The kernel cannot carry events that last.
    StudyError
        A duration or shape of an event is none.
    """
    duration, ramp = input_of(events)
    session = events.groupby(KEYS, sort=False).ngroup().to_numpy()
    found = changes(session, events["time"].to_numpy(float), duration, ramp)
    if not model.moved or found.event.size == len(events):
        return None
    lasting_dynamics(Kernel.named(model.kernel))
    return found

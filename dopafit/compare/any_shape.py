"""Claims whose response to an event has any shape and adds up over events, with and without pairs.

The response is a sum of smooth bumps over the log of the time since an event (Pillow et al. 2008,
Nature 454:995; recalled). Each bump, summed over the events before a row, is a column of the rows;
its coefficient is the response at that time, on the predictor's scale. Where the trace follows
columns of the study, so does each bump. So the claim is linear in what is learned, and its
posterior nearly normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.formula import used_columns
from dopafit.model.layout.events import in_unit_events, moving_events
from dopafit.model.layout.layout import build_layout
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study
from dopafit.study.tables import DURATION

__all__ = ["AFTER", "ANY_SHAPE", "PAIRS", "any_shape", "basis", "pair_terms"]

ANY_SHAPE, PAIRS = "any_shape", "any_shape_pairs"

AFTER = "after_"
"""Beginning of the names of the columns whose coefficients are the response; a number follows."""

REACH = 5.0
"""Longest time since an event, over the typical spacing of events."""

RANGE = 100.0
"""The same over the centre of the first bump."""

BUMPS = 7
"""Of a response of any shape, over the log of the time since an event."""

PAIR_BUMPS = 3
"""Of each axis of what a pair of events adds: the time between them, and since the second."""

FAINT = 1e-3
"""Spread of a column over the largest below which it is left out."""


def any_shape(model: Model, study: Study) -> tuple[Model, Study]:
    """Return a claim moved by a response of any shape that adds up, and the study with its columns.

    A smooth bump over the log of the time since an event, summed over events by their magnitudes,
    is a column; its coefficient is the response at that time, on the predictor's scale. Each effect
    of a column on the peak or on the kernel's times adds that column times each bump.

    Parameters
    ----------
    model : Model
        A claim that was resolved over its study; its resting predictors are kept.
    study : Study
        The data.

    Raises
    ------
    SpecError
        A channel has no rows of its own, events last, or a gain follows columns.
    """
    acts = [channel.prefix for channel in model.channels if channel.table != "observations"]
    if acts:
        raise SpecError(
            f"the outcomes of {', '.join(acts)} are acts at times of their own, not rows",
            allowed="channels of rows",
            todo="nothing: the rest of the run stands",
        )
    if DURATION in study.events and (study.events[DURATION].fillna(0.0) > 0).any():
        raise SpecError(
            "events last, and have no one time since them",
            allowed="brief events",
            todo="nothing: the rest of the run stands",
        )
    own = {name for name, channel in model.owners.items() if channel} - {*model.gains}
    moving = [name for name in model.gains if name in model.formulas and model.formulas[name].terms]
    if moving:
        raise SpecError(
            f"{', '.join(moving)} follows columns, which a response of any shape does not",
            allowed="a gain that is the same for all, or differs between groups such as subjects",
            todo="nothing: the rest of the run stands",
        )
    columns, varied = _single(model, study)
    kept = [{k: v for k, v in m.items() if _about(k) in own} for m in (model.effects, model.priors)]
    fixed = {name: value for name, value in model.fixed.items() if name in own}
    used = set().union(*(used_columns(text) for text in kept[0].values()))
    reference = {column: level for column, level in model.reference.items() if column in used}
    idle = replace(
        model, drive="no_drive", name=ANY_SHAPE, family="", effects=kept[0], priors=kept[1],
        fixed=fixed, reference=reference,
    )  # fmt: skip
    own_response = " + ".join(columns)
    terms = " + ".join([*columns, *varied]) + f" + (0 + {own_response} | subject)"
    every = columns | {name: column for name, (column, _) in varied.items()}
    found, wider = _with_columns(idle, study, every, terms)
    priors = {}
    for channel in model.channels:
        effect, gain = f"{channel.prefix}_{channel.moves}_effect", channel.gain.prior
        priors |= {f"{effect}[{column}]": gain for column in columns}
        priors |= {
            f"{effect}[{column}]": Prior.normal(0.0, gain.scale * scale)
            for column, (_, scale) in varied.items()
        }
    return replace(found, priors={**found.priors, **priors}), wider


def pair_terms(model: Model, study: Study, claim: Model) -> tuple[Model, Study]:
    """Return what `any_shape` returns with terms for pairs of events.

    A pair adds the product of its magnitudes, of a bump over the log of the time between its
    events, and of one over the log of the time since the second; a column has standard deviation 1.

    Parameters
    ----------
    model, study
        As from `any_shape`.
    claim : Model
        The claim that these were made from.

    Raises
    ------
    SpecError
        No event follows another within reach.
    """
    columns = _pairs(claim, study)
    if not columns:
        raise SpecError(
            "no event follows another soon enough",
            allowed="responses that overlap",
            todo="nothing: the rest of the run stands",
        )
    return _with_columns(replace(model, name=PAIRS), study, columns, " + ".join(columns))


def basis(model: Model, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return times since an event [s], (time,), and the bumps there, (time, bump)."""
    reach = _reach(model)
    time = np.geomspace(reach / RANGE / 2, reach, points)
    return time, _bumps(time, _centres(reach, BUMPS), reach)


def _about(key: str) -> str:
    """Return the parameter that a prior's name is about, e.g. that of ``peak_sd[1|subject]``."""
    stem = str(key).partition("[")[0]
    return stem.removesuffix("_sd") if "[" in str(key) else stem


def _with_columns(
    model: Model, study: Study, columns: Mapping[str, np.ndarray], terms: str
) -> tuple[Model, Study]:
    effects = dict(model.effects)
    for channel in model.channels:
        name = f"{channel.prefix}_{channel.moves}"
        effects[name] = f"{effects.get(name, '1')} + {terms}"
    wider = study.with_tables({"observations": study.observations.assign(**columns)})
    return replace(model, effects=effects), wider


def _reach(model: Model) -> float:
    return REACH * model.typical_spacing


def _centres(reach: float, count: int) -> np.ndarray:
    """Return the lags at which bumps are 1, (bump,): even in log time, without the end."""
    return reach * np.geomspace(1 / RANGE, 1.0, count + 1)[:-1]


def _single(
    model: Model, study: Study
) -> tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, float]]]:
    """Return what single events add to each row, by column name, (row,).

    Then the same times each column that the trace follows, with the prior scale of its effect.
    """
    events, places = _events(model, study)
    follows = _follows(model, study)
    weights = np.column_stack([np.ones(len(events)), *(column for column, _ in follows)])
    weights *= events["magnitude"].to_numpy(float)[:, None]
    reach, time = _reach(model), events["time"].to_numpy(float)
    sums = np.zeros((len(study.observations), BUMPS, weights.shape[1]))
    for at, mine in places:
        lag = study.observations["time"].to_numpy(float)[at, None] - time[mine]
        bumps = _bumps(lag, _centres(reach, BUMPS), reach)
        sums[at] = np.einsum("rja,jc->rac", bumps, weights[mine])
    names = [f"{AFTER}{k + 1}" for k in range(BUMPS)]
    return {name: sums[:, k, 0] for k, name in enumerate(names)}, {
        f"{name}_by_{c}": (sums[:, k, c], scale)
        for c, (_, scale) in enumerate(follows, start=1)
        for k, name in enumerate(names)
    }


def _pairs(model: Model, study: Study) -> dict[str, np.ndarray]:
    """Return what pairs of events add to each row, by column name, (row,)."""
    events, places = _events(model, study)
    reach = _reach(model)
    centres = _centres(reach, PAIR_BUMPS)
    pairs = np.zeros((len(study.observations), PAIR_BUMPS, PAIR_BUMPS))
    for at, mine in places:
        time, size = events[["time", "magnitude"]].to_numpy(float)[mine].T
        between = _bumps(time[None, :] - time[:, None], centres, reach)
        before = np.einsum("i,ija->ja", size, between)
        lag = study.observations["time"].to_numpy(float)[at, None] - time
        pairs[at] = np.einsum("rjb,ja->rab", _bumps(lag, centres, reach), size[:, None] * before)
    flat = pairs.reshape(len(pairs), -1)
    spread = flat.std(axis=0)
    kept = np.flatnonzero(spread > FAINT * spread.max(initial=0.0))
    return {
        f"pairs_{i // PAIR_BUMPS + 1}_{i % PAIR_BUMPS + 1}": flat[:, i] / spread[i] for i in kept
    }


def _events(model: Model, study: Study) -> tuple[pd.DataFrame, list[tuple[np.ndarray, np.ndarray]]]:
    """Return events in unit events; by session with both, the places of its rows and its events."""
    events = moving_events(model, study)
    events = events.assign(magnitude=in_unit_events(model.unit_magnitude, events)[1])
    rows = study.observations.groupby(KEYS, sort=False).indices
    mine = events.groupby(KEYS, sort=False).indices
    return events, [(rows[key], mine[key]) for key in mine if key in rows]


def _follows(model: Model, study: Study) -> list[tuple[np.ndarray, float]]:
    """Return the columns that the trace follows, (event,), each with its effect's prior scale."""
    names = [name for name, read in model.formulas.items()
             if model.owners[name] is None and read.terms]  # fmt: skip
    if not names:
        return []
    layout = build_layout(model, study)
    columns: list[np.ndarray] = []
    scales: list[float] = []
    for name in names:
        design = layout.designs[name]
        by_event = model.homes[name] == "by event"
        fixed = design.fixed if by_event else design.fixed[layout.arrays["event_session"]]
        for label, column in zip(design.columns, fixed.T, strict=True):
            scale = model.prior_of(name, "effect", label).scale
            same = [k for k, other in enumerate(columns) if np.array_equal(column, other)]
            if same:  # the peak and a time that follow one column bend the same response
                scales[same[0]] = max(scales[same[0]], scale)
            else:
                columns.append(column)
                scales.append(scale)
    return list(zip(columns, scales, strict=True))


def _bumps(lag: np.ndarray, centres: np.ndarray, reach: float) -> np.ndarray:
    """Return raised cosines over the log of a lag, (..., bump); 0 at no lag and beyond reach.

    The first is 1 before its centre, so that they sum to 1 up to the last centre.
    """
    width = np.log(reach / centres[-1])
    inside = (lag > 0) & (lag < reach)
    distance = (np.log(np.where(inside, lag, reach))[..., None] - np.log(centres)) / width
    early = (distance < 0) & (np.arange(len(centres)) == 0)
    bump = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance, -1.0, 1.0))
    return np.where(inside[..., None], np.where(early, 1.0, bump), 0.0)

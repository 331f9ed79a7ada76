"""A model met a study: the index vectors and arrays that the likelihood runs over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from dopafit.channel import Rows, Scales
from dopafit.core.arguments import takes
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.formula import Design, design
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.covariates import KEYS, Joiner
from dopafit.model.layout.doubts import doubts, references
from dopafit.model.layout.events import moving_events
from dopafit.model.layout.horizon import pair_horizon
from dopafit.model.layout.magnitude import found_unit, in_unit_events
from dopafit.model.layout.previous import follows, with_previous
from dopafit.model.layout.terms import check_columns, check_independent
from dopafit.model.program import Program
from dopafit.study.lasting import input_of
from dopafit.study.study import Study
from dopafit.trace.kernel import Kernel
from dopafit.trace.lasting import Changes, changes, lasting_dynamics

__all__ = ["Layout", "build_layout", "resolved", "scales_of", "table_matrix"]

FLOOR = 1e-3
"""Shortest time [s] that a grid resolves: no behaviour is timed more finely."""

DENSE = 0.5
"""Share of filled rows above which a column of a parameter's table is kept dense."""


@dataclass(frozen=True)
class Layout:
    """Everything the likelihood needs, as arrays.

    Parameters
    ----------
    program : Program
        What decides the graph.
    coordinates : Coordinates
        Theta's book-keeping.
    arrays : mapping of str to array
        Data; see `Program`.
    rows : mapping of str to Rows
        Rows by channel prefix.
    designs : mapping of str to Design
        Encodings by parameter, for use on other rows.
    sessions : DataFrame, (session,)
        Sessions in the order of the offsets, with their covariates.
    units : DataFrame, (trial,)
        The trials of leave-one-out: `subject`, `session`, `trial`.
    unit_of : mapping of str to array
        Trial of each row, by channel prefix.
    warnings : tuple of str
        What the study makes doubtful about the claim, for whoever reads the fit.
    """

    program: Program
    coordinates: Coordinates
    arrays: Mapping[str, np.ndarray]
    rows: Mapping[str, Rows]
    designs: Mapping[str, Design]
    sessions: pd.DataFrame
    units: pd.DataFrame
    unit_of: Mapping[str, np.ndarray]
    warnings: tuple[str, ...] = ()


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


@takes(model=Model, study=Study)
def resolved(model: Model, study: Study) -> Model:
    """Return a model with everything that a whole study decides put in as values.

    One unit event and the reference levels are found once, on the whole study; the resolved
    model carries them to fits of a part of it, to simulations and to other studies.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The whole study.

    Returns
    -------
    Model
        Equal to the model of a fit to that study.

    Raises
    ------
    SpecError
        The model does not fit the study.
    """
    return build_layout(model, study).program.model


def build_layout(
    model: Model, study: Study, *, refine: int = 1, simulation: bool = False
) -> Layout:
    """Lay a model out over a study.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The data.
    refine : int
        Factor by which the grids over time are finer than usual; for measuring their error.
    simulation : bool
        Lay out the points a simulation needs instead of the rows of the likelihood.

    Raises
    ------
    SpecError
        A column, kind of event or covariate that the study does not have.
    """
    study = with_previous(model, study)
    at = Joiner(study)
    sessions = at.sessions.sort_values(KEYS, kind="stable").reset_index(drop=True)
    code = pd.MultiIndex.from_frame(sessions[KEYS])
    events = moving_events(model, study)
    unit = model.unit_magnitude
    if model.moved:
        unit = found_unit(unit, events)
        events = events.assign(magnitude=in_unit_events(unit, events))
    scales = scales_of(model, study, refine=refine)
    rows = {}
    for channel in model.channels:
        lay = channel.simulation_rows if simulation else channel.rows
        rows[channel.prefix] = lay(study, at, scales)
    for prefix, found in rows.items():
        if len(found) == 0:
            raise SpecError(
                f"channel {prefix}: every row is missing its outcome",
                todo="leave the channel out",
                allowed="at least one row with an outcome",
            )
    session_of = {
        p: code.get_indexer(pd.MultiIndex.from_frame(r.frame[KEYS])) for p, r in rows.items()
    }
    coded = {c.prefix: c.design_frame(study, at, rows[c.prefix]) for c in model.channels}
    session_frame = sessions.assign(time=sessions["start"])
    tables = {"event": at(events), "session": at(session_frame)}
    tables["population"] = tables["session"]  # a formula of nothing but a constant
    session = np.empty(0, int)
    if len(events):
        session = code.get_indexer(pd.MultiIndex.from_frame(events[KEYS]))
    inputs = changes(session, events["time"].to_numpy(float), *input_of(events))
    if inputs.event.size == len(events):
        inputs = None  # none lasts
    elif model.moved:
        lasting_dynamics(Kernel.named(model.kernel))  # refuses a kernel that cannot carry them
    arrays = _trace_arrays(events, session, inputs, code, rows, session_of)
    arrays |= pair_horizon(model, arrays)
    designs: dict[str, Design] = {}
    for name, parameter in model.parameters.items():
        prefix = _channel_of(model, name)
        frame = coded[prefix] if prefix else tables[parameter.varies]
        formula = _formula(model, name)
        check_columns(model, study, name, formula, frame.columns)
        found = design(formula, frame, where=f"effects: {name}", reference=model.reference)
        if not simulation:
            check_independent(name, found, _own_terms(model, prefix))
        if prefix and frame is not rows[prefix].frame:
            found = found.evaluate(rows[prefix].frame)
        elif inputs is not None and parameter.varies == "event":
            # an event is one row of the formula's table, and moves the trace at each change
            found = found.evaluate(frame.iloc[inputs.event])
        if found.columns or found.groups:
            designs[name] = found
    told = doubts(model, events, designs, tables | coded)
    model = model.with_choices(unit_magnitude=unit, reference=references(designs))
    coordinates = Coordinates(model, designs)
    kernel_names = [n for n in designs if _channel_of(model, n) is None and n != "peak"]
    matrices = {name: table_matrix(coordinates, name, found) for name, found in designs.items()}
    arrays |= _kernel_rows(matrices, kernel_names, len(sessions))
    for name, matrix in matrices.items():
        arrays |= {f"{name}.{part}": value for part, value in _parts(matrix).items()}
    for prefix, found in rows.items():
        arrays[f"{prefix}.zero"] = np.zeros(len(found))
        arrays |= {f"{prefix}.data.{k}": np.asarray(v, float) for k, v in found.data.items()}
    for channel in model.channels:
        if channel.sequential:
            prefix = channel.prefix
            time = rows[prefix].frame["time"].to_numpy(float)
            arrays[f"{prefix}.follows"] = follows(channel, session_of[prefix], time)
    arrays |= coordinates.arrays
    places = {name: coordinates.place(name) for name in model.parameters}
    program = Program(model, places, frozenset(designs))
    units, unit_of = _units(sessions, rows, session_of)
    if not simulation:  # there, outcomes are placeholders
        told += tuple(text for found in rows.values() for text in found.warnings)
    return Layout(program, coordinates, arrays, rows, designs, sessions, units, unit_of, told)


def _own_terms(model: Model, prefix: str | None) -> tuple[str, ...]:
    """Return the terms that a channel adds to its resting predictor."""
    return next((tuple(c.extra_terms()) for c in model.channels if c.prefix == prefix), ())


def _channel_of(model: Model, name: str) -> str | None:
    return next((c.prefix for c in model.channels if name.startswith(c.prefix + "_")), None)


def _formula(model: Model, name: str) -> str:
    formula = model.effects.get(name, "1")
    for channel in model.channels:
        if name == f"{channel.prefix}_rest":
            formula = " + ".join([formula, *channel.extra_terms()])
    return formula


def _trace_arrays(
    events: pd.DataFrame,
    session: np.ndarray,
    inputs: Changes | None,
    code: pd.MultiIndex,
    rows: Mapping[str, Rows],
    session_of: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Events and reads sorted by session and time; equal reads of several channels are one.

    Where events last, there is an entry for each change of the input.
    """
    order = np.lexsort((events["time"].to_numpy(float), session))
    # `at(events)` keeps the frame's order, so the frame itself must already be in session order
    if not np.array_equal(order, np.arange(len(events))):
        raise AssertionError("events are not in session order")
    moments = {prefix: found.read_at() for prefix, found in rows.items()}
    where = np.concatenate([session_of[p][m.row] for p, m in moments.items()]).astype(np.int64)
    time = np.concatenate([m.time for m in moments.values()])
    ranked = np.lexsort((time, where))
    fresh = np.ones(ranked.size, dtype=bool)
    fresh[1:] = (np.diff(where[ranked]) != 0) | (np.diff(time[ranked]) != 0)
    inverse = np.empty(ranked.size, dtype=np.int64)
    inverse[ranked] = np.cumsum(fresh) - 1
    kept = ranked[fresh]
    bounds = np.arange(len(code) + 1)
    magnitude, event_time = (events[name].to_numpy(float) for name in ("magnitude", "time"))
    if inputs is not None:
        magnitude, session, event_time = magnitude[inputs.event], session[inputs.event], inputs.time
    arrays = {
        "event_time": event_time,
        "event_magnitude": magnitude,
        "event_offset": np.searchsorted(session, bounds).astype(np.int64),
        "read_time": time[kept],
        "read_offset": np.searchsorted(where[kept], bounds).astype(np.int64),
    }
    if inputs is not None:
        arrays["event_input"] = inputs.input
    first = 0
    for prefix, found in moments.items():
        arrays[f"{prefix}.read"] = inverse[first : first + found.row.size]
        first += found.row.size
        if rows[prefix].moments is not None:
            offset = np.searchsorted(found.row, np.arange(len(rows[prefix]) + 1))
            arrays[f"{prefix}.moment_offset"] = offset.astype(np.int64)
            arrays[f"{prefix}.moment_weight"] = found.weight
    return arrays


def table_matrix(coordinates: Coordinates, name: str, found: Design) -> sparse.csr_matrix:
    """Return the rows of a parameter's table as a sparse map from theta."""
    n, start = len(found.fixed), coordinates.start(name)
    row, column, value = [np.arange(n)], [np.full(n, coordinates.place(name))], [np.ones(n)]
    for j in range(len(found.columns)):
        used = np.flatnonzero(found.fixed[:, j])
        row.append(used)
        column.append(np.full(used.size, start + j))
        value.append(found.fixed[used, j])
    start += len(found.columns)
    for term in found.groups:
        used = np.flatnonzero((term.values != 0) & (term.codes >= 0))
        row.append(used)
        column.append(start + term.codes[used])
        value.append(term.values[used])
        start += len(term.levels)
    parts = (np.concatenate(value), (np.concatenate(row), np.concatenate(column)))
    return sparse.csr_matrix(parts, shape=(n, len(coordinates.entries)))


def _parts(matrix: sparse.csr_matrix) -> dict[str, np.ndarray]:
    """Take the columns that are mostly filled out of a sparse matrix: see `assemble.MATRIX`."""
    count = np.bincount(matrix.indices, minlength=matrix.shape[1])
    full = np.flatnonzero(count > DENSE * max(matrix.shape[0], 1))
    rest = matrix.copy()
    rest.data[np.isin(rest.indices, full)] = 0.0
    rest.eliminate_zeros()
    return {
        "dense": np.ascontiguousarray(matrix[:, full].toarray(), dtype=float),
        "columns": full.astype(np.int64),
        "indptr": rest.indptr.astype(np.int64),
        "indices": rest.indices.astype(np.int64),
        "data": rest.data.astype(float),
    }


def _kernel_rows(
    matrices: dict[str, sparse.csr_matrix], names: list[str], sessions: int
) -> dict[str, np.ndarray]:
    """Keep one kernel per distinct set of parameters, and say which session uses which."""
    if not names:
        return {"kernel_row": np.zeros(sessions, dtype=np.int64), "kernel_ones": np.ones(1)}
    dense = np.concatenate([matrices[name].toarray() for name in names], axis=1)
    _, first, inverse = np.unique(dense, axis=0, return_index=True, return_inverse=True)
    for name in names:
        matrices[name] = matrices[name][first]
    return {"kernel_row": inverse.ravel().astype(np.int64), "kernel_ones": np.ones(first.size)}


def _units(
    sessions: pd.DataFrame, rows: Mapping[str, Rows], session_of: Mapping[str, np.ndarray]
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    pairs = np.concatenate([np.column_stack([session_of[p], r.unit]) for p, r in rows.items()])
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    units = sessions.loc[unique[:, 0], KEYS].reset_index(drop=True)
    units["trial"] = unique[:, 1]
    unit_of, first = {}, 0
    for prefix, found in rows.items():
        unit_of[prefix] = inverse.ravel()[first : first + len(found)]
        first += len(found)
    return units, unit_of

"""A model met a study: the index vectors and arrays that the likelihood runs over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dopafit.channel import Rows
from dopafit.core.arguments import takes
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.formula import Design
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.covariates import Joiner, with_previous
from dopafit.model.layout.designs import find_designs
from dopafit.model.layout.doubts import check_designs, doubts, references
from dopafit.model.layout.events import in_unit_events, input_changes, moving_events, scales_of
from dopafit.model.layout.matrices import table_arrays
from dopafit.model.layout.reads import row_arrays, trace_arrays
from dopafit.model.program import Program
from dopafit.study.sessions import KEYS, session_numbers
from dopafit.study.study import Study

__all__ = ["Layout", "build_layout", "resolved"]


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
        Data, as they enter the log density; see `Program`. None of a trace that nothing reads.
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

    @property
    def size(self) -> str:
        """Rows by channel, and free coordinates, in words."""
        rows = ", ".join(f"{name} {len(found):,} rows" for name, found in self.rows.items())
        free = self.coordinates.normals + len(self.coordinates.half_scale)
        return f"{rows}; {free:,} free coordinates"


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
    events, unit = moving_events(model, study), model.unit_magnitude
    if model.moved:
        unit, magnitude = in_unit_events(unit, events)
        events = events.assign(magnitude=magnitude)
    scales = scales_of(model, study, refine=refine)
    inputs = input_changes(model, events)
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
    # by channel, and by what a kernel's parameter varies with
    tables = {prefix: found.frame for prefix, found in rows.items()}
    tables |= {"by event": at(events), "by session": at(sessions.assign(time=sessions["start"]))}
    tables["by population"] = tables["by session"]  # a formula of nothing but a constant
    session_of = {name: session_numbers(sessions, table) for name, table in tables.items()}
    arrays = trace_arrays(model, events, inputs, len(sessions), rows, session_of)
    arrays |= row_arrays(model, rows, session_of)
    coded = tables | {p: r.coding for p, r in rows.items() if r.coding is not None}
    designs = find_designs(model, study, coded)
    if not simulation:
        check_designs(model, designs)
    told, reference = doubts(model, events, designs, coded), references(designs)
    if inputs is not None:
        # an event is one row of the formula's table, and moves the trace at each change
        tables["by event"] = tables["by event"].iloc[inputs.event]
    for name, found in designs.items():
        home = model.homes[name]
        if tables[home] is not coded[home]:
            designs[name] = found.evaluate(tables[home])
    model = model.with_choices(unit_magnitude=unit, reference=reference)
    coordinates = Coordinates(model, designs)
    kernel = [name for name in designs if model.owners[name] is None and name != "peak"]
    arrays |= table_arrays(coordinates, designs, kernel, len(sessions))
    arrays |= coordinates.arrays
    kinds = {n: np.int64 if v.dtype.kind in "iu" else np.float64 for n, v in arrays.items()}
    arrays = {n: np.ascontiguousarray(arrays[n], dtype=kinds[n]) for n in sorted(arrays)}
    places = {name: coordinates.place(name) for name in model.parameters}
    program = Program(model, places, frozenset(designs))
    units, unit_of = _units(sessions, rows, session_of)
    if not simulation:  # there, outcomes are placeholders
        told += tuple(text for found in rows.values() for text in found.warnings)
    return Layout(program, coordinates, arrays, rows, designs, sessions, units, unit_of, told)


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

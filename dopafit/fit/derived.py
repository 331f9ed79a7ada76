"""From standard coordinates to the quantities a reader sees, derived ones included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from dopafit.model.claim import Model
from dopafit.model.layout.events import in_unit_events, moving_events
from dopafit.model.layout.layout import Layout
from dopafit.study import Study
from dopafit.trace.kernel import LOAD, Kernel

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["event_rate", "implied_gains", "kernel_shape", "landmarks", "name_draws"]


def event_rate(model: Model, study: Study) -> tuple[float, float]:
    """Return the study's mean event rate [1/s] and the mean magnitude [unit events]."""
    events = moving_events(model, study)
    sessions = study.sessions
    duration = float((sessions["end"] - sessions["start"]).sum())
    if events.empty:
        return 0.0, 0.0
    _, sizes = in_unit_events(model.unit_magnitude, events)
    return len(events) / duration, float(sizes.mean())


def kernel_shape(
    model: Model, variables: Mapping[str, np.ndarray], shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Return the population's kernel parameters as arrays over draws, fixed ones included."""
    found = {}
    for name in Kernel.named(model.kernel).parameters:
        parameter = model.parameters[name]
        if name not in Kernel.elsewhere:
            found[name] = variables.get(
                name, np.full(shape, parameter.fixed if parameter.prior is None else np.nan)
            )
    return found


def implied_gains(
    model: Model, variables: dict[str, np.ndarray], prefix: str, shape: dict[str, np.ndarray]
) -> dict[str, np.ndarray] | None:
    """Return a channel's effects at both lobes of one unit event; None where it has no such two.

    `shape` holds the kernel's parameters over draws, as from `kernel_shape`.
    """
    drive = model.drives[prefix]()
    size = next(iter(shape.values())).shape
    own = {}
    for gain in drive.gains:
        name = f"{prefix}_{gain}"
        fixed = model.parameters[name].fixed
        own[gain] = variables[name] if name in variables else np.full(size, fixed)
    unit = Kernel.named(model.kernel)().unit_event(np, **shape)
    return drive.implied_gains(own, unit)


def landmarks(
    model: Model,
    events: tuple[float, float],
    variables: Mapping[str, np.ndarray],
    shape: tuple[int, ...],
) -> dict[str, np.ndarray]:
    """Return what follows from the population's kernel, by name: its landmarks, and the load.

    Parameters
    ----------
    model : Model
    events : (float, float)
        From `event_rate`.
    variables : mapping of str to array
        The population's values.
    shape : tuple of int
        That of the arrays.
    """
    if not model.moved:
        return {}
    kernel = Kernel.named(model.kernel)()
    marks = dict(kernel.landmarks(peak=1.0, **kernel_shape(model, variables, shape)))
    if "area" in marks:
        marks["load"] = events[0] * events[1] * marks["area"]
    return {name: np.broadcast_to(value, shape).copy() for name, value in marks.items()}


def name_draws(layout: Layout, study: Study, x: np.ndarray, h: np.ndarray) -> xr.Dataset:
    """Return draws of every quantity a reader sees.

    Parameters
    ----------
    layout : Layout
        The model laid out over the study.
    study : Study
        For the event rate behind `load`.
    x, h : array, (chain, draw, coordinate)
        Draws of the standard coordinates.

    Returns
    -------
    Dataset
        Dims chain, draw; natural scale; attribute `unit` on each variable. Landmarks, and the
        load where the response has an area, are derived from the population's kernel.
    """
    import xarray as xr

    coordinates, model = layout.coordinates, layout.program.model
    named = coordinates.named(coordinates.theta(x, h), h)
    variables = {name: (("chain", "draw", *dims), value) for name, (dims, value) in named.items()}
    kernel = Kernel.named(model.kernel)()
    units = {name: mark.unit for name, mark in (kernel.landmark_words | {"load": LOAD}).items()}
    numbers = {name: value for name, (dims, value) in named.items() if not dims}
    for name, value in landmarks(model, event_rate(model, study), numbers, x.shape[:2]).items():
        variables[name] = (("chain", "draw"), value)
    labels = coordinates.labels()
    coords = {dim: labels[dim] for dims, _ in variables.values() for dim in dims if dim in labels}
    coords |= {"chain": np.arange(x.shape[0]), "draw": np.arange(x.shape[1])}
    found = xr.Dataset(variables, coords=coords)
    for name in found.data_vars:
        parameter = model.parameters.get(str(name))
        found[name].attrs["unit"] = parameter.unit if parameter else units.get(str(name), "link")
    return found

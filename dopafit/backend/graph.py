"""The claim as a PyMC model and, from there, as a compiled log density.

Every array of a layout is a shared variable: the graph depends on the claim, not on the data, so
another study of the same size reuses the compiled functions.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from dopafit.model.assemble import Machinery
from dopafit.model.layout import Layout

__all__ = ["compile_layout", "log_density", "pymc_model", "tensor_machinery"]

_COMPILED: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_KEEP = 8


def tensor_machinery() -> Machinery:
    """Return the tensor form of the likelihood's operations."""
    import pytensor.tensor as pt

    from dopafit.backend.ops import Level, linear_rows, solve_y

    def level(*arguments: Any) -> Any:
        *inputs, progression = arguments
        return Level(progression=progression)(*inputs)[0]

    return Machinery(pt, linear_rows, solve_y, level, lambda values, index: values[index])


def pymc_model(layout: Layout) -> Any:
    """Build the PyMC model of a layout.

    Free variables are the standard coordinates of `Coordinates`: ``x`` (standard normal) and
    ``h`` (half-normal); each channel's log likelihood is one potential.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.

    Returns
    -------
    pymc.Model
    """
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    coordinates = layout.coordinates
    with pm.Model() as model:
        arrays = {name: pytensor.shared(_own(value), name=name) for name, value in used_arrays(layout).items()}
        x = pm.Normal("x", 0.0, 1.0, shape=max(1, coordinates.normals))
        h = pm.HalfNormal("h", arrays["half_scale"], shape=coordinates.halves)
        one = pt.ones((1,))
        xs, hs = pt.concatenate([one, x]), pt.concatenate([one, h])
        theta = arrays["loc"] + arrays["scale"] * hs[arrays["spread"]] * xs[arrays["unit"]]
        for prefix, rows in layout.program.logp(arrays, theta, tensor_machinery()).items():
            pm.Potential(f"{prefix}_logp", rows.sum())
    return model


def used_arrays(layout: Layout) -> dict[str, np.ndarray]:
    """Return the arrays that enter the log density: all, less the trace's where nothing reads it."""
    from dopafit.drive import Drive

    idle = not Drive.named(layout.program.model.drive).gains
    return {
        name: value for name, value in layout.arrays.items()
        if not (idle and (name.split(".")[0] in TRACE or name.endswith(".read")))
    }


TRACE = frozenset({
    "event_time", "event_magnitude", "event_offset", "read_time", "read_offset",
    "kernel_row", "kernel_ones",
})


def _own(value: np.ndarray) -> np.ndarray:
    kind = np.int64 if np.issubdtype(value.dtype, np.integer) else np.float64
    return np.array(value, dtype=kind, order="C")


def _key(layout: Layout) -> tuple[Any, ...]:
    program = layout.program
    sizes = (layout.coordinates.normals, layout.coordinates.halves)
    # priors, formulas and data are arrays; only what shapes the graph counts
    channels = tuple(
        (c.name, c.prefix, tuple(sorted(c.active()))) for c in program.model.channels
    )
    constants = tuple(
        (name, p.fixed) for name, p in program.model.parameters.items()
        if p.prior is None and name not in program.varying
    )
    return (program.model.kernel, program.model.drive, channels, program.varying, constants,
            tuple(program.places.items()), sizes, tuple(sorted(layout.arrays)))


def compile_layout(layout: Layout) -> Any:
    """Return nutpie's compiled model, from memory where one of the same shape was compiled before.

    Returns
    -------
    nutpie.CompiledModel
        Ready to sample this layout's data.
    """
    import nutpie

    key = _key(layout)
    found = _COMPILED.get(key)
    if found is None:
        found = nutpie.compile_pymc_model(pymc_model(layout), backend="numba", freeze_model=False)
        _COMPILED[key] = found
        while len(_COMPILED) > _KEEP:
            _COMPILED.popitem(last=False)
    else:
        _COMPILED.move_to_end(key)
    shared = {var.name for var in found.shared_var_keys}
    return found.with_data(**{k: _own(v) for k, v in used_arrays(layout).items() if k in shared})


def log_density(layout: Layout, *, mode: str = "NUMBA") -> Any:
    """Return a function ``f(x, log_h) -> (log density, gradient)`` for checks and profiles.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    mode : str
        PyTensor mode.
    """
    import pytensor
    import pytensor.tensor as pt

    model = pymc_model(layout)
    value = model.logp()
    inputs = model.value_vars
    gradient = pt.concatenate([g.ravel() for g in pytensor.grad(value, inputs)])
    return pytensor.function(inputs, [value, gradient], mode=mode)

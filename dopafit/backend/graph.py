"""The claim as a PyTensor graph, and the arrays of a layout that a log density takes.

What is sampled is the function of `dopafit.backend.codegen.load`. The graph is for PyMC's own tools
 (`pymc_model`), and is what the tests hold that function against. Every array is an input of
open length: the graph depends on the claim, never on the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dopafit.backend.density import log_density
from dopafit.model.layout.layout import Layout
from dopafit.model.program import Operations

__all__ = [
    "density_graph",
    "flat",
    "pymc_model",
    "tensor_operations",
    "used_arrays",
]

TRACE = frozenset(
    {
        "event_time",
        "event_magnitude",
        "event_offset",
        "read_time",
        "read_offset",
        "kernel_row",
        "kernel_ones",
    }
)


def tensor_operations() -> Operations:
    """Return the tensor form of the likelihood's operations."""
    from dopafit.backend.ops import Level, columns, linear_rows, solve_y
    from dopafit.backend.ops_fast import namespace

    def trace(dynamics: Any, size: Any, parameters: Any, arrays: Any) -> Any:
        names = ("event_offset", "read_time", "read_offset", "kernel_row")
        inputs = [arrays["event_time"], size, *(arrays[name] for name in names)]
        table = lambda stem: columns(*(parameters[f"{stem}_{k}"] for k in range(dynamics.states)))  # noqa: E731
        level = Level(progression=dynamics.progression)
        return {"level": level(*inputs, table("coefficient"), table("rate"))[0]}

    namespace.solve = solve_y
    return Operations(namespace, linear_rows, trace, lambda values, index: values[index])


def used_arrays(layout: Layout) -> dict[str, np.ndarray]:
    """Return the arrays that enter the log density: without the trace's where nothing reads it."""
    idle = not layout.program.model.moved
    found = {}
    for name, value in sorted(layout.arrays.items()):
        if not (idle and (name.split(".")[0] in TRACE or name.endswith(".read"))):
            kind = np.int64 if np.issubdtype(value.dtype, np.integer) else np.float64
            found[name] = np.ascontiguousarray(value, dtype=kind)
    return found


def flat(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the unconstrained vector of x (normals,) and h (halves,)."""
    return np.concatenate([x, np.log(h)])


def density_graph(layout: Layout) -> tuple[list[Any], list[Any]]:
    """Return the inputs (q, number of normals, arrays) and outputs (log density, gradient).

    Parameters
    ----------
    layout : Layout
        Supplies the program and the arrays' names and kinds, not their values.
    """
    import pytensor
    import pytensor.tensor as pt

    q, normals = pt.vector("q", dtype="float64"), pt.lscalar("normals")
    arrays = _inputs(layout)
    operations = tensor_operations()
    total = log_density(
        pt, q, normals, arrays, lambda theta: layout.program.logp(arrays, theta, operations)
    )
    return [q, normals, *arrays.values()], [total, pytensor.grad(total, q)]


def _inputs(layout: Layout) -> dict[str, Any]:
    """Return one input per array of the layout, of open length."""
    import pytensor.tensor as pt

    return {
        name: pt.TensorType(str(value.dtype), shape=(None,) * value.ndim)(name)
        for name, value in used_arrays(layout).items()
    }


def pymc_model(layout: Layout) -> Any:
    """Build the same density as a PyMC model, for PyMC's own tools.

    Free variables are ``x`` (standard normal) and ``h`` (half-normal); each channel's log
    likelihood is one potential.

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
        arrays = {n: pytensor.shared(v, name=n) for n, v in used_arrays(layout).items()}
        x = pm.Normal("x", 0.0, 1.0, shape=max(1, coordinates.normals))
        h = pm.HalfNormal("h", arrays["half_scale"], shape=coordinates.halves)
        one = pt.ones((1,))
        xs, hs = pt.concatenate([one, x]), pt.concatenate([one, h])
        theta = arrays["loc"] + arrays["scale"] * hs[arrays["spread"]] * xs[arrays["unit"]]
        logp = layout.program.logp(arrays, theta, tensor_operations())
        for prefix, rows in logp.items():
            pm.Potential(f"{prefix}_logp", rows.sum())
    return model

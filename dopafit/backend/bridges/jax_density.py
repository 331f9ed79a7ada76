"""The log density by JAX, for a graphics processor: the same numbers as the numba path.

JAX is asked for by name (`backend: jax`) and imported nowhere else.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dopafit.backend.bridges.jax_operations import double, jax_operations, placed
from dopafit.backend.codegen.kept import kept_code
from dopafit.backend.geometry.reparametrisation import Density, Reparametrisation
from dopafit.backend.geometry.scaled_gains import scaled_gains
from dopafit.model.layout.layout import Layout
from dopafit.model.program import Program

__all__ = ["JaxDensity"]


def _theta_and_prior(q: Any, arrays: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return theta (entry,) and the log prior at q = (x, log h), as `runtime.place` does."""
    normals = arrays["x_centring"].size
    x, log_h = q[:normals], q[normals:]
    lifted = jnp.concatenate([jnp.zeros((1,)), log_h])
    # partial centring: x has the prior sd h^w and enters theta times h^(1-w)
    shift = arrays["x_centring"] * lifted[arrays["x_spread"]]
    prior = -0.5 * ((x * jnp.exp(-shift)) ** 2).sum() - shift.sum()
    prior_h = log_h - 0.5 * (jnp.exp(log_h) / arrays["half_scale"]) ** 2
    # a model without spreads keeps one idle h: normal in log h, lest its long tail be in the way
    free = arrays["half_free"]
    prior = prior + (free * prior_h - (1.0 - free) * 0.5 * log_h**2).sum()
    xs = jnp.concatenate([jnp.ones((1,)), x])
    scale = arrays["scale"] * jnp.exp(arrays["power"] * lifted[arrays["spread"]])
    return arrays["loc"] + scale * xs[arrays["unit"]], prior


def _jitted(program: Program) -> Any:
    """Return the log density and its gradient as a compiled function of (q, arrays of `placed`)."""

    def value(q: Any, arrays: dict[str, Any]) -> Any:
        theta, log_prior = _theta_and_prior(q, arrays)
        rows = program.logp(arrays, theta, jax_operations(arrays))
        return log_prior + sum(row.sum() for row in rows.values())

    return jax.jit(jax.value_and_grad(value))


class JaxDensity:
    """Log density and gradient of one layout by JAX; stands in for `compiled.Density`.

    The function is traced once per claim. The data are arguments, on the device from the start;
    for data of other sizes JAX compiles the function again by itself. It may be called from
    several threads at once.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.

    Attributes
    ----------
    fresh : bool
        Whether the function had to be made; False where one for the same claim was at hand.
    size : int
        Number of coordinates.
    """

    def __init__(self, layout: Layout) -> None:
        def build() -> Any:
            return _jitted(layout.program)

        self.layout = layout
        self._call, self.fresh = kept_code("jax", layout.program, layout.arrays, build)
        self._arrays = placed(layout.arrays)
        self.size = layout.coordinates.normals + layout.coordinates.halves

    def centred(self, centring: np.ndarray) -> JaxDensity:
        """Return the same density in coordinates with another centring; the data are shared."""
        other = copy.copy(self)
        other._arrays = self._arrays | placed(self.layout.coordinates.centred_arrays(centring))
        other.fresh = False
        return other

    def scaled(self, centring: np.ndarray) -> Density:
        """Return it as the pilot takes it: centred, and gains at the mean peak."""
        gains = scaled_gains(self.layout, centring)
        return self.changed(
            Reparametrisation(self.layout.coordinates, gains=gains, centring=centring)
        )

    def changed(self, change: Reparametrisation) -> Density:
        """Return the density as a function of other coordinates; every call passes Python."""
        return change.wrap(self.centred(change.centring))

    def __call__(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log density (up to a constant) and its gradient (coordinate,) at q."""
        with double():
            value, gradient = self._call(np.asarray(q, dtype=np.float64), self._arrays)
        return float(value), np.array(gradient)  # a copy, which the caller may change

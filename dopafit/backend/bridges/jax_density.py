"""The log density by JAX, for a graphics processor: the same numbers as the numba path.

JAX is asked for by name (`backend: jax`) and imported nowhere else. The likelihood's operations run
in parallel over events, reads and rows. Which event every read follows is found once, in numpy: on
the device the level is one scan over the events and one gather.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dopafit.backend.bridges.jax_functions import namespace
from dopafit.backend.geometry.reparametrisation import Density, Reparametrisation, scaled_gains
from dopafit.model.layout.layout import Layout
from dopafit.model.program import Operations, Program
from dopafit.trace.dynamics import Dynamics, Exponentials, Pairs
from dopafit.trace.gaps import trace_gaps, trace_pairs

__all__ = ["JaxDensity", "double", "jax_operations", "prepared", "recurrence"]

PREFIX = "steps."
"""Before the names of the arrays that `prepared` adds."""


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
    size : int
        Number of coordinates.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._arrays = _placed(layout.arrays)
        self.size = layout.coordinates.normals + layout.coordinates.halves

    def centred(self, centring: np.ndarray) -> JaxDensity:
        """Return the same density in coordinates with another centring; the data are shared."""
        other = copy.copy(self)
        other._arrays = self._arrays | _placed(self.layout.coordinates.centred_arrays(centring))
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
            point = np.asarray(q, dtype=np.float64)
            value, gradient = _density(self.layout.program, point, self._arrays)
        return float(value), np.array(gradient)  # a copy, which the caller may change


@partial(jax.jit, static_argnums=0)
def _density(program: Program, q: Any, arrays: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the log density and its gradient; equal programs share the compiled function."""

    def value(q: Any) -> Any:
        theta, log_prior = _theta_and_prior(q, arrays)
        rows = program.logp(arrays, theta, jax_operations(arrays))
        return log_prior + sum(row.sum() for row in rows.values())

    return jax.value_and_grad(value)(q)


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


def _placed(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the arrays of a layout, as `prepared`, on the device."""
    found = prepared(arrays)
    with double():
        return jax.device_put(found)


def prepared(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of a layout as the device takes them.

    A table's `indptr` becomes the row of every stored entry. Indices have 32 bits. Of the trace's
    times only gaps are left: since the session's previous event, at each event (`keep` is 0 at the
    first, where nothing decays) and since the event it follows, at each read.
    """
    found = dict(arrays)
    for name, value in arrays.items():
        if name.endswith(".indptr"):
            found[name] = np.repeat(np.arange(value.size - 1), np.diff(value))
    if "event_time" in arrays:
        gaps = trace_gaps(arrays)
        found |= {
            f"{PREFIX}event_gap": gaps.event,
            f"{PREFIX}event_keep": np.where(gaps.begins, 0.0, 1.0),
            f"{PREFIX}event_row": np.repeat(arrays["kernel_row"], np.diff(arrays["event_offset"])),
            f"{PREFIX}read_gap": gaps.read,
            f"{PREFIX}read_last": gaps.state,
            f"{PREFIX}read_row": gaps.row,
        }
    if "pair_horizon" in arrays:
        pairs = trace_pairs(arrays)._asdict()
        found |= {f"{PREFIX}pair_{name}": value for name, value in pairs.items()}
    return {k: v.astype(np.int32) if v.dtype.kind == "i" else v for k, v in found.items()}


def double() -> Any:
    """Return a context in which JAX computes in double precision.

    It holds in this thread and while it is open: the user's own JAX code keeps its precision.
    """
    return jax.enable_x64(True)


def jax_operations(arrays: Mapping[str, Any]) -> Operations:
    """Return the JAX form of the likelihood's operations."""
    start = len(PREFIX)
    steps = {name[start:]: value for name, value in arrays.items() if name.startswith(PREFIX)}
    trace = partial(_trace, steps)
    return Operations(namespace, _linear_rows, trace, _take, _segment_sum, _previous)


def _segment_sum(values: Any, offset: Any) -> Any:
    row = jnp.searchsorted(offset, jnp.arange(values.size), side="right") - 1
    return jax.ops.segment_sum(values, row, offset.size - 1, indices_are_sorted=True)


def _previous(values: Any, follows: Any) -> Any:
    every = jnp.broadcast_to(values, follows.shape)
    return jnp.where(follows > 0.0, jnp.roll(every, 1), 0.0)


def _take(values: Any, index: Any) -> Any:
    """Gather; an index is never out of bounds, so that nothing has to be checked or filled."""
    return values.at[index].get(mode="promise_in_bounds")


def _linear_rows(
    dense: Any, columns: Any, row_of_entry: Any, indices: Any, data: Any, theta: Any
) -> Any:
    full = dense @ _take(theta, columns)
    if not data.size:
        return full
    parts = data * _take(theta, indices)
    rest = jax.ops.segment_sum(parts, row_of_entry, len(dense), indices_are_sorted=True)
    return full + rest


def _compose(first: Any, second: Any) -> Any:
    """Return the map s -> a s + b of two such maps, one after the other."""
    return first[0] * second[0], second[0] * first[1] + second[1]


@jax.custom_vjp
def recurrence(decay: Any, size: Any) -> Any:
    """Return the states s_i = decay_i s_(i-1) + size_i, from 0.

    Parameters
    ----------
    decay : array, (event, term)
        0 where a session begins.
    size : array, (event,)
        What each event adds to every term.
    """
    sizes = jnp.broadcast_to(size[:, None], decay.shape)
    return jax.lax.associative_scan(_compose, (decay, sizes))[1]


def _recurrence_forward(decay, size):
    states = recurrence(decay, size)
    return states, (decay, states)


def _recurrence_back(kept, slope):
    # the same recurrence from the last event to the first; tracing the scan would keep all its
    # levels
    decay, states = kept
    none = jnp.zeros_like(decay[:1])
    following = jnp.concatenate([decay[1:], none])
    back = jax.lax.associative_scan(_compose, (following, slope), reverse=True)[1]
    before = jnp.concatenate([none, states[:-1]])
    return back * before, back.sum(axis=1)


recurrence.defvjp(_recurrence_forward, _recurrence_back)


def _of_row(table: Any, row: Any) -> Any:
    """Return a row of the kernels' table for every entry; the only one is broadcast."""
    return table if len(table) == 1 else _take(table, row)


def _scan(
    steps: Mapping[str, Any],
    dynamics: Dynamics,
    size: Any,
    table: Mapping[str, Any],
    arrays: Mapping[str, Any],
) -> Any:
    """Return the states (event, state) after each event, one event after the other."""
    rows = {name: _of_row(value, steps["event_row"]) for name, value in table.items()}
    own = {name: jnp.broadcast_to(value, size.shape) for name, value in rows.items()}
    own |= {name: arrays["event_input"][:, k] for k, name in enumerate(dynamics.inputs)}

    def after(state: Any, event: Any) -> Any:
        keep, gap, own_size, parameters = event
        before = jnp.where(keep > 0.0, state, jnp.array(dynamics.rest))
        moved = dynamics.advance(namespace, tuple(before), gap, parameters)
        state = jnp.stack(dynamics.kick(namespace, moved, own_size, parameters))
        return state, state

    events = (steps["event_keep"], steps["event_gap"], size, own)
    return jax.lax.scan(after, jnp.array(dynamics.rest), events)[1]


def _trace(
    steps: Mapping[str, Any],
    dynamics: Dynamics | Pairs,
    size: Any,
    parameters: Mapping[str, Any],
    arrays: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Return the signals at each read; see `Operations.trace`."""
    ones = jnp.ones((1,))
    table = {name: value * ones for name, value in parameters.items()}
    if isinstance(dynamics, Pairs):
        own = {name: _of_row(value, steps["pair_row"]) for name, value in table.items()}
        signals = dynamics.response(namespace, steps["pair_log_gap"], own)
        sizes, reads = _take(size, steps["pair_event"]), steps["read_gap"].size
        return {
            name: jax.ops.segment_sum(
                sizes * value, steps["pair_read"], reads, indices_are_sorted=True
            )
            for name, value in signals.items()
        }
    rest = jnp.array([dynamics.rest])
    if not size.size:
        states = rest[:0]
    elif isinstance(dynamics, Exponentials):
        rate = jnp.stack([table[f"rate_{k}"] for k in range(dynamics.states)], axis=-1)
        fallen = jnp.exp(-_of_row(rate, steps["event_row"]) * steps["event_gap"][:, None])
        states = recurrence(steps["event_keep"][:, None] * fallen, size)
    else:
        states = _scan(steps, dynamics, size, table, arrays)
    states = jnp.concatenate([rest, states])  # before the first event
    seen = _take(states, steps["read_last"])
    own = {name: _of_row(value, steps["read_row"]) for name, value in table.items()}
    return dynamics.read(namespace, tuple(seen.T), steps["read_gap"], own)

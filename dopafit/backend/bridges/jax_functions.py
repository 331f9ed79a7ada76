"""The functions of the likelihood over JAX arrays, accurate in both tails, with their slopes.

Slopes are those of `dopafit.backend.operations`: tracing the formula would lose digits or make NaN,
for a branch that is not taken still enters a traced gradient, as 0 times infinity. Imported where
JAX is asked for only.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special

from dopafit.backend.operations import OPERATIONS, Operation
from dopafit.core.xp import MAX_STEPS, SMALL_STEP

__all__ = ["namespace"]


def _with_slope(operation: Operation) -> Any:
    """Return an operation over JAX arrays, with the derivative of its record."""

    def plain(*values: Any) -> Any:
        return operation.jax(jax, *values)

    if operation.traced or operation.derivative is None:
        return plain
    function = jax.custom_jvp(plain)

    @function.defjvp
    def slopes(values: Any, tangents: Any) -> Any:
        value = function(*values)
        total = jnp.zeros_like(value)
        for place, tangent in enumerate(tangents):
            share = operation.derivative(namespace, tangent, value, *values)[place]
            total = total if share is None else total + share
        return value, total

    return function


class _Namespace:
    """jax.numpy, with the functions that it lacks or whose slopes are stated."""

    def __init__(self) -> None:
        for name, operation in OPERATIONS.items():
            if operation.jax is not None:
                setattr(self, name, _with_slope(operation))

    @staticmethod
    def root(
        residual: Any,
        start: Any,
        *parameters: Any,
        largest_step: float,
        within: tuple[float, float],
    ) -> Any:
        """Return the place found by Newton's method; it is not differentiated.

        See `dopafit.core.xp.root`.
        """
        start, *parameters = jax.lax.stop_gradient(jnp.broadcast_arrays(start, *parameters))

        def going(state: Any) -> Any:
            count, _, step = state
            return (count < MAX_STEPS) & jnp.any(jnp.abs(step) > SMALL_STEP)

        def advance(state: Any) -> Any:
            count, x, _ = state
            value, slope = residual(namespace, x, *parameters)
            step = jnp.clip(value / slope, -largest_step, largest_step)
            return count + 1, jnp.clip(x - step, *within), step

        return jax.lax.while_loop(going, advance, advance((0, start, start)))[1]

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


namespace = _Namespace()
"""Array namespace for JAX arrays in the likelihood."""

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

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


namespace = _Namespace()
"""Array namespace for JAX arrays in the likelihood."""

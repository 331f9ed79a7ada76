"""The functions of the likelihood over JAX arrays, accurate in both tails, with their slopes.

Slopes are stated where tracing the formula would lose digits or make NaN: a branch that is not
taken still enters a traced gradient, as 0 times infinity. Imported where JAX is asked for only.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc

__all__ = ["erfcx", "log", "log_ndtr", "namespace", "normal_or_beyond", "sigmoid", "softplus"]

_HALF_LOG_2PI = 0.9189385332046727
_ROOT_HALF = 0.7071067811865476
_ROOT_PI = 1.772453850905516
_FAR = 10.0
"""From here on the asymptotic series of erfcx is exact to 1e-16 in so many terms."""
_TERMS = 13
_TINY = 1e-307


@jax.custom_jvp
def log(x: Any) -> Any:
    """Return ln x. Where x has fallen to 0 the slope is finite, for it may be a branch not taken.

    Where that branch is taken the value is minus infinity, and the slope says nothing.
    """
    return jnp.log(x)


@log.defjvp
def _log_slope(at, by):
    return jnp.log(at[0]), by[0] / jnp.where(jnp.abs(at[0]) < _TINY, 1.0, at[0])


@jax.custom_jvp
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e^-x), exact to the last digits where it is tiny."""
    return 1.0 / (1.0 + jnp.exp(-x))


@sigmoid.defjvp
def _sigmoid_slope(at, by):
    return sigmoid(at[0]), by[0] * sigmoid(at[0]) * sigmoid(-at[0])


@jax.custom_jvp
def softplus(x: Any) -> Any:
    """Return ln(1 + e^x)."""
    return jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


@softplus.defjvp
def _softplus_slope(at, by):
    return softplus(at[0]), by[0] * sigmoid(at[0])


@jax.custom_jvp
def erfcx(x: Any) -> Any:
    """Return e^(x^2) erfc(x)."""
    size = jnp.abs(x)
    near, far = jnp.minimum(size, _FAR), jnp.maximum(size, _FAR)
    w = 0.5 / (far * far)
    series = 1.0
    for k in range(_TERMS, 0, -1):
        series = 1.0 - (2 * k - 1) * w * series
    upper = jnp.where(size < _FAR, jnp.exp(near * near) * erfc(near), series / (far * _ROOT_PI))
    return jnp.where(x < 0, 2.0 * jnp.exp(x * x) - upper, upper)


@erfcx.defjvp
def _erfcx_slope(at, by):
    value = erfcx(at[0])
    return value, by[0] * (2.0 * at[0] * value - 2.0 / _ROOT_PI)


@jax.custom_jvp
def log_ndtr(x: Any) -> Any:
    """Return ln Phi(x) of the standard normal; the formulas are those of `fast_loops.log_ndtr`."""
    above = jnp.log1p(-0.5 * erfc(jnp.maximum(x, 0.0) * _ROOT_HALF))
    below = jnp.log(0.5 * erfc(-jnp.clip(x, -36.0, 0.0) * _ROOT_HALF))
    far = jnp.minimum(x, -36.0)
    z = 1.0 / (far * far)
    series = 1.0 - z * (1.0 - 3.0 * z * (1.0 - 5.0 * z * (1.0 - 7.0 * z)))
    beyond = -0.5 * far * far - _HALF_LOG_2PI - jnp.log(-far) + jnp.log(series)
    return jnp.where(x > 0.0, above, jnp.where(x > -36.0, below, beyond))


@log_ndtr.defjvp
def _log_ndtr_slope(at, by):
    value = log_ndtr(at[0])
    return value, by[0] * jnp.exp(-0.5 * at[0] * at[0] - _HALF_LOG_2PI - value)


def normal_or_beyond(z: Any, beyond: Any) -> Any:
    """Return a standard normal's log density at z, or its log mass above z where flagged."""
    flagged = beyond > 0
    inside, outside = jnp.where(flagged, 0.0, z), jnp.where(flagged, z, 0.0)
    return jnp.where(flagged, log_ndtr(-outside), -0.5 * inside * inside - _HALF_LOG_2PI)


class _Namespace:
    """jax.numpy, with the functions that it lacks or that the likelihood calls by other names."""

    def __init__(self) -> None:
        self.log, self.sigmoid, self.softplus = log, sigmoid, softplus
        self.erfcx, self.log_ndtr, self.normal_or_beyond = erfcx, log_ndtr, normal_or_beyond

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


namespace = _Namespace()
"""Array namespace for JAX arrays in the likelihood."""

"""Every scalar function of the likelihood, each known by one record.

How it is written in the generated loops, its value by NumPy and by JAX, and its derivative stand
side by side. Compiled functions that a text calls are in `dopafit.backend.codegen.special`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from dopafit.core import xp as functions

__all__ = ["FUNCTIONS", "OPERATIONS", "Operation"]

_HALF_LOG_2PI = 0.9189385332046727
_LN2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476
_ROOT_PI = 1.772453850905516
_ROOT_TWO_OVER_PI = 0.7978845608028654
_TINY = 1e-307
_FAR, _TERMS = 10.0, 13
"""From here on the asymptotic series of erfcx is exact to 1e-16 in so many terms."""


@dataclass(frozen=True)
class Operation:
    """One scalar function.

    Parameters
    ----------
    name : str
        As formulas call it: ``xp.<name>``.
    text : str
        The expression in a generated loop, over its arguments ``{0}``, ``{1}`` ...
    numpy : callable (*arguments)
        Its value by NumPy.
    derivative : callable (xp, g, value, *arguments) -> tuple, optional
        The gradients by the arguments where that by the value is g; None for an argument without.
        Formulas cannot use an operation that has no derivative.
    jax : callable (jax, *arguments), optional
        Its value over JAX arrays, whose slope is `derivative`; unless given JAX has a function of
        the same name.
    once : str
        The expression outside the long loops, where SIMD code would only take time to compile.
    alone : bool
        Whether it calls a function or takes branches: it then has a loop of its own, lest it keep
        the others from becoming SIMD code.
    traced : bool
        Whether JAX is to differentiate `jax` by itself.
    """

    name: str
    text: str
    numpy: Callable[..., Any]
    derivative: Callable[..., tuple[Any, ...]] | None = None
    jax: Callable[..., Any] | None = None
    once: str = ""
    alone: bool = False
    traced: bool = False

    @property
    def arity(self) -> int:
        """Number of arguments."""
        return len(set(re.findall(r"\{(\d)\}", self.text)))

    def written(self, *arguments: str, once: bool = False) -> str:
        """Return the expression over the texts of its arguments."""
        return ((once and self.once) or self.text).format(*arguments)


def _log_by_jax(jax: Any, x: Any) -> Any:
    """Return ln x with a finite slope where x has fallen to 0: it may be a branch not taken."""
    jnp = jax.numpy
    fallen = jnp.abs(x) < _TINY
    log = jnp.log(jnp.where(fallen, 1.0, x))
    return jnp.where(fallen, jax.lax.stop_gradient(jnp.log(x)), log)


def _softplus_by_jax(jax: Any, x: Any) -> Any:
    return jax.numpy.maximum(x, 0.0) + jax.numpy.log1p(jax.numpy.exp(-jax.numpy.abs(x)))


def _erfcx_by_jax(jax: Any, x: Any) -> Any:
    jnp = jax.numpy
    size = jnp.abs(x)
    near, far = jnp.minimum(size, _FAR), jnp.maximum(size, _FAR)
    w = 0.5 / (far * far)
    series = 1.0
    for k in range(_TERMS, 0, -1):
        series = 1.0 - (2 * k - 1) * w * series
    inner = jnp.exp(near * near) * jax.scipy.special.erfc(near)
    upper = jnp.where(size < _FAR, inner, series / (far * _ROOT_PI))
    return jnp.where(x < 0, 2.0 * jnp.exp(x * x) - upper, upper)


def _log_ndtr_by_jax(jax: Any, x: Any) -> Any:
    """Return ln Phi(x) by the formulas of `dopafit.backend.codegen.special.log_ndtr`."""
    jnp, erfc = jax.numpy, jax.scipy.special.erfc
    above = jnp.log1p(-0.5 * erfc(jnp.maximum(x, 0.0) * _ROOT_HALF))
    below = jnp.log(0.5 * erfc(-jnp.clip(x, -36.0, 0.0) * _ROOT_HALF))
    far = jnp.minimum(x, -36.0)
    z = 1.0 / (far * far)
    series = 1.0 - z * (1.0 - 3.0 * z * (1.0 - 5.0 * z * (1.0 - 7.0 * z)))
    beyond = -0.5 * far * far - _HALF_LOG_2PI - jnp.log(-far) + jnp.log(series)
    return jnp.where(x > 0.0, above, jnp.where(x > -36.0, below, beyond))


def _log_ndtr_slope(x: Any) -> Any:
    return _ROOT_TWO_OVER_PI / functions.erfcx(np, -x * _ROOT_HALF)


def _log_ndtr_slope_by_jax(jax: Any, x: Any) -> Any:
    return _ROOT_TWO_OVER_PI / _erfcx_by_jax(jax, -x * _ROOT_HALF)


def _normal_or_beyond_by_jax(jax: Any, z: Any, beyond: Any) -> Any:
    return jax.numpy.where(beyond > 0, _log_ndtr_by_jax(jax, -z), -0.5 * z * z - _HALF_LOG_2PI)


def _normal_or_beyond_slope_by_jax(jax: Any, z: Any, beyond: Any) -> Any:
    return jax.numpy.where(beyond > 0, -_log_ndtr_slope_by_jax(jax, -z), -z)


def _log1mexp_by_jax(jax: Any, x: Any) -> Any:
    jnp = jax.numpy
    near = jnp.log(-jnp.expm1(jnp.maximum(x, -_LN2)))
    return jnp.where(x > -_LN2, near, jnp.log1p(-jnp.exp(jnp.minimum(x, -_LN2))))


def _larger(xp: Any, g: Any, value: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return xp.where(a > b, g, 0.0), xp.where(a > b, 0.0, g)


def _chosen(xp: Any, g: Any, value: Any, condition: Any, a: Any, b: Any) -> tuple[Any, ...]:
    return None, xp.where(condition, g, 0.0), xp.where(condition, 0.0, g)


def _beyond_curve(xp: Any, g: Any, value: Any, z: Any, beyond: Any) -> tuple[Any, None]:
    return g * xp.where(beyond > 0.0, -(value * (value + z)), -1.0), None


def _no_slope(xp: Any, g: Any, value: Any, a: Any, b: Any) -> tuple[None, None]:
    return None, None


ARITHMETIC = (
    Operation("add", "{0} + {1}", operator.add, lambda xp, g, v, a, b: (g, g)),
    Operation("sub", "{0} - {1}", operator.sub, lambda xp, g, v, a, b: (g, -g)),
    Operation("mul", "{0} * {1}", operator.mul, lambda xp, g, v, a, b: (g * b, g * a)),
    Operation(
        "div",
        "divide({0}, {1})",
        operator.truediv,
        lambda xp, g, v, a, b: (g / b, -(g * v / b)),
    ),
    Operation("neg", "-{0}", operator.neg, lambda xp, g, v, a: (-g,)),
    Operation(
        "pow",
        "{0} ** {1}",
        operator.pow,
        lambda xp, g, v, a, power: (g * power * a ** (power.constant - 1.0), None),
        alone=True,
    ),
    Operation("gt", "{0} > {1}", operator.gt, _no_slope),
    Operation("lt", "{0} < {1}", operator.lt, _no_slope),
    # the exponential that softplus and sigmoid share with their slopes, as their second argument
    Operation(
        "decay",
        "exp(-abs({0}))",
        lambda x: np.exp(-np.abs(x)),
        once="math.exp(-abs({0}))",
    ),
)
"""Written as operators, or by `Graph` itself."""

FUNCTIONS = (
    Operation(
        "where",
        "({1} if {0} else {2})",
        np.where,
        _chosen,
    ),
    Operation("maximum", "({0} if {0} > {1} else {1})", np.maximum, _larger),
    Operation(
        "abs",
        "abs({0})",
        np.abs,
        lambda xp, g, v, a: (xp.where(a > 0.0, g, -g),),
    ),
    Operation("sqrt", "math.sqrt({0})", np.sqrt, lambda xp, g, v, a: (0.5 * g / v,)),
    Operation("exp", "exp({0})", np.exp, lambda xp, g, v, a: (g * v,), once="math.exp({0})"),
    Operation(
        "softplus",
        "({0} if {0} > 0.0 else 0.0) + log1p_unit({1})",
        lambda x, decay=None: functions.softplus(np, x),
        lambda xp, g, v, a, decay=None: (g * xp.sigmoid(a), None),
        _softplus_by_jax,
        once="({0} if {0} > 0.0 else 0.0) + math.log1p({1})",
    ),
    Operation(
        "sigmoid",
        "(1.0 if {0} >= 0.0 else {1}) * divide(1.0, 1.0 + {1})",
        lambda x, decay=None: functions.sigmoid(np, x),
        lambda xp, g, v, a, decay=None: (g * v * xp.sigmoid(-a), None),
        lambda jax, x: 1.0 / (1.0 + jax.numpy.exp(-x)),
    ),
    Operation(
        "expm1",
        "math.expm1({0})",
        np.expm1,
        lambda xp, g, v, a: (g * (v + 1.0),),
        alone=True,
    ),
    Operation(
        "log",
        "math.log({0})",
        np.log,
        lambda xp, g, v, a: (g / a,),
        _log_by_jax,
        alone=True,
        traced=True,
    ),
    Operation(
        "log1p",
        "math.log1p({0})",
        np.log1p,
        lambda xp, g, v, a: (g / (1.0 + a),),
        alone=True,
    ),
    Operation(
        "log1mexp",
        "log1mexp({0})",
        partial(functions.log1mexp, np),
        lambda xp, g, v, a: (-g / xp.expm1(-a),),
        _log1mexp_by_jax,
        alone=True,
    ),
    Operation("sin", "math.sin({0})", np.sin, lambda xp, g, v, a: (g * xp.cos(a),), alone=True),
    Operation("cos", "math.cos({0})", np.cos, lambda xp, g, v, a: (-(g * xp.sin(a)),), alone=True),
    Operation(
        "tanh",
        "math.tanh({0})",
        np.tanh,
        lambda xp, g, v, a: (g * (1.0 - v * v),),
        alone=True,
    ),
    Operation(
        "erfcx",
        "erfcx({0})",
        partial(functions.erfcx, np),
        lambda xp, g, v, a: (g * (2.0 * a * v - 2.0 / _ROOT_PI),),
        _erfcx_by_jax,
        alone=True,
    ),
    Operation(
        "log_ndtr",
        "log_ndtr({0})",
        partial(functions.log_ndtr, np),
        lambda xp, g, v, a: (g * xp.log_ndtr_slope(a),),
        _log_ndtr_by_jax,
        alone=True,
    ),
    Operation(
        "log_ndtr_slope",
        "log_ndtr_slope({0})",
        _log_ndtr_slope,
        lambda xp, g, v, a: (-(g * v * (a + v)),),
        _log_ndtr_slope_by_jax,
        alone=True,
    ),
    Operation(
        "normal_or_beyond",
        "normal_or_beyond({0}, {1})",
        partial(functions.normal_or_beyond, np),
        lambda xp, g, v, z, beyond: (g * xp.normal_or_beyond_slope(z, beyond), None),
        _normal_or_beyond_by_jax,
        alone=True,
    ),
    Operation(
        "normal_or_beyond_slope",
        "normal_or_beyond_slope({0}, {1})",
        lambda z, beyond: np.where(beyond > 0, -_log_ndtr_slope(-z), -z),
        _beyond_curve,
        _normal_or_beyond_slope_by_jax,
        alone=True,
    ),
    # x where a residual is 0, which moves with what the residual depends on
    Operation(
        "settled",
        "{0}",
        lambda x, residual, slope: x,
        lambda xp, g, v, x, residual, slope: (None, -(g / slope), None),
        lambda jax, x, residual, slope: x,
    ),
    Operation(
        "gammaln",
        "math.lgamma({0})",
        partial(functions.gammaln, np),
        lambda xp, g, v, a: (g * xp.digamma(a),),
        lambda jax, x: jax.scipy.special.gammaln(x),
        alone=True,
    ),
    Operation(
        "digamma",
        "digamma({0})",
        partial(functions.digamma, np),
        jax=lambda jax, x: jax.scipy.special.digamma(x),
        alone=True,
    ),
)
"""Functions of the array namespace."""

OPERATIONS = {each.name: each for each in (*ARITHMETIC, *FUNCTIONS)}
"""All of them by name."""

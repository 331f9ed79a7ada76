"""Functions over an array namespace: `xp` is NumPy, JAX or a recorder of expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "MAX_STEPS",
    "SMALL_STEP",
    "digamma",
    "erfcx",
    "gammaln",
    "log1mexp",
    "log_ndtr",
    "normal_or_beyond",
    "root",
    "sigmoid",
    "softplus",
]

MAX_STEPS = 60
SMALL_STEP = 1e-8
"""Step of `root` after which x is exact: the error is of the order of the step squared."""

_HALF_LOG_2PI = 0.9189385332046727
_LN2 = 0.6931471805599453


def _special(xp: Any, name: str, scipy_name: str = "") -> Any:
    """Return a function that NumPy lacks: SciPy's there, the namespace's own elsewhere."""
    if xp is not np:
        return getattr(xp, name)
    from scipy import special

    return getattr(special, scipy_name or name)


def softplus(xp: Any, x: Any) -> Any:
    """Return ``ln(1 + e^x)`` without overflow."""
    return np.logaddexp(0.0, x) if xp is np else xp.softplus(x)


def sigmoid(xp: Any, x: Any) -> Any:
    """Return ``1 / (1 + e^-x)`` without overflow."""
    return _special(xp, "sigmoid", "expit")(x)


def erfcx(xp: Any, x: Any) -> Any:
    """Return the scaled complementary error function ``e^(x^2) erfc(x)``."""
    return _special(xp, "erfcx")(x)


def log_ndtr(xp: Any, x: Any) -> Any:
    """Return the logarithm of the standard normal distribution function, accurate in both tails."""
    return _special(xp, "log_ndtr")(x)


def normal_or_beyond(xp: Any, z: Any, beyond: Any) -> Any:
    """Return a standard normal's log density at z, or its log mass above z where `beyond` is 1."""
    if xp is np:
        return np.where(beyond > 0, log_ndtr(np, -z), -0.5 * z**2 - _HALF_LOG_2PI)
    return xp.normal_or_beyond(z, beyond)


def log1mexp(xp: Any, x: Any) -> Any:
    """Return ``ln(1 - e^x)`` for x < 0, accurate near 0 and far below."""
    if xp is np:
        near, far = np.maximum(x, -_LN2), np.minimum(x, -_LN2)
        return np.where(x > -_LN2, np.log(-np.expm1(near)), np.log1p(-np.exp(far)))
    return xp.log1mexp(x)


def gammaln(xp: Any, x: Any) -> Any:
    """Return the logarithm of the gamma function, for x > 0."""
    return _special(xp, "gammaln")(x)


def digamma(xp: Any, x: Any) -> Any:
    """Return the derivative of `gammaln`, for x > 0."""
    return _special(xp, "digamma")(x)


def root(
    xp: Any,
    residual: Callable[..., tuple[Any, Any]],
    start: Any,
    *parameters: Any,
    largest_step: float = np.inf,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Any:
    """Return the x at which a rising function is 0, with its slopes by the parameters.

    Newton's method with bounded steps, until a step is below `SMALL_STEP`: x should be a number of
    the order of 1, such as a logarithm. The slopes follow from the residual's own derivatives at
    the solution (the implicit function theorem), so that the steps are not differentiated.

    Parameters
    ----------
    xp : module
        Array namespace.
    residual : callable (xp, x, *parameters) -> (value, slope)
        The function and its derivative by x, which is above 0; a function of a module, in formulas
        over `xp`.
    start : array
        First x, in formulas over `xp`.
    *parameters : array
        What the residual depends on beside x; shapes broadcast.
    largest_step : float
        Bound on the size of one step.
    within : (float, float)
        Bounds on x.

    Returns
    -------
    array
        x; NaN where an input is NaN.

    Examples
    --------
    The cube root, as exp(x) for x with 3 x = log(a):

    >>> def cube(xp, x, a):
    ...     return 3.0 * x - xp.log(a), 3.0
    >>> float(np.exp(root(np, cube, 0.0, np.array(8.0))))
    2.0
    """
    if xp is not np:
        x = xp.root(residual, start, *parameters, largest_step=largest_step, within=within)
        return xp.settled(x, *residual(xp, x, *parameters))
    x = start
    for _ in range(MAX_STEPS):
        value, slope = residual(np, x, *parameters)
        step = np.clip(value / slope, -largest_step, largest_step)
        x = np.clip(x - step, *within)
        if not np.any(np.abs(step) > SMALL_STEP):
            break
    return x

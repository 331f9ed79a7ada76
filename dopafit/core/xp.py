"""Functions over an array namespace: `xp` is numpy or pytensor.tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["erfcx", "log_ndtr", "normal_or_beyond", "sigmoid", "softplus"]

_HALF_LOG_2PI = 0.9189385332046727


def softplus(xp: Any, x: Any) -> Any:
    """Return ``ln(1 + e^x)`` without overflow."""
    return np.logaddexp(0.0, x) if xp is np else xp.softplus(x)


def sigmoid(xp: Any, x: Any) -> Any:
    """Return ``1 / (1 + e^-x)`` without overflow."""
    if xp is np:
        from scipy.special import expit

        return expit(x)
    return xp.sigmoid(x)


def erfcx(xp: Any, x: Any) -> Any:
    """Return the scaled complementary error function ``e^(x^2) erfc(x)``."""
    if xp is np:
        from scipy.special import erfcx as scipy_erfcx

        return scipy_erfcx(x)
    return xp.erfcx(x)


def log_ndtr(xp: Any, x: Any) -> Any:
    """Return the logarithm of the standard normal distribution function, accurate in both tails."""
    if hasattr(xp, "log_ndtr"):
        return xp.log_ndtr(x)
    root = 0.7071067811865476
    below = xp.minimum(x, 0.0)
    above = xp.maximum(x, 0.0)
    tail = -0.5 * below**2 + xp.log(0.5 * erfcx(xp, -below * root))
    # on the upper side 1 - Phi(x) from the same scaled function, so nothing overflows
    head = xp.log1p(-0.5 * erfcx(xp, above * root) * xp.exp(-0.5 * above**2))
    return xp.where(x < 0, tail, head) if xp is np else xp.switch(xp.lt(x, 0), tail, head)


def normal_or_beyond(xp: Any, z: Any, beyond: Any) -> Any:
    """Return a standard normal's log density at z, or its log mass above z where `beyond` is 1."""
    if hasattr(xp, "normal_or_beyond"):
        return xp.normal_or_beyond(z, beyond)
    density, mass = -0.5 * z**2 - _HALF_LOG_2PI, log_ndtr(xp, -z)
    return np.where(beyond > 0, mass, density) if xp is np else xp.switch(beyond > 0, mass, density)

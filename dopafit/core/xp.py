"""Functions over an array namespace: `xp` is NumPy, JAX or a recorder of expressions."""

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
    if xp is np:
        from scipy.special import log_ndtr as scipy_log_ndtr

        return scipy_log_ndtr(x)
    return xp.log_ndtr(x)


def normal_or_beyond(xp: Any, z: Any, beyond: Any) -> Any:
    """Return a standard normal's log density at z, or its log mass above z where `beyond` is 1."""
    if xp is np:
        return np.where(beyond > 0, log_ndtr(np, -z), -0.5 * z**2 - _HALF_LOG_2PI)
    return xp.normal_or_beyond(z, beyond)

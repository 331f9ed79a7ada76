"""Prior and coordinates of the log density, once for every array namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["log_density"]


def log_density(
    xp: Any,
    q: Any,
    normals: Any,
    arrays: Mapping[str, Any],
    likelihood: Callable[[Any], Mapping[str, Any]],
) -> Any:
    """Return the log density of the standard coordinates, up to a constant.

    q holds x, then log h; h is half-normal with the scales ``half_scale``. A coordinate of a group
    effect with centring w has prior sd h^w (``x_centring``): 0 is non-centred, 1 centred.

    Parameters
    ----------
    xp : module
        Array namespace: `pytensor.tensor`, `jax.numpy`.
    q : array, (coordinate,)
        The standard coordinates.
    normals : int
        How many of them are x.
    arrays : mapping of str to array
        As `Coordinates.arrays` makes them.
    likelihood : callable (theta) -> mapping of str to array
        Log density of every row, by channel.
    """
    x, log_h = q[:normals], q[normals:]
    lifted = xp.concatenate([xp.zeros((1,)), log_h])
    # partial centring: x has the prior sd h^w and enters theta times h^(1-w)
    shift = arrays["x_centring"] * lifted[arrays["x_spread"]]
    total = -0.5 * ((x * xp.exp(-shift)) ** 2).sum() - shift.sum()
    prior_h = log_h - 0.5 * (xp.exp(log_h) / arrays["half_scale"]) ** 2
    # a model without spreads keeps one idle h: normal in log h, lest its long tail be in the way
    free = arrays["half_free"]
    total = total + (free * prior_h - (1.0 - free) * 0.5 * log_h**2).sum()
    xs = xp.concatenate([xp.ones((1,)), x])
    scale = arrays["scale"] * xp.exp(arrays["power"] * lifted[arrays["spread"]])
    theta = arrays["loc"] + scale * xs[arrays["unit"]]
    for rows in likelihood(theta).values():
        total = total + rows.sum()
    return total

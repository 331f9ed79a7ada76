"""The one iteration of the opponent kernel: from the trough ratio to the crossing.

With x = e^(-kap t) the kernel is h = C x^nu (1 - x)(x - x_c), nu = lam / kap the onset ratio.
Its maximum x_p and minimum x_m are the roots of (nu+2) x^2 - (nu+1)(1+x_c) x + nu x_c. The
logarithm R(y, nu) of trough over peak rises strictly with y = logit(x_c), at the rate
S = sqrt((1+x_c)^2 + nu (nu+2)(1-x_c)^2) >= 1, so Newton's method finds the only root.
"""

from __future__ import annotations

from typing import Any

from dopafit.core.xp import root, sigmoid

__all__ = ["LARGEST_STEP", "LARGEST_Y", "over", "residual", "roots", "solve"]

LARGEST_STEP = 4.0
LARGEST_Y = 700.0  # beyond, x_c or 1 - x_c is no double


def roots(x_c, gap, onset_ratio):
    """Return the places of the maximum and the minimum with their distances, as x = e^(-kap t).

    Every value is a sum, product or quotient of positive numbers: nothing cancels. Plain
    arithmetic, so that it serves arrays, expressions and compiled scalars.

    Parameters
    ----------
    x_c : array
        Place of the crossing, in (0, 1).
    gap : array
        1 - x_c, given apart because the difference would lose digits near 1.
    onset_ratio : array
        nu = lam / kap > 0.

    Returns
    -------
    tuple of arrays
        S, x_p, 1 - x_p, x_p - x_c, x_m, 1 - x_m, x_c - x_m.
    """
    nu = onset_ratio
    slope = ((1 + x_c) * (1 + x_c) + nu * (nu + 2) * gap * gap) ** 0.5
    double = (nu + 1) * (1 + x_c) + slope
    below_one = 1 + x_c + nu * gap + slope
    below_crossing = 2 + 4 * x_c / (slope + (nu + 1) * gap)
    scale = gap * double / (nu + 2)
    return (
        slope,
        double / (2 * (nu + 2)),
        scale / below_one,
        scale / below_crossing,
        2 * nu * x_c / double,
        below_one / double,
        x_c * below_crossing / double,
    )


def over(xp):
    """Return `log_depth` and `newton_start` over an array namespace.

    Functions made with their namespace at hand, and not as an argument: numba compiles them too.

    Parameters
    ----------
    xp : module
        `numpy`, or one that has its functions.
    """

    def log_depth(places, onset_ratio):
        """Return R, the log of trough depth over peak height, from what `roots` returns."""
        _, x_p, one_p, over_p, x_m, one_m, under_m = places
        return onset_ratio * xp.log(x_m / x_p) + xp.log((one_m / one_p) * (under_m / over_p))

    def newton_start(log_ratio, onset_ratio):
        """Return a first y: the limit x_c -> 0, in which R = ln K + (1 + nu) ln x_c."""
        nu = onset_ratio
        log_k = nu * xp.log(nu / (nu + 1)) - xp.log(nu + 1) - (nu + 1) * xp.log((nu + 1) / (nu + 2))
        log_x = xp.minimum((log_ratio - log_k - xp.log(nu + 2)) / (1 + nu), -0.3)
        return xp.maximum(log_x - xp.log(-xp.expm1(log_x)), -LARGEST_Y)

    return log_depth, newton_start


def residual(xp: Any, y: Any, log_ratio: Any, onset_ratio: Any) -> tuple[Any, Any]:
    """Return R(y, nu) less the wanted log ratio, and its derivative S by y."""
    places = roots(sigmoid(xp, y), sigmoid(xp, -y), onset_ratio)
    return over(xp)[0](places, onset_ratio) - log_ratio, places[0]


def solve(xp: Any, log_ratio: Any, onset_ratio: Any) -> Any:
    """Return y = logit(x_c) with R(y, nu) = ln(trough ratio), to 1e-13.

    Parameters
    ----------
    xp : module
        Array namespace.
    log_ratio : array
        Logarithm of trough depth over peak height.
    onset_ratio : array
        nu = lam / kap > 0; shapes broadcast.

    Returns
    -------
    array
        y; NaN where an input is NaN.
    """
    start = over(xp)[1](log_ratio, onset_ratio)
    bounds = {"largest_step": LARGEST_STEP, "within": (-LARGEST_Y, LARGEST_Y)}
    return root(xp, residual, start, log_ratio, onset_ratio, **bounds)

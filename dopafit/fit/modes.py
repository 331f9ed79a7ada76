"""Which modes the search for the posterior found, and whether the chains weighed them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dopafit.fit.verdict import Diagnostic
from dopafit.model.layout.layout import Layout

__all__ = ["VISITS", "judge_modes", "largest_weights", "named_modes", "nearest_mode"]

VISITS = 100
"""Effective draws of a mode's share below which the share is not known (to 0.05)."""

ADVICE = (
    "the posterior has more than one mode and the chains do not pass between them often enough to "
    "say how much each weighs: raise max_draws; if they never pass, report what holds in each, "
    "or let the design tell them apart (more lags after an event, a prior that you can defend)"
)


def named_modes(layout: Layout, places: np.ndarray, masses: np.ndarray) -> list[dict[str, Any]]:
    """Return what a reader is told of each mode of comparable mass.

    Parameters
    ----------
    layout : Layout
    places : array, (mode, coordinate)
        x and log h.
    masses : array, (mode,)
        Log masses.

    Returns
    -------
    list of dict
        `share` of their mass by the Laplace approximation; `values`, natural, by population
        parameter.
    """
    coordinates, normals = layout.coordinates, layout.coordinates.normals
    share = np.exp(masses - masses.max())
    x, h = places[:, :normals], np.exp(places[:, normals:])
    named = coordinates.named(coordinates.theta(x, h), h)
    known = {name: values for name, (dims, values) in named.items() if not dims}
    return [
        {
            "share": float(share[k] / share.sum()),
            "values": {name: float(values[k]) for name, values in known.items()},
        }
        for k in range(len(places))
    ]


def nearest_mode(places: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return the mode that each draw lies nearest to, in prior standard deviations.

    Parameters
    ----------
    places : array, (mode, coordinate)
    draws : array, (chain, draw, coordinate)

    Returns
    -------
    array of int, (chain, draw)
    """
    return np.argmin([((draws - place) ** 2).sum(axis=-1) for place in places], axis=0)


def judge_modes(shares: list[float], nearest: np.ndarray | None) -> Diagnostic:
    """Ask whether the chains pass between the modes that could share the posterior.

    Parameters
    ----------
    shares : list of float
        Of the Laplace masses, largest first.
    nearest : array of int, (chain, draw), or None
        The mode that each draw lies nearest to; None where there is one mode.

    Returns
    -------
    Diagnostic
        Passes with one mode, and where each mode's share of the draws rests on at least `VISITS`
        effective draws (a mode that its own chains left for good counts as left, not as missed).
    """
    if nearest is None or len(shares) < 2:
        return Diagnostic("rival modes", 0.0, "none of comparable mass that the chains miss", True)
    counts = [effective_draws(nearest == k) for k in range(len(shares))]
    crossings = int((np.diff(nearest, axis=1) != 0).sum())
    parts = [
        f"mode {k + 1}: Laplace {_percent(share)}, draws {_percent(float((nearest == k).mean()))}"
        for k, share in enumerate(shares)
    ]
    passes = min(counts) >= VISITS
    return Diagnostic(
        name="rival modes",
        value=float(len(shares) - 1),
        limit=f"none, or >= {VISITS} effective draws of each mode's share",
        ok=bool(passes),
        where="; ".join([*parts, f"{crossings} crossings"]),
        advice="" if passes else ADVICE,
    )


def largest_weights(shares: list[float], nearest: np.ndarray) -> list[float]:
    """Return the weight that each mode could have: two standard errors above its draws' share.

    Of a mode without draws, and where chains do not pass between modes, at least the share of the
    Laplace masses.

    Parameters
    ----------
    shares : list of float
        Of the Laplace masses.
    nearest : array of int, (chain, draw)
        The mode that each draw lies nearest to.
    """
    found = []
    for k, share in enumerate(shares):
        inside = nearest == k
        drawn, size = float(inside.mean()), effective_draws(inside)
        most = drawn + 2.0 * np.sqrt(drawn * (1.0 - drawn) / size) if size > 0 else 1.0
        known = drawn > 0 and size >= VISITS
        found.append(float(min(1.0, most if known else max(most, share))))
    return found


def effective_draws(inside: np.ndarray) -> float:
    """Return the effective sample size of a share; infinite where all draws agree."""
    from dopafit.backend.diagnostics import effective_size

    if inside.all() or not inside.any():
        return float("inf")
    return effective_size(inside.astype(float))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %"

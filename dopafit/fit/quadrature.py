"""How far an integral over time is from that on a much finer grid, measured at draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dopafit.channel.quadrature import LARGEST, GridError
from dopafit.fit.verdict import Diagnostic
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.study.study import Study

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["LIMIT", "integral_error", "quadrature_check"]

LIMIT = 0.1
"""Largest sd over draws of the log likelihood's error [nats].

A posterior mean moves by at most so many of its standard deviations (Cauchy-Schwarz)."""

NOT_MEASURED = (
    f"a finer grid over time would have more than {LARGEST:,} points, so the error was not "
    "measured: give a larger typical_spacing or a prior with longer times"
)
TOO_COARSE = (
    "the grid over time is too coarse for these time scales: give a smaller typical_spacing or a "
    "prior with shorter times"
)


def integral_error(layout: Layout, fine: Layout, theta: np.ndarray, prefix: str) -> np.ndarray:
    """Return the error of the channel's log likelihood [nats] at each theta, (draw, entry)."""
    return np.array(
        [evaluate(layout, one)[prefix].sum() - evaluate(fine, one)[prefix].sum() for one in theta]
    )


def _finer(model: Model, study: Study) -> Layout | None:
    """Lay the model out on the finest grid that memory allows; None if none is finer."""
    for refine in (3, 2):
        try:
            return build_layout(model, study, refine=refine)
        except GridError:
            continue
    return None


def quadrature_check(
    layout: Layout, model: Model, study: Study, coordinates: xr.Dataset, *, draws: int = 12
) -> tuple[Diagnostic, ...]:
    """Return one diagnostic for every channel that integrates over time.

    The grid follows the prior's time scales; the check asks whether it was fine enough where the
    posterior went. Only differences between draws matter to the posterior, so the value is the
    standard deviation over draws of the log likelihood's error.
    """
    gridded = [c.prefix for c in model.channels if c.on_grid]
    if not gridded:
        return ()
    fine = _finer(model, study)
    if fine is None:
        limit = f"<= {LIMIT}"
        return tuple(
            Diagnostic("quadrature", math.nan, limit, False, prefix, NOT_MEASURED)
            for prefix in gridded
        )
    theta = layout.coordinates.theta(coordinates["x"].values, coordinates["h"].values)
    flat = theta.reshape(-1, theta.shape[-1])
    flat = flat[np.linspace(0, len(flat) - 1, draws).astype(int)]
    found = []
    for prefix in gridded:
        error = float(np.std(integral_error(layout, fine, flat, prefix), ddof=1))
        ok = error <= LIMIT
        advice = "" if ok else TOO_COARSE
        found.append(Diagnostic("quadrature", error, f"<= {LIMIT}", ok, prefix, advice))
    return tuple(found)

"""How far an integral over time is from that on a much finer grid, measured at draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dopafit.channel.quadrature import LARGEST, GridError
from dopafit.fit.verdict import Diagnostic
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.numpy_operations import numpy_operations
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


def integral_error(
    layout: Layout, fine: Layout, theta: np.ndarray, prefixes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return the error of channels' log likelihoods [nats] at each theta, (draw, entry)."""
    operations = [(one, numpy_operations(one.arrays)) for one in (layout, fine)]
    error = {prefix: np.empty(len(theta)) for prefix in prefixes}
    for draw, parameters in enumerate(theta):
        own, finer = (one.program.logp(one.arrays, parameters, m) for one, m in operations)
        for prefix in prefixes:
            error[prefix][draw] = own[prefix].sum() - finer[prefix].sum()
    return error


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
    fine, errors = _finer(model, study), dict.fromkeys(gridded, math.nan)
    if fine is not None:
        theta = layout.coordinates.theta(coordinates["x"].values, coordinates["h"].values)
        flat = theta.reshape(-1, theta.shape[-1])
        flat = flat[np.linspace(0, len(flat) - 1, draws).astype(int)]
        found = integral_error(layout, fine, flat, gridded)
        errors = {prefix: float(np.std(error, ddof=1)) for prefix, error in found.items()}
    failed = NOT_MEASURED if fine is None else TOO_COARSE
    return tuple(
        Diagnostic("quadrature", error, f"<= {LIMIT}", ok, prefix, "" if ok else failed)
        for prefix, error in errors.items()
        for ok in [error <= LIMIT]
    )

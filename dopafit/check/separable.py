"""How much of what events move could as well be time, the acts' past or differences of sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dopafit.core.arguments import takes
from dopafit.fit.fit import Fit
from dopafit.model.layout.layout import Layout
from dopafit.model.layout.matrices import table_matrix
from dopafit.model.numpy_operations import numpy_operations

__all__ = ["SEPARABLE", "separable", "shared_variance"]

SEPARABLE = 0.8
"""Largest share of a motivation's variance at which effects of events can be told from the rest."""


@takes(fit=Fit)
def separable(fit: Fit) -> pd.DataFrame:
    """Return how much of each channel's motivation the resting predictor's terms could imitate.

    Parameters
    ----------
    fit : Fit
        A fit; the trace is that at the posterior mean.

    Returns
    -------
    DataFrame
        `channel`, `gain` and `r_squared`; no row for a drive that moves nothing.
    """
    return shared_variance(fit.layout, fit.theta.mean(axis=(0, 1)))


def shared_variance(layout: Layout, theta: np.ndarray | None = None) -> pd.DataFrame:
    """Return the R2 of each motivation on all terms of the predictor that it adds to.

    Over the rows of the likelihood, each counted once, by least squares without a prior: group
    members have coefficients of their own.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    theta : array, (entry,), optional
        Where the trace is computed; at the centre of the prior unless given.

    Returns
    -------
    DataFrame
        `channel`, `gain` and `r_squared`, which is NaN where the motivation does not vary.
    """
    program, coordinates = layout.program, layout.coordinates
    if theta is None:
        theta = coordinates.theta(np.zeros(coordinates.normals), np.zeros(coordinates.halves))
    m = numpy_operations(layout.arrays)
    moved, rows = program.motivation(layout.arrays, theta, m), []
    for channel in program.model.channels:
        prefix = channel.prefix
        for gain, motivation in zip(program.model.drives[prefix].gains, moved[prefix], strict=True):
            values = program.at_rows(prefix, motivation, layout.arrays, m)
            share = _explained(layout, f"{prefix}_{channel.moves}", np.asarray(values, float))
            rows.append({"channel": prefix, "gain": gain, "r_squared": share})
    return pd.DataFrame(rows, columns=["channel", "gain", "r_squared"])


def _explained(layout: Layout, name: str, values: np.ndarray) -> float:
    """Return the share of the variance of one value a row that a parameter's terms explain."""
    from scipy import sparse
    from scipy.sparse.linalg import lsmr

    centred = values - values.mean()
    if not centred.any():
        return np.nan
    found = layout.designs.get(name)
    columns = sparse.csc_matrix(np.ones((len(values), 1)))
    if found is not None:
        columns = table_matrix(layout.coordinates, name, found).tocsc()
    size = np.sqrt(columns.multiply(columns).sum(axis=0)).A1
    columns = columns @ sparse.diags(1.0 / np.where(size > 0, size, 1.0))
    weights = lsmr(columns, centred, atol=1e-9, btol=1e-9, maxiter=2000)[0]
    left = centred - columns @ weights
    return float(1.0 - left @ left / (centred @ centred))

"""Whether a stored verdict follows from the draws stored with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dopafit.backend.diagnostics import scalars
from dopafit.core.errors import FitError
from dopafit.fit.judge import judge_draws
from dopafit.fit.verdict import Verdict

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["contradiction"]

LOOKED_AT = 50
"""Quantities whose R-hat and effective sample size are computed again, those named as the worst
ones among them: all would cost seconds where there are hundreds."""

SLACK = 0.02  # relative: another version of ArviZ may differ in the last digits
DIMS = ("chain", "draw")


def contradiction(
    verdict: Verdict, posterior: xr.Dataset, coordinates: xr.Dataset, stats: xr.Dataset
) -> str:
    """Return what the draws say against a verdict; empty where there is nothing.

    A verdict that promises nothing is believed.
    """
    for name, group in (("posterior", posterior), ("coordinates", coordinates)):
        if not set(DIMS) <= set(group.sizes):
            return f"the {name} holds no draws by chain"
    sizes = [[group.sizes[name] for name in DIMS] for group in (posterior, coordinates)]
    if not {"x", "h"} <= set(coordinates.data_vars) or sizes[0] != sizes[1]:
        return "the coordinates are not those of the posterior"
    if not verdict.converged:
        return ""
    if not all(np.isfinite(coordinates[name].values).all() for name in ("x", "h")):
        return "draws that are not finite are called converged"
    try:
        again = judge_draws(_some(verdict, posterior), stats)
    except (FitError, ValueError) as error:
        return f"the verdict cannot be checked: {error}"
    stored = {item.name: item for item in verdict.items}
    for item in again.items:
        said = stored.get(item.name)
        if not item.ok and (said is None or said.limit == item.limit):
            return f"the verdict says converged, the draws fail {item.name} ({item.value:.4g})"
        if said is None or item.name == "quantities":
            continue
        # of some of the quantities the worst one cannot be worse than the worst of all
        worse = item.value - said.value if item.name == "R-hat" else said.value - item.value
        exact = item.name not in ("R-hat", "bulk ESS", "tail ESS")
        far = not math.isclose(item.value, said.value, rel_tol=SLACK, abs_tol=1e-9)
        if math.isnan(item.value) or (far and (exact or worse > 0)):
            return f"the verdict says {item.name} {said.value:.4g}, the draws say {item.value:.4g}"
    return ""


def _some(verdict: Verdict, posterior: xr.Dataset) -> xr.Dataset:
    """Return the quantities to look at as single variables, all of them if they are few."""
    import xarray as xr

    labels, draws, _ = scalars(posterior)
    spread = np.unique(np.linspace(0, len(labels) - 1, LOOKED_AT).astype(int))
    named = {item.where for item in verdict.items}
    chosen = sorted({*spread.tolist(), *(i for i, text in enumerate(labels) if text in named)})
    # a quantity that is not finite must not hide among those that are not looked at
    chosen += np.flatnonzero(~np.isfinite(draws).all(axis=(1, 2))).tolist()[:1]
    return xr.Dataset({labels[i]: (("chain", "draw"), draws[i]) for i in dict.fromkeys(chosen)})

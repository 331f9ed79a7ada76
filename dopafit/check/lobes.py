"""How much was observed while the level was above baseline, and below it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dopafit.core.arguments import takes
from dopafit.drive.drive import RECTIFIER
from dopafit.fit.fit import Fit
from dopafit.model.numpy_operations import numpy_operations

__all__ = ["SEEN", "lobes_seen"]

SEEN = 20
"""Outcomes below baseline under which no trough is seen: one in twenty could show a change of
probability by 0.3 or more only (from 0.5, with a power of .8)."""


@takes(fit=Fit)
def lobes_seen(fit: Fit, *, draws: int = 200) -> pd.DataFrame:
    """Return how many outcomes fall into each lobe of the trace, posterior mean.

    A row counts as above or below where its level is further from baseline than the softness of
    the rectifier. Where rows are points of a grid, they stand for as many outcomes as there are.

    Parameters
    ----------
    fit : Fit
        A fit.
    draws : int
        Posterior draws.

    Returns
    -------
    DataFrame
        `channel`, `outcomes`, `above` and `below`; no row for a channel that nothing moves.
    """
    layout, model, rows = fit.layout, fit.model, []
    m, program, theta = numpy_operations(layout.arrays), layout.program, fit.thinned(draws)
    moved = [channel for channel in model.channels if model.drives[channel.prefix].gains]
    levels = [program.signals(layout.arrays, one, m)["level"] for one in theta] if moved else []
    for channel in moved:
        at_rows = np.array(
            [program.at_rows(channel.prefix, level, layout.arrays, m) for level in levels]
        )
        outcomes = channel.outcomes(layout.rows[channel.prefix])
        shares = [(sign * at_rows > RECTIFIER).mean() for sign in (1, -1)]
        rows.append((channel.prefix, outcomes, *(outcomes * float(share) for share in shares)))
    return pd.DataFrame(rows, columns=["channel", "outcomes", "above", "below"])

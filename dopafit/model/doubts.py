"""What a study makes doubtful about a claim: sentences that travel with the fit to the page."""

from __future__ import annotations

import pandas as pd

from dopafit.channel.channel import KEYS
from dopafit.drive import Drive
from dopafit.model.spec import Model

__all__ = ["doubts", "median_gap"]

FAR = 5.0
"""A typical spacing further from the data's own than this factor is doubted."""


def doubts(model: Model, events: pd.DataFrame) -> tuple[str, ...]:
    """Return the warnings of a claim over a study.

    Parameters
    ----------
    model : Model
        The claim.
    events : DataFrame, (event,)
        The events that move the trace.
    """
    return tuple(_spacing(model, events))


def median_gap(events: pd.DataFrame) -> float | None:
    """Return the median time between successive events of a session [s].

    Events at one time count as one; None where no session has two.
    """
    gaps = events.groupby(KEYS, sort=False)["time"].diff()
    gaps = gaps[gaps > 0]
    return float(gaps.median()) if len(gaps) else None


def _spacing(model: Model, events: pd.DataFrame) -> list[str]:
    gap = median_gap(events)
    own = model.typical_spacing
    if not Drive.named(model.drive).gains or gap is None or 1 / FAR <= own / gap <= FAR:
        return []
    return [
        f"typical_spacing is {own:g} s, but the median time between successive events is "
        f"{gap:.3g} s: the prior of the recovery half-life sits far from these data; "
        f"give typical_spacing: {gap:.2g}, or check the study's unit of time"
    ]

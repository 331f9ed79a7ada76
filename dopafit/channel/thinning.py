"""Simulate a point process with self-history by thinning (Lewis & Shedler 1979; Ogata 1981)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dopafit.core.errors import FitError
from dopafit.study.sessions import KEYS

__all__ = ["LIMIT", "draw_presses", "simulate_presses"]

LIMIT = 5_000_000
"""Most presses of one simulation."""

TRIES = 20
"""Most candidates a press allowed, so that no rate, however absurd, hangs the program."""


def simulate_presses(
    rng: np.random.Generator,
    offset: np.ndarray,
    pieces: np.ndarray,
    log_rate: np.ndarray,
    *,
    tau: np.ndarray,
    weight: np.ndarray,
    refractory: float,
    limit: int = LIMIT,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw press times.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    offset : array of int, (session + 1,)
        Where each session's segments begin.
    pieces : array, (segment, 2)
        Start and end of the segments [s].
    log_rate : array, (segment, 2)
        Log intensity [ln 1/s] without self-history at both ends; linear in between.
    tau, weight : array, (history,)
        Time constants [s] and weights of the self-history.
    refractory : float
        Time after a press in which none follows [s].
    limit : int
        Most presses.

    Returns
    -------
    session : array of int, (press,)
    time : array, (press,)
        Press times [s], in order within each session.

    Raises
    ------
    FitError
        More presses than the limit: the parameters imply an absurd rate.
    """
    from dopafit.channel._thin import thin

    session, time, complete = thin(
        rng,
        offset.astype(np.int64),
        np.ascontiguousarray(pieces[:, 0]),
        np.ascontiguousarray(pieces[:, 1]),
        np.ascontiguousarray(log_rate[:, 0]),
        np.ascontiguousarray(log_rate[:, 1]),
        np.asarray(tau, float),
        np.asarray(weight, float),
        float(refractory),
        limit,
        TRIES * limit,
    )
    if not complete:
        raise FitError(
            f"the parameters imply more than {limit:,} presses",
            allowed="a press rate that a subject could reach",
            todo="narrow the priors of presses_rest and of the presses gain",
        )
    return session, time


def draw_presses(
    rng: np.random.Generator, ends: pd.DataFrame, log_rate: np.ndarray, **history: Any
) -> pd.DataFrame:
    """Draw presses over the segments whose starts and ends are the rows of a frame, in turns.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    ends : DataFrame, (2 * segment,)
        `subject`, `session`, `time` [s], sessions in one piece.
    log_rate : array, (2 * segment,)
        Log intensity [ln 1/s] without self-history at these times.
    **history
        `tau`, `weight`, `refractory` and `limit` of `simulate_presses`.

    Returns
    -------
    DataFrame, (press,)
        `subject`, `session`, `time` [s].
    """
    owner = ends[KEYS].iloc[::2]
    fresh = (owner != owner.shift()).any(axis=1).to_numpy()
    offset = np.append(np.flatnonzero(fresh), len(owner))
    pieces = ends["time"].to_numpy(float).reshape(-1, 2)
    session, time = simulate_presses(rng, offset, pieces, log_rate.reshape(-1, 2), **history)
    keys = owner[fresh].to_numpy(object)[session]
    return pd.DataFrame(keys, columns=KEYS).assign(time=time)

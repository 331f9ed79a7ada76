"""The row before, in the same session: which rows have one, and what a column held in it."""

from __future__ import annotations

import numpy as np

from dopafit.channel import Channel
from dopafit.core.errors import SpecError

__all__ = ["follows"]


def follows(channel: Channel, session: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return 1 where the row before belongs to the same session, 0 at a session's first row.

    A channel's rows are those of its table: sorted by session and time, rows of the same time in
    the order of the table, rows without an outcome left out.

    Parameters
    ----------
    channel : Channel
        Whose rows.
    session : array of int, (row,)
        Their sessions.
    time : array, (row,)
        Their times [s].

    Raises
    ------
    SpecError
        The rows are in another order.
    """
    same = np.diff(session) == 0
    late = np.diff(session) < 0
    if (late | (same & (np.diff(time) < 0))).any():
        raise SpecError(
            f"channel {channel.prefix}: its likelihood takes the row before, and its rows are not "
            "in the order of their times",
            allowed="rows sorted by session and, within it, by time",
            todo="sort the frame that the channel's method rows returns, and its data with it",
        )
    return np.append(0.0, same.astype(float))

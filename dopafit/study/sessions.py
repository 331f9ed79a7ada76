"""Which session a row belongs to, by number and by name."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["KEYS", "session_names", "session_numbers"]

KEYS = ["subject", "session"]


def session_numbers(sessions: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Return the place in `sessions` of each row's session, -1 where it has none, (row,)."""
    known = pd.MultiIndex.from_frame(sessions[KEYS])
    return known.get_indexer(pd.MultiIndex.from_frame(frame[KEYS]))


def session_names(frame: pd.DataFrame) -> pd.Series:
    """Return ``"subject/session"`` of each row."""
    return frame["subject"].astype(str) + "/" + frame["session"].astype(str)

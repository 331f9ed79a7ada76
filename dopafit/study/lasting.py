"""Events that last: the columns `duration` and `shape` of a table of events."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dopafit.core.errors import StudyError
from dopafit.study.tables import DURATION, SHAPE, SHAPES

__all__ = ["input_of", "input_times", "unknown_shapes"]


def unknown_shapes(events: pd.DataFrame) -> np.ndarray:
    """Return whether an event lasts and its shape is none, (event,)."""
    if DURATION not in events or SHAPE not in events:
        return np.zeros(len(events), dtype=bool)
    strange = events[SHAPE].notna() & ~events[SHAPE].isin(SHAPES)
    return (strange & (events[DURATION] > 0)).to_numpy()


def input_of(events: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return how long each event lasts [s], and whether its input is a ramp, (event,) each.

    Raises
    ------
    StudyError
        A duration below 0 or not finite, or a shape that is none.
    """
    duration = np.zeros(len(events))
    if DURATION in events:
        duration = events[DURATION].fillna(0.0).to_numpy(float)
    wrong = {
        (DURATION, "0 s or above, finite"): ~((duration >= 0) & (duration < np.inf)),
        (SHAPE, ", ".join(SHAPES)): unknown_shapes(events),
    }
    for (column, allowed), cells in wrong.items():
        for row in events[cells].head(1).to_dict(orient="records"):
            raise StudyError(
                f"events: subject {row['subject']}, session {row['session']}, at {row['time']:g} "
                f"s: {column} = {row[column]}",
                allowed=f"{allowed}; empty cells where an event does not last",
                todo=f"correct the cell, or rename the column {column} if it means something else",
            )
    ramp = (events[SHAPE] == "ramp").to_numpy() if SHAPE in events else np.zeros(len(events), bool)
    return duration, ramp


def input_times(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events, and after them a row for the end of each that lasts."""
    duration, _ = input_of(events)
    ends = events[duration > 0]
    if ends.empty:
        return events
    return pd.concat([events, ends.assign(time=ends["time"] + duration[duration > 0])])

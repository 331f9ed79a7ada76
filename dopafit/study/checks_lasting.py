"""Events that last: what their durations and shapes may be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dopafit.study.lasting import unknown_shapes
from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables, complete, each, session_ends
from dopafit.study.tables import DURATION, SHAPE, SHAPES

__all__ = ["lasting"]


def lasting(tables: Tables) -> Iterator[Finding]:
    """Return shapes that are none, ramps without a duration, and inputs that outlast a session."""
    table = tables["events"]
    frame = table.frame
    yield from each(
        table,
        np.flatnonzero(unknown_shapes(frame)),
        SHAPE,
        "not a shape of an input",
        allowed=f"{', '.join(SHAPES)}; empty for {SHAPES[0]}",
        todo="correct the cell, or rename the column if it is not about the event's input",
        kind="unknown-shape",
    )
    if SHAPE in frame:
        brief = frame[DURATION].fillna(0.0) == 0 if DURATION in frame else True
        yield from each(
            table,
            np.flatnonzero((frame[SHAPE] == "ramp") & brief),
            SHAPE,
            "a ramp without a duration: its input arrives at once",
            allowed=f"a {DURATION} above 0 s for what rises over time",
            todo=f"fill in the {DURATION}, or leave the shape empty",
            kind="ramp-without-duration",
            severity="warning",
        )
    if DURATION not in frame:
        return
    lasts = complete(frame, "time", DURATION)
    lasts = lasts[lasts[DURATION] > 0]
    if lasts.empty:
        return
    longest = int(lasts[DURATION].idxmax())
    yield table.finding(
        longest,
        DURATION,
        f"{len(lasts)} of {len(frame)} events last, up to {lasts[DURATION].max():g} s: the "
        "magnitude of each is its whole input, spread over that time",
        allowed="how long the input of an event goes on; 0 or empty where it arrives at once",
        todo="nothing if this is meant; else rename the column",
        kind="lasting-events",
        value=table.shown(longest, DURATION),
        severity="warning",
    )
    if "sessions" not in tables:
        return
    end = lasts.join(session_ends(tables)["end"], on=KEY)["end"]
    past = lasts["time"] + lasts[DURATION] - end
    yield from each(
        table,
        past.index[past > 0].to_numpy(),
        DURATION,
        lambda p: f"the event goes on for {past[p]:g} s after its session's end",
        allowed="durations within the session; what comes later counts in no session, for the "
        "next one begins at baseline",
        todo="nothing if it went on and the magnitude is that of the whole; else correct the "
        "duration or its unit; give the next session an event of its own for what it got",
        kind="outlasts-session",
        severity="warning",
    )

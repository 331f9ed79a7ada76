"""Times: everything must happen while the session was observed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dopafit.study.load import Table
from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables, by_session, complete, each, session_ends

__all__ = ["covariates_begin", "inside_windows", "ties"]

LONGEST_HISTORY = 1e7
"""Time before a session [s], some hundred days, at which an event is on another clock."""


def inside_windows(tables: Tables) -> Iterator[Finding]:
    """Return times outside the session.

    Trials and presses need a known past; events may come before observation begins.
    """
    source = tables.get("windows", tables["sessions"])
    windows = complete(source.frame, "start", "end").sort_values("start", kind="stable")
    spans = {k: windows.loc[v] for k, v in by_session(windows).items()}
    for role in ("events", "observations", "presses", "samples", "covariates"):
        if role not in tables:
            continue
        table = tables[role]
        frame = complete(table.frame, "time")
        frame = frame.join(session_ends(tables), on=KEY).dropna(subset="end")
        if role in ("events", "covariates"):
            after = frame.index[frame["time"] > frame["end"]].to_numpy()
            whole = _all_outside(tables, table, role, frame) if role == "events" else None
            if whole is not None and (len(after) or whole.severity == "error"):
                yield whole
                continue
            yield from [whole] if whole is not None else []
            yield from each(
                table,
                after,
                "time",
                "after the end of the session",
                allowed=f"times up to the session's end in {tables['sessions'].file}",
                todo="it has no influence; correct the time or the session's end",
                kind="after-end",
                severity="warning",
            )
            continue
        outside = []
        for key, positions in by_session(frame).items():
            time = frame["time"].loc[positions].to_numpy()
            span = spans.get(key)
            starts = np.zeros(0) if span is None else span["start"].to_numpy()
            last = starts if span is None else np.maximum.accumulate(span["end"].to_numpy())
            which = np.searchsorted(starts, time, side="right") - 1
            inside = which >= 0
            inside[inside] = time[inside] <= last[which[inside]]
            outside.append(positions[~inside])
        positions = np.sort(np.concatenate([*outside, np.zeros(0, dtype=np.intp)]))
        if len(positions) == len(frame):
            whole = _all_outside(tables, table, role, frame)
            if whole is not None:
                yield whole
                continue
        yield from each(
            table,
            positions,
            "time",
            "outside every observed window of the session",
            allowed=f"times inside the windows of {source.file} (both ends included)",
            todo="correct the time, its unit, or the window",
            kind="outside-window",
            severity="warning" if role == "samples" else "error",
        )


def _all_outside(tables: Tables, table: Table, role: str, frame: pd.DataFrame) -> Finding | None:
    """Return one finding where no row of a table lies in its session: another clock or unit.

    Events may all come before (a dose); a hundred days before, nothing of them is left.
    """
    within = (frame["time"] >= frame["start"]) & (frame["time"] <= frame["end"])
    if len(frame) < 2 or within.any():
        return None
    early = frame["time"] < frame["start"]
    history = role == "events" and early.any()
    lag = (frame["start"] - frame["time"])[early].min()
    severity = "warning" if role == "samples" or (history and lag < LONGEST_HISTORY) else "error"
    low, high = frame["time"].min(), frame["time"].max()
    return table.finding(
        None,
        "time",
        f"none of the {len(frame)} times lies in its session: they run from {low:.10g} to "
        f"{high:.10g} s, the sessions from {frame['start'].min():.10g} to "
        f"{frame['end'].max():.10g} s",
        allowed=f"times on the clock of start and end in {tables['sessions'].file}"
        + (", before the start for what is history" if role == "events" else ""),
        todo="nothing if all of them came before the session"
        if severity == "warning" and role == "events"
        else "give all tables the same zero and unit (a clock such as Unix time counts from 1970)",
        kind="all-outside",
        severity=severity,
    )


def ties(tables: Tables) -> Iterator[Finding]:
    """Return observations that share their time with an event."""
    table = tables["observations"]
    keys = [*KEY, "time"]
    events = pd.MultiIndex.from_frame(complete(tables["events"].frame, "time")[keys])
    frame = complete(table.frame, "time")
    tied = frame.index[pd.MultiIndex.from_frame(frame[keys]).isin(events)]
    yield from each(
        table,
        tied.to_numpy(),
        "time",
        "an event has exactly the time of this observation",
        allowed="the level at an observation is the left limit: an event counts only afterwards",
        todo="nothing if the event came after the choice; else give the event an earlier time",
        kind="tie",
        severity="warning",
    )


def covariates_begin(tables: Tables) -> Iterator[Finding]:
    """Return sessions whose covariates begin late."""
    table = tables["covariates"]
    frame = complete(table.frame, "time")
    firsts = frame.loc[frame.groupby(KEY)["time"].idxmin()] if len(frame) else frame
    late = firsts.join(session_ends(tables)["start"], on=KEY)
    late = late[late["time"] > late["start"]]
    yield from each(
        table,
        late.index.to_numpy(),
        "time",
        lambda p: f"no value is known from the session's start ({late['start'][p]:g} s) to here",
        allowed="a first row at or before the start of the session",
        todo="add a row at the start of the session",
        kind="covariate-begins-late",
        severity="warning",
    )

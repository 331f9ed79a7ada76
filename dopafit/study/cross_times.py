"""Times: everything must happen while the session was observed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables, by_session, complete, each

__all__ = ["covariates_begin", "inside_windows", "ties"]


def inside_windows(tables: Tables) -> list[Finding]:
    """Return times outside the session.

    Trials and presses need a known past; events may come before observation begins.
    """
    if "sessions" not in tables:
        return []
    sessions = complete(tables["sessions"].frame, "start", "end").drop_duplicates(KEY)
    ends = dict(
        zip(
            zip(sessions["subject"], sessions["session"], strict=True), sessions["end"], strict=True
        )
    )
    source = tables.get("windows", tables["sessions"])
    windows = complete(source.frame, "start", "end").sort_values("start", kind="stable")
    spans = {k: windows.loc[v] for k, v in by_session(windows).items()}
    findings = []
    for role in ("events", "observations", "presses", "samples", "covariates"):
        if role not in tables:
            continue
        table = tables[role]
        frame = complete(table.frame, "time")
        after, outside = [], []
        for key, positions in by_session(frame).items():
            if key not in ends:
                continue
            time = frame["time"].loc[positions].to_numpy()
            if role in ("events", "covariates"):
                after.append(positions[time > ends[key]])
            else:
                span = spans.get(key)
                starts = np.zeros(0) if span is None else span["start"].to_numpy()
                last = starts if span is None else np.maximum.accumulate(span["end"].to_numpy())
                which = np.searchsorted(starts, time, side="right") - 1
                inside = which >= 0
                inside[inside] = time[inside] <= last[which[inside]]
                outside.append(positions[~inside])
        findings += each(
            table,
            np.sort(np.concatenate([*after, np.zeros(0, dtype=np.intp)])),
            "time",
            "after the end of the session",
            allowed=f"times up to the session's end in {tables['sessions'].file}",
            todo="it has no influence; correct the time or the session's end",
            kind="after-end",
            severity="warning",
        )
        findings += each(
            table,
            np.sort(np.concatenate([*outside, np.zeros(0, dtype=np.intp)])),
            "time",
            "outside every observed window of the session",
            allowed=f"times inside the windows of {source.file} (both ends included)",
            todo="correct the time, its unit, or the window",
            kind="outside-window",
            severity="warning" if role == "samples" else "error",
        )
    return findings


def ties(tables: Tables) -> list[Finding]:
    """Return observations that share their time with an event."""
    if "events" not in tables or "observations" not in tables:
        return []
    table = tables["observations"]
    keys = [*KEY, "time"]
    events = pd.MultiIndex.from_frame(complete(tables["events"].frame, "time")[keys])
    frame = complete(table.frame, "time")
    tied = frame.index[pd.MultiIndex.from_frame(frame[keys]).isin(events)]
    return each(
        table,
        tied.to_numpy(),
        "time",
        "an event has exactly the time of this observation",
        allowed="the level at an observation is the left limit: an event counts only afterwards",
        todo="nothing if the event came after the choice; else give the event an earlier time",
        kind="tie",
        severity="warning",
    )


def covariates_begin(tables: Tables) -> list[Finding]:
    """Return sessions whose covariates begin late."""
    if "covariates" not in tables or "sessions" not in tables:
        return []
    table = tables["covariates"]
    sessions = complete(tables["sessions"].frame, "start", "end").drop_duplicates(KEY)
    starts = sessions.set_index(KEY)["start"]
    frame = complete(table.frame, "time")
    firsts = frame.loc[frame.groupby(KEY)["time"].idxmin()] if len(frame) else frame
    late = firsts.join(starts, on=KEY)
    late = late[late["time"] > late["start"]]
    return each(
        table,
        late.index.to_numpy(),
        "time",
        lambda p: f"no value is known from the session's start ({late['start'][p]:g} s) to here",
        allowed="a first row at or before the start of the session",
        todo="add a row at the start of the session",
        kind="covariate-begins-late",
        severity="warning",
    )

"""Things that happen twice: at one time, in two sessions, or while another session runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables, complete, each, present
from dopafit.study.tables import is_choice, is_duration

__all__ = ["one_timetable", "overlapping_sessions", "same_sessions", "same_times"]

ENOUGH = 5
"""Rows of a session from which on equality with another session is no chance."""


def same_times(tables: Tables) -> Iterator[Finding]:
    """Return events, presses and outcomes that share session, time and kind with another."""
    for role in ("events", "presses"):
        if role not in tables:
            continue
        frame = tables[role].frame
        keys = [*KEY, "time", "kind"]
        if role == "presses" and not (frame["time"] % 1 > 0).any():
            continue  # a clock of whole seconds gives quick acts one time
        doubled = frame.duplicated(keys) & ~frame.duplicated() & frame[keys].notna().all(axis=1)
        yield from each(
            tables[role],
            np.flatnonzero(doubled),
            "time",
            lambda p, f=frame: f"another row has the same session, time and kind {f['kind'][p]!r}",
            allowed="each act or event once; what happens twice at one time counts twice",
            todo="nothing if both happened; else delete one",
            kind="same-time",
            severity="warning",
        )
    if "observations" not in tables:
        return
    frame = complete(tables["observations"].frame, "time")
    outcomes = [c for c in frame.columns if is_choice(c) or is_duration(c)]
    doubled = pd.Series(False, index=frame.index)
    for column in outcomes or ["time"]:  # without a known outcome, any two rows are doubted
        given = frame[frame[column].notna()]
        again = given.index[given.duplicated([*KEY, "time"]) & ~given.duplicated()]
        doubled.loc[again] = True
    yield from each(
        tables["observations"],
        frame.index[doubled].to_numpy(),
        "time",
        "another outcome of this session has the same time",
        allowed="one outcome of a kind at a time",
        todo="nothing if a coarse clock gave both the same time; else correct it or delete a row",
        kind="same-time",
        severity="warning",
    )


def same_sessions(tables: Tables) -> Iterator[Finding]:
    """Return sessions whose acts and outcomes repeat those of another, to the last digit."""
    for table in present(tables, "observations", "presses"):
        frame = complete(table.frame, "time")
        if frame.empty:
            continue
        own = frame[[c for c in frame.columns if c not in KEY]]
        rows = pd.DataFrame({k: frame[k] for k in KEY})
        rows["first"] = frame.index
        # sums of hashes, which wrap around: the same for the same rows in any order
        rows["content"] = pd.util.hash_pandas_object(own, index=False).to_numpy().view(np.int64)
        sessions = rows.groupby(KEY, sort=False).agg(
            count=("first", "size"), first=("first", "min"), content=("content", "sum")
        )
        sessions = sessions[sessions["count"] >= ENOUGH].reset_index()
        same = sessions.groupby(["count", "content"], sort=False)["first"].transform("idxmin")
        for again in np.flatnonzero((same != sessions.index).to_numpy()):
            session, other = sessions.iloc[again], sessions.loc[same.iloc[again]]
            yield table.finding(
                int(session["first"]),
                "session",
                f"all {session['count']} rows of subject {session['subject']!r}, session "
                f"{session['session']!r} repeat those of subject {other['subject']!r}, session "
                f"{other['session']!r}",
                allowed="sessions that were measured",
                todo="was a file copied or read twice? then take one of them out",
                kind="same-session",
                severity="warning",
            )


def one_timetable(tables: Tables) -> Iterator[Finding]:
    """Return events or trials that come at the very same times in every session."""
    for table in present(tables, "events", "observations"):
        frame = complete(table.frame, "time")
        times = [np.sort(t.to_numpy()) for _, t in frame.groupby(KEY, sort=False)["time"]]
        if len(times) < 3 or len(times[0]) < ENOUGH:
            continue
        if all(np.array_equal(times[0], other) for other in times[1:]):
            yield table.finding(
                None,
                "time",
                f"all {len(times)} sessions have the very same times",
                allowed="times as measured; a timetable that differs tells what events do from "
                "what time does",
                todo="nothing if a program kept this timetable; else give the times measured",
                kind="one-timetable",
                severity="warning",
            )


def overlapping_sessions(tables: Tables) -> Iterator[Finding]:
    """Return sessions of a subject that overlap although their times seem to share one clock.

    Each session has its own zero, so most overlap; the clock is shared where others follow in turn.
    """
    table = tables["sessions"]
    frame = complete(table.frame, "start", "end").sort_values(["subject", "start"], kind="stable")
    positions: list[int] = []
    before: dict[int, float] = {}
    for _, rows in frame.groupby("subject", sort=False):
        start, end = rows["start"].to_numpy(), np.maximum.accumulate(rows["end"].to_numpy())
        early = start[1:] < end[:-1]
        if len(rows) < 3 or (np.diff(start) == 0).any() or 2 * early.sum() > len(early):
            continue
        hit = rows.index[1:][early].tolist()
        positions += hit
        before |= dict(zip(hit, end[:-1][early].tolist(), strict=True))
    yield from each(
        table,
        np.sort(np.array(positions, dtype=np.intp)),
        "start",
        lambda p: f"the session begins before an earlier one of the subject ends ({before[p]:g} s)",
        allowed="sessions of a subject one after the other, or each with a zero of its own",
        todo="correct start or end; nothing if each session has its own zero",
        kind="session-overlap",
        severity="warning",
    )

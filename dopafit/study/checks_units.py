"""Sizes and waits that a wrong unit or a missing mark would explain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dopafit.study.load import Table
from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables, complete, each, present, session_ends
from dopafit.study.tables import is_duration
from dopafit.study.waits import mixed_units, pile_up, unit_by_group

__all__ = ["latencies", "magnitudes", "spans"]

UNFILLED = 0.02
"""Share of its session in which everything happens, below which the session's unit is doubted."""


def magnitudes(tables: Tables) -> Iterator[Finding]:
    """Return kinds of event that move nothing, and sizes below zero."""
    table = tables["events"]
    frame = table.frame
    size = frame["magnitude"]
    for kind, values in size.groupby(frame["kind"], sort=True):
        known = values.dropna()
        if len(known) and (known == 0).all():
            yield table.finding(
                None,
                "magnitude",
                f"every event of kind {kind!r} has the magnitude 0 ({len(known)} events)",
                allowed="a magnitude that is not 0 where an event is meant to move the level",
                todo="correct the column, or leave it out: every event then has the size 1",
                kind="zero-magnitude",
                severity="warning",
            )
    below = np.flatnonzero((size < 0).to_numpy())
    if len(below):
        yield table.finding(
            int(below[0]),
            "magnitude",
            f"{len(below)} of {size.count()} magnitudes are negative (lowest {size.min():g})",
            allowed="any finite number; the sign is kept, so such an event pushes the level "
            "down first",
            todo="nothing if losses are meant; else correct the cells",
            kind="negative-magnitude",
            value=table.shown(int(below[0]), "magnitude"),
            severity="warning",
        )


def latencies(tables: Tables) -> Iterator[Finding]:
    """Return latencies whose unit or whose missing censoring looks wrong."""
    table = tables["observations"]
    for column in filter(is_duration, table.frame.columns):
        yield from _units(table, column)
        yield from _unmarked(table, column)
        yield from _longer_than_time(table, column, tables)
        yield from _responded(table, column)


def _units(table: Table, column: str) -> Iterator[Finding]:
    frame = table.frame
    values = frame[column].to_numpy()
    shared = {
        "allowed": "one unit in the whole column",
        "todo": "bring all rows to one unit and declare it (units: in study.yaml)",
        "kind": "mixed-units",
        "severity": "warning",
    }
    known = complete(frame)
    if known.empty:
        return
    subject = known["subject"].reindex(frame.index)
    session = (known["subject"] + ", session " + known["session"]).reindex(frame.index)
    for names in (subject, session):
        found = unit_by_group(np.where(names.notna(), values, np.nan), names.fillna("").tolist())
        if found is not None:
            groups, mix = found
            others = f" and {len(groups) - 1} more" if len(groups) > 1 else ""
            wrong = (
                f"in subject {groups[0]}{others} {column} has a unit of its own, it seems: medians "
                f"are about {mix.low:.3g} and {mix.high:.3g} s"
            )
            yield table.finding(int(mix.rows[0]), column, wrong, **shared)
            return
    mix = mixed_units(values)
    if mix is None:
        return
    wrong = (
        f"two units in one column, it seems: {len(mix.rows)} of {frame[column].count()} values lie "
        f"a factor of {mix.high / mix.low:.3g} from the others (medians {mix.low:.3g} and "
        f"{mix.high:.3g} s)"
    )
    first = int(mix.rows[0])
    yield table.finding(first, column, wrong, value=table.shown(first, column), **shared)


def _unmarked(table: Table, column: str) -> Iterator[Finding]:
    frame = table.frame
    mark = f"{column}_censored"
    marked = mark in frame and frame[mark].dtype == np.float64
    values = frame[column].to_numpy()
    if marked:
        values = np.where(frame[mark] == 1, np.nan, values)
    piled = pile_up(values, frame.groupby(KEY, sort=False, dropna=False).ngroup().to_numpy())
    if piled is None:
        return
    missing = f"{mark} is 0 there" if marked else f"there is no column {mark!r}"
    yield table.finding(
        int(np.flatnonzero(piled.rows)[0]),
        column,
        f"{piled.words}, and {missing}: they count as responses",
        allowed=f"{mark} = 1 where the wait ended without a response",
        todo="mark them if no response came (is the coding turned round?); nothing if all are "
        "responses"
        if marked
        else f"add {mark} (0 or 1) if no response came; nothing if all are responses",
        kind="waits-pile-up",
        severity="warning",
    )


def _longer_than_time(table: Table, column: str, tables: Tables) -> Iterator[Finding]:
    """Return waits that reach past the next trial, or that no session is long enough for."""
    if "sessions" not in tables:
        return
    frame = complete(table.frame, "time", column).sort_values([*KEY, "time"], kind="stable")
    ends = frame[KEY].join(session_ends(tables), on=KEY)
    following = frame.groupby(KEY, sort=False)["time"].shift(-1).fillna(ends["end"])
    room = (following - frame["time"]).where(lambda gap: gap > 0)
    waited = frame[column]
    past = (waited > room) & room.notna()
    if room.count() >= 5 and 2 * past.sum() > room.count():
        yield table.finding(
            None,
            column,
            f"{past.sum()} of {room.count()} values are longer than the time to the next trial "
            f"(medians {waited.median():.3g} and {room.median():.3g} s)",
            allowed="times in the unit that study.yaml declares",
            todo=f"is {column} in ms? then declare it: units: {{{column}: ms}}",
            kind="longer-than-gap",
            severity="warning",
        )
        return
    long = frame.index[(waited > ends["end"] - ends["start"]).to_numpy()]
    yield from each(
        table,
        np.sort(long.to_numpy()),
        column,
        "longer than the whole session",
        allowed="waits that fit into their session",
        todo="correct the cell, its unit, or the session's ends",
        kind="longer-than-session",
        severity="warning",
    )


def _responded(table: Table, column: str) -> Iterator[Finding]:
    """Return waits without a response, by the column `responded`, that no column marks."""
    frame = table.frame
    mark = f"{column}_censored"
    if "responded" not in frame or frame["responded"].dtype != np.float64:
        return
    odd = (frame["responded"] == 0) & frame[column].notna()
    if mark in frame:
        odd &= frame[mark] != 1
    yield from each(
        table,
        np.flatnonzero(odd),
        column,
        "responded is 0, yet the wait counts as a response",
        allowed=f"{mark} = 1 where responded is 0",
        todo=f"write {mark} = 1 there, or leave {column} empty",
        kind="responded-unmarked",
        severity="warning",
    )


def spans(tables: Tables) -> Iterator[Finding]:
    """Return sessions that are far longer than all that happens in them."""
    table, sessions = tables["sessions"], session_ends(tables)
    used = [complete(t.frame, "time") for t in present(tables, "events", "observations", "presses")]
    if not used or not len(sessions):
        return
    last = pd.concat([frame[[*KEY, "time"]] for frame in used]).groupby(KEY)["time"].max()
    share = ((last - sessions["start"]) / (sessions["end"] - sessions["start"])).dropna()
    share = share[share > 0]
    if len(share) < 2 or share.max() >= UNFILLED:
        return
    yield table.finding(
        None,
        "end",
        f"everything happens in the first {100 * share.max():.2g} % of the sessions",
        allowed="start and end in the same unit as the times of the other tables",
        todo="is the session's end in ms and the rest in s? then give the table its time_unit",
        kind="session-unfilled",
        severity="warning",
    )

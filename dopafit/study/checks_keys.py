"""Names, doubled rows and spans: the tables of a study must fit together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dopafit.core.errors import suggest
from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables, by_session, complete, each, present, session_ends

__all__ = ["doubled_rows", "known_names", "order_of_ends", "overlaps"]


def order_of_ends(tables: Tables) -> Iterator[Finding]:
    """Return sessions and windows that do not end after they start."""
    for table in present(tables, "sessions", "windows"):
        frame = complete(table.frame, "start", "end")
        bad = frame.index[frame["end"] <= frame["start"]].to_numpy()
        yield from each(
            table,
            bad,
            "end",
            lambda p, f=frame: f"end is not after start ({f['start'][p]:g} s)",
            allowed="end > start, both in the declared unit",
            todo="correct start or end; were they exchanged?",
            kind="end-before-start",
        )


def known_names(tables: Tables) -> Iterator[Finding]:
    """Return rows whose subject or session is not listed."""
    sessions = tables["sessions"].frame.dropna(subset=KEY)
    if "subjects" in tables:
        table = tables["subjects"]
        listed = set(table.frame["subject"].dropna())
        frame = tables["sessions"].frame
        unknown = frame.index[frame["subject"].notna() & ~frame["subject"].isin(listed)]
        yield from each(
            tables["sessions"],
            unknown.to_numpy(),
            "subject",
            lambda p: f"subject {frame['subject'][p]!r} is not in {table.file}",
            allowed=f"a subject of {table.file}",
            todo="add the subject there or correct the name",
            kind="unknown-subject",
        )
        idle = table.frame["subject"].notna() & ~table.frame["subject"].isin(
            set(sessions["subject"])
        )
        yield from each(
            table,
            np.flatnonzero(idle),
            "subject",
            "the subject has no session",
            allowed="at least one session per subject",
            todo="add a session or leave the subject out",
            kind="subject-without-session",
            severity="warning",
        )
    known = sessions.groupby("subject")["session"].agg(set).to_dict()
    for role, table in tables.items():
        if role in ("subjects", "sessions"):
            continue
        frame = table.frame.dropna(subset=KEY)
        for (subject, session), positions in by_session(frame).items():
            if subject not in known:
                column, hint = "subject", suggest(subject, known)
                wrong = f"subject {subject!r} has no session in {tables['sessions'].file}"
            elif session not in known[subject]:
                column, hint = "session", suggest(session, known[subject])
                wrong = (
                    f"session {session!r} of subject {subject!r} is not in "
                    f"{tables['sessions'].file}"
                )
            else:
                continue
            yield from each(
                table,
                positions,
                column,
                wrong,
                allowed=f"a {column} of {tables['sessions'].file}",
                todo=hint or "add the session there or correct the name",
                kind=f"unknown-{column}",
            )


_UNIQUE = {
    "subjects": ["subject"],
    "sessions": KEY,
    "covariates": [*KEY, "time"],
}
_SEVERITY = {"events": "warning", "presses": "warning"}


def doubled_rows(tables: Tables) -> Iterator[Finding]:
    """Return rows that repeat another row or another row's key."""
    for role, table in tables.items():
        frame = table.frame
        whole = frame.duplicated().to_numpy(copy=True)
        for unread in table.unread.values():
            whole[unread] = False  # their cells differ in the file
        origin = _origins(frame) if whole.any() else None
        yield from each(
            table,
            np.flatnonzero(whole),
            None,
            lambda p, t=table, o=origin: f"the row repeats {t.row_label} {t.rows[o[p]]}",
            allowed="each act or measurement once",
            todo="delete the row if it was copied; a coarse clock may also give equal rows"
            if role in _SEVERITY
            else "delete one of the rows",
            kind="repeated-row",
            severity=_SEVERITY.get(role, "error"),
        )
        keys = _UNIQUE.get(role)
        if keys is None:
            continue
        same = frame.duplicated(keys).to_numpy() & ~whole & frame[keys].notna().all(axis=1)
        yield from each(
            table,
            np.flatnonzero(same),
            keys[-1],
            lambda p, k=keys, f=frame: (
                "another row has the same " + ", ".join(f"{c} {f[c][p]}" for c in k)
            ),
            allowed=f"one row per {', '.join(keys)}",
            todo="keep one of the rows",
            kind="doubled-key",
        )


def _origins(frame: pd.DataFrame) -> pd.Series:
    """Return, for rows that occur more than once, the position of the first."""
    again = frame[frame.duplicated(keep=False)]
    group = again.groupby(list(frame.columns), dropna=False, sort=False).ngroup()
    return again.index.to_series().groupby(group).transform("min")


def overlaps(tables: Tables) -> Iterator[Finding]:
    """Return windows that overlap or leave their session."""
    table = tables["windows"]
    frame = complete(table.frame, "start", "end").sort_values([*KEY, "start"], kind="stable")
    latest = frame.groupby(KEY)["end"].cummax().groupby([frame[k] for k in KEY]).shift()
    yield from each(
        table,
        frame.index[frame["start"] < latest].to_numpy(),
        "start",
        lambda p: f"the window begins before an earlier one ends ({latest[p]:g} s)",
        allowed="windows of a session that do not overlap",
        todo="join the windows or correct their ends",
        kind="overlap",
    )
    if "sessions" not in tables:
        return
    joined = frame.join(session_ends(tables).add_suffix("_session"), on=KEY)
    outside = (joined["start"] < joined["start_session"]) | (joined["end"] > joined["end_session"])
    yield from each(
        table,
        frame.index[outside].to_numpy(),
        "start",
        lambda p: (
            "the window leaves its session "
            f"({joined['start_session'][p]:g} to {joined['end_session'][p]:g} s)"
        ),
        allowed="windows inside start and end of the session",
        todo="correct the window or the session",
        kind="window-outside-session",
    )

"""Cells that need each other, and data too thin to say much."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dopafit.core.errors import suggest
from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables, each
from dopafit.study.tables import is_censoring, is_choice

__all__ = ["censoring", "thin_data"]


def censoring(tables: Tables) -> Iterator[Finding]:
    """Return censored rows without a value, and values of unknown censoring."""
    table = tables["observations"]
    frame = table.frame
    for column in frame.columns:
        if not is_censoring(column):
            continue
        base = column.removesuffix("_censored")
        if base not in frame.columns:
            yield table.finding(
                None,
                column,
                f"there is no column {base!r} to be censored",
                allowed=f"{base!r} with the time at which the trial ended",
                todo=suggest(base, frame.columns) or f"add {base!r} or delete {column!r}",
                kind="censored-without-column",
            )
            continue
        unread = table.unread.get(base, np.zeros(0, dtype=np.intp))
        empty = np.setdiff1d(np.flatnonzero(frame[base].isna() & (frame[column] == 1)), unread)
        yield from each(
            table,
            empty,
            base,
            f"{column} is 1 but {base} is empty",
            allowed="for a censored row, the time waited without a response",
            todo=f"write how long was waited, or leave both {base} and {column} empty",
            kind="censored-without-value",
        )
        unknown = np.setdiff1d(
            np.flatnonzero(frame[base].notna() & frame[column].isna()),
            table.unread.get(column, np.zeros(0, dtype=np.intp)),
        )
        yield from each(
            table,
            unknown,
            column,
            f"{base} is given but {column} is empty",
            allowed="0 (a response) or 1 (none until then)",
            todo="fill the cell",
            kind="censoring-unknown",
        )


def thin_data(tables: Tables) -> Iterator[Finding]:
    """Return sessions and subjects that say little."""
    if "sessions" in tables:
        table = tables["sessions"]
        keys = pd.MultiIndex.from_frame(table.frame[KEY])
        with_events = (
            pd.MultiIndex.from_frame(tables["events"].frame[KEY].drop_duplicates())
            if "events" in tables
            else keys[:0]
        )
        yield from each(
            table,
            np.flatnonzero(~keys.isin(with_events) & table.frame[KEY].notna().all(axis=1)),
            "session",
            "the session has no events",
            allowed="sessions without events say something about rest only",
            todo="check that the events were not lost",
            kind="session-without-events",
            severity="warning",
        )
    if "observations" not in tables:
        return
    table = tables["observations"]
    by_subject = table.frame.groupby("subject", sort=True)
    for subject, positions in by_subject.groups.items():
        if len(positions) == 1:
            yield from each(
                table,
                positions.to_numpy(),
                "subject",
                f"subject {subject!r} has a single observation",
                allowed="the fit borrows from the other subjects",
                todo="check that the other trials were not lost",
                kind="single-observation",
                severity="warning",
            )
    for column in filter(is_choice, table.frame.columns):
        every = table.frame[column].dropna()
        if len(every) > 1 and every.nunique() == 1 and table.frame["subject"].nunique() > 1:
            yield table.finding(
                None,
                column,
                f"every subject always chose {every.iloc[0]:g} ({len(every)} observations)",
                allowed="both choices; else nothing about choice can be learned",
                todo="check the coding, or leave the channel out",
                kind="one-choice",
                severity="warning",
            )
            continue
        for subject, values in by_subject[column]:
            given = values.dropna().unique()
            if len(given) == 1 and values.count() > 1:
                yield table.finding(
                    None,
                    column,
                    f"subject {subject!r} always chose {given[0]:g} "
                    f"({values.count()} observations)",
                    allowed="both choices; else the subject is known through the group only",
                    todo="check the coding; keep the subject if it is right",
                    kind="one-choice",
                    severity="warning",
                )

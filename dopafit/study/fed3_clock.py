"""A FED3 log's clock: dates as labs have them, and where the record breaks off and starts again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dopafit.study.report import Finding

__all__ = ["DAY_FIRST", "FORMATS", "breaks", "date_findings", "parse_dates"]

FORMATS = (
    "%m/%d/%Y %H:%M:%S",  # as the device writes them
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%m/%d/%Y %H:%M",  # as a spreadsheet leaves them
    "%m/%d/%y %H:%M:%S",
    "%m/%d/%y %H:%M",
    "%Y-%m-%d %H:%M",
)
DAY_FIRST = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")

LONG_GAP = 24 * 3600.0
"""Longer than this [s] is no silence: a mouse that lives on what it pokes for was not there."""

JUMP = 366 * 24 * 3600.0
"""A step of the clock [s] that no log spans."""


def parse_dates(text: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Read date and time in any of `FORMATS`, row by row.

    Returns
    -------
    when : Series of datetime, (row,)
        Not a time where no format fits.
    coarse : array of bool, (row,)
        Rows whose time is known to the minute only.
    """
    text = text.str.strip()
    when = pd.Series(pd.NaT, index=text.index, dtype="datetime64[ns]")
    coarse = np.zeros(len(text), dtype=bool)
    for form in FORMATS:
        missing = when.isna()
        if not missing.any():
            break
        found = pd.to_datetime(text[missing], format=form, errors="coerce").astype("datetime64[ns]")
        when[missing] = found
        if form.endswith("%M"):
            coarse[missing.to_numpy()] = found.notna().to_numpy()
    return when, coarse


def date_findings(
    file: str, lines: np.ndarray, text: pd.Series, when: pd.Series, coarse: np.ndarray
) -> Iterator[Finding]:
    """Name every date that is none, and say once that times are known to the minute only."""
    last = len(text) - 1
    for i in np.flatnonzero(when.isna().to_numpy()):
        value = text.iloc[i].strip()
        day_first = any(
            pd.notna(pd.to_datetime(value, format=form, errors="coerce")) for form in DAY_FIRST
        )
        yield Finding(
            file,
            int(lines[i]),
            "when",
            value,
            "not a date and time of this device"
            + (": the day seems to come before the month" if day_first else ""),
            "month/day/year hh:mm:ss or year-month-day hh:mm:ss",
            "write the dates of the whole log as year-month-day"
            if day_first
            else "correct the line or delete it",
            "warning" if i == last else "error",
            "bad-date",
        )
    if coarse.any():
        first = int(np.argmax(coarse))
        yield Finding(
            file,
            int(lines[first]),
            "when",
            text.iloc[first].strip(),
            f"the time has no seconds, in {coarse.sum()} of {len(text)} rows: acts of one minute "
            "stand at its beginning, and what happens within a minute cannot be told",
            "hh:mm:ss",
            "use the file that the device wrote; a spreadsheet drops the seconds when it saves",
            "warning",
            "no-seconds",
        )


def breaks(
    file: str, rows: pd.DataFrame, after_header: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[Finding]]:
    """Find where a file goes on with another stretch of record.

    A run of the device begins at a repeated header, at counts that start anew and at another
    session type; a stretch of record also after a silence of more than a day. Between stretches
    nothing was observed.

    Parameters
    ----------
    file : str
        Name to report.
    rows : DataFrame, (row,)
        ``line``, ``time`` [s], ``left``, ``right``, ``pellets`` (counts), ``task``.
    after_header : array of int, (row,)
        How many headers stand above each row.

    Returns
    -------
    run, stretch : array of int, (row,)
        Counted from 0.
    findings : list of Finding
    """
    counts = rows[["left", "right", "pellets"]].to_numpy(float)
    change, gap = np.diff(counts, axis=0), np.diff(rows["time"].to_numpy(float))
    reasons = (
        (np.diff(after_header) != 0, "joined", "another log was joined on here"),
        ((change <= 0).all(axis=1) & (change < 0).any(axis=1), "restart", "the counts start anew"),
        (
            rows["task"].to_numpy()[1:] != rows["task"].to_numpy()[:-1],
            "other-task",
            "another session type begins here",
        ),
        (gap > LONG_GAP, "long-gap", "no poke and no pellet for more than a day"),
    )
    begins = np.any([mask for mask, _, _ in reasons], axis=0)
    findings = []
    for i in np.flatnonzero(begins):
        kind, words = next((kind, words) for mask, kind, words in reasons if mask[i])
        findings.append(
            Finding(
                file,
                int(rows["line"].iloc[i + 1]),
                "when",
                f"{gap[i]:g} s after the row before",
                f"{words}; the time between is taken as unobserved, not as silence",
                "one run of the device",
                "nothing, if that is what happened; else correct the log",
                "warning",
                kind,
            )
        )
    for i in np.flatnonzero(gap > JUMP):
        findings.append(
            Finding(
                file,
                int(rows["line"].iloc[i + 1]),
                "when",
                f"{gap[i] / 86400:.0f} days after the row before",
                "the clock jumped",
                "dates of one run",
                "correct the date, or split the file here",
                "error",
                "clock-jump",
            )
        )
    anew = np.any([mask for mask, _, _ in reasons[:-1]], axis=0)
    run, stretch = (np.concatenate([[0], np.cumsum(start)]).astype(int) for start in (anew, begins))
    return run, stretch, findings

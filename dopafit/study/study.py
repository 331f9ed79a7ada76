"""A study: what was measured, as one frozen value."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path

import pandas as pd

from dopafit.core.errors import StudyError, some_of
from dopafit.core.shown import Shown
from dopafit.study.canonical import canonical_table, content_hash
from dopafit.study.tables import REQUIRED, TABLES

__all__ = ["Study"]

_TABLES = frozenset(TABLES)


@dataclass(frozen=True, eq=False, repr=False)
class Study(Shown):
    """The tables of one study. Times are in seconds [s] per session, missing cells are NaN.

    Tables are copied on construction, brought to canonical types (names are text, everything
    that reads as a number is float64, text is stripped), sorted by subject, session and time, and
    handed out as copies: changing a table you were given never changes the study. Two studies
    are equal when they hold the same data, whatever their name and description.

    Parameters
    ----------
    name : str
        Short name of the study.
    sessions : DataFrame, (session,)
        ``subject``, ``session``, ``start`` [s], ``end`` [s]; optional ``clock_start`` [hour of
        day at time 0] and covariates.
    subjects : DataFrame, (subject,), optional
        ``subject`` and covariates; derived from the sessions where not given.
    windows : DataFrame, (window,), optional
        ``subject``, ``session``, ``start`` [s], ``end`` [s] of observed stretches; one per
        session where not given.
    events : DataFrame, (event,), optional
        ``subject``, ``session``, ``time`` [s], ``kind``, ``magnitude`` and covariates.
    observations : DataFrame, (trial,), optional
        ``subject``, ``session``, ``time`` [s] and trial-wise columns such as ``pursue`` (0 or 1),
        ``latency`` [s], ``latency_censored`` (0 or 1).
    presses : DataFrame, (press,), optional
        ``subject``, ``session``, ``time`` [s], ``kind``.
    samples : DataFrame, (sample,), optional
        ``subject``, ``session``, ``time`` [s] and measured columns.
    covariates : DataFrame, (change,), optional
        ``subject``, ``session``, ``time`` [s] and step functions: a value holds from its time
        to the session's next row.
    simulated : bool
        The data were made by a program.
    description, licence, citation : str
        For the report.
    time_unit : str
        The unit in the files the study was read from; the tables here are in seconds.
    source : Path, optional
        Where the study was read from.

    Raises
    ------
    StudyError
        A key column is missing, or a column of numbers holds text. `validate` says the rest.
    """

    name: str
    _: KW_ONLY
    sessions: pd.DataFrame
    subjects: pd.DataFrame | None = None
    windows: pd.DataFrame | None = None
    events: pd.DataFrame | None = None
    observations: pd.DataFrame | None = None
    presses: pd.DataFrame | None = None
    samples: pd.DataFrame | None = None
    covariates: pd.DataFrame | None = None
    simulated: bool = False
    description: str = ""
    licence: str = ""
    citation: str = ""
    time_unit: str = "s"
    source: Path | None = None

    def __post_init__(self) -> None:
        given = self.__dict__
        sessions = _clean("sessions", given["sessions"])
        done = {"sessions": sessions}
        for role in TABLES:
            frame = given[role]
            if frame is None and role == "subjects":
                frame = sessions[["subject"]].dropna().drop_duplicates()
            elif frame is None and role == "windows":
                frame = sessions[list(REQUIRED["windows"])]
            if role != "sessions":
                done[role] = _clean(role, frame)
        for role, frame in done.items():
            object.__setattr__(self, role, frame)

    def __getattribute__(self, name: str) -> object:
        value = object.__getattribute__(self, name)
        # a shallow copy is free under copy-on-write and keeps the study frozen
        return value.copy(deep=False) if name in _TABLES and value is not None else value

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return all tables by role, empty ones included."""
        return {role: getattr(self, role) for role in TABLES}

    @functools.cached_property
    def hash(self) -> str:
        """Return the sha256 (hex) of the data: tables and whether they were simulated."""
        return content_hash(self.tables, simulated=self.simulated)

    @property
    def hours(self) -> float:
        """Return the observed time, summed over windows [h]."""
        windows = self.windows
        return float((windows["end"] - windows["start"]).sum() / 3600)

    def __eq__(self, other: object) -> bool:
        return self.hash == other.hash if isinstance(other, Study) else NotImplemented

    def __hash__(self) -> int:
        return int(self.hash[:15], 16)

    def with_tables(self, tables: Mapping[str, pd.DataFrame | None]) -> Study:
        """Return the study with some tables replaced.

        Parameters
        ----------
        tables : mapping of role to DataFrame or None
            None derives ``subjects`` or ``windows`` anew and empties any other table.

        Raises
        ------
        StudyError
            Unknown role, or a table that does not fit its role.
        """
        for role in tables:
            if role not in _TABLES:
                raise StudyError(f"a study has no table {role!r}", given=role, known=TABLES)
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        return Study(**(kept | dict(tables)))

    def select(
        self, *, subjects: Iterable[str] | None = None, sessions: Iterable[str] | None = None
    ) -> Study:
        """Return the part of the study with these subjects and these sessions.

        Parameters
        ----------
        subjects : iterable of str, optional
            Subjects to keep; all where not given.
        sessions : iterable of str, optional
            Session names to keep, of whichever kept subject; all where not given.

        Raises
        ------
        StudyError
            A name does not occur in the study.
        """
        table = self.sessions
        keep = pd.Series(True, index=table.index)
        for column, wanted in (("subject", subjects), ("session", sessions)):
            if wanted is None:
                continue
            names = [wanted] if isinstance(wanted, str) else [str(w) for w in wanted]
            known = sorted(set(table[column]) | set(self.subjects.get(column, ())))
            for name in names:
                if name not in known:
                    raise StudyError(
                        f"{column} {name!r} does not occur in study {self.name!r}",
                        allowed=some_of(map(repr, known)),
                        given=name,
                        known=known,
                    )
            keep &= table[column].isin(names)
        table = table[keep]
        if table.empty:
            raise StudyError(
                "no session is left after the selection",
                allowed="a selection that keeps at least one session",
                todo="look at study.sessions for which subject has which session",
            )
        pairs = pd.MultiIndex.from_frame(table[["subject", "session"]])
        tables = {"sessions": table}
        for role, frame in self.tables.items():
            if role == "subjects":
                tables[role] = frame[frame["subject"].isin(set(table["subject"]))]
            elif role != "sessions":
                here = pd.MultiIndex.from_frame(frame[["subject", "session"]]).isin(pairs)
                tables[role] = frame[here]
        return self.with_tables(tables)

    def __repr__(self) -> str:
        label = "  SIMULATED" if self.simulated else ""
        counts = {role: len(frame) for role, frame in self.tables.items()}
        lines = [f"Study {self.name!r}{label}  ({self.hash[:12]})"]
        notes = {
            "windows": f"{self.hours:.4g} h observed",
            "events": _kinds(self.events),
            "presses": _kinds(self.presses),
        }
        for role in TABLES:
            extra = [c for c in getattr(self, role).columns if c not in REQUIRED[role]]
            note = "; ".join(
                n for n in (notes.get(role, ""), ", ".join(extra) if counts[role] else "") if n
            )
            lines.append(f"  {role:<12} {counts[role]:>8}  {note}".rstrip())
        return "\n".join(lines)


def _clean(role: str, frame: pd.DataFrame | None) -> pd.DataFrame:
    """Return one table canonical, complete and sorted."""
    if frame is None:
        frame = pd.DataFrame(columns=list(REQUIRED[role]))
    if not isinstance(frame, pd.DataFrame):
        raise StudyError(
            f"table {role!r} is a {type(frame).__name__}",
            allowed="a pandas DataFrame",
            todo="build one with pandas.DataFrame(...)",
        )
    table, unreadable = canonical_table(role, frame.reset_index(drop=True))
    if unreadable:
        first = unreadable[0]
        raise StudyError(
            f"table {role!r}, row {first.positions[0]}, column {first.column!r}: "
            f"{first.values[0]!r} is not a number",
            allowed="numbers; empty or NaN where nothing was measured",
            todo="correct the cell",
        )
    # the window's and session's start stands in for the time
    by = [c for c in ("subject", "session", "time", "start") if c in REQUIRED[role]]
    return table.sort_values(by, kind="stable", ignore_index=True)


def _kinds(frame: pd.DataFrame) -> str:
    counts = frame["kind"].value_counts(sort=False)
    return ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))

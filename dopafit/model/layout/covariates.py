"""Everything a formula may name: columns of the row before, and covariates at any point in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from dopafit.channel.channel import times_by_session
from dopafit.core.errors import SpecError, StudyError
from dopafit.model.claim import Model
from dopafit.model.formula.language import Previous, spelled
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["TURN", "Joiner", "with_previous"]

TURN = "place in the session"
"""Column of `observations` that counts a session's rows, where a formula takes the row before."""

ADVICE = "run dopafit validate FOLDER; it lists every such row"


def with_previous(model: Model, study: Study) -> Study:
    """Return the study with what formulas take of the row before as columns of `observations`.

    The row before is the session's previous row of `observations`, by time and then by its place
    in the table, whether or not it has an outcome; at a session's first row nothing is taken.

    Raises
    ------
    SpecError
        The formula's parameter has no rows of observations, or these have no such column.
    """
    rows, values = study.observations, {}
    sessions = rows.groupby(KEYS, sort=False)
    for name, parsed in model.formulas.items():
        for term in (*parsed.terms, *(t for group in parsed.groups for t in group.terms)):
            if sum(isinstance(factor, Previous) for factor in term) > 1:
                raise SpecError(
                    f"effects: {name}: {spelled(term)} takes two columns of the row before",
                    allowed="one previous(...) in an interaction",
                    todo="add them with +, or compute the column in the table",
                )
        for term in (c for c in parsed.columns if isinstance(c, Previous)):
            owner = model.owners[name]
            if owner is None or owner.table != "observations":
                raise SpecError(
                    f"effects: {name}: {term.name} is of the row before, and {name} does not "
                    "belong to rows of observations",
                    allowed="previous(...) in formulas of channels of trials",
                    todo="take the term out of this formula",
                )
            if term.of not in rows or term.of in (*KEYS, "time"):
                known = [column for column in rows if column not in (*KEYS, "time")]
                raise SpecError(
                    f"effects: {name}: {term.name}: the observations have no column {term.of!r}",
                    allowed=", ".join(known) or "(the study has no observations)",
                    given=term.of,
                    known=known,
                    todo="name a column of the study's observations",
                )
            values[term.name] = sessions[term.of].shift()
    if not values:
        return study
    return replace(study, observations=rows.assign(**values, **{TURN: sessions.cumcount()}))


def _refuse(rows: pd.DataFrame, what: str, allowed: str) -> None:
    for subject, session in rows[KEYS].head(1).itertuples(index=False):
        raise StudyError(
            f"subject {subject}, session {session} {what}", todo=ADVICE, allowed=allowed
        )


class Joiner:
    """Callable that joins covariates to a frame with `subject`, `session`, `time` [s].

    Adds the columns of subjects and sessions, the step covariates in force, `clock_hour`
    (where sessions have `clock_start`), `hours` since the session's start and `trial_number`, the
    number of the interval that the point lies in: intervals start at the session's observations or,
    where there are none, at its events.

    Parameters
    ----------
    study : Study
        The data.

    Raises
    ------
    StudyError
        A session is listed twice, or a row belongs to no session.
    """

    def __init__(self, study: Study) -> None:
        people = study.subjects["subject"]
        if people.duplicated().any():
            raise StudyError(
                f"subject {people[people.duplicated()].iloc[0]} is listed twice in the subjects",
                todo=ADVICE,
                allowed="one row per subject",
            )
        _refuse(
            study.sessions[study.sessions.duplicated(KEYS)],
            "is listed twice in the sessions",
            "one row per subject and session",
        )
        self._sessions = study.sessions.merge(
            study.subjects, on="subject", how="left", suffixes=("", "_subject")
        )
        self._steps = study.covariates.sort_values("time", kind="stable")
        marks = study.observations if len(study.observations) else study.events
        self._bounds = times_by_session(marks)
        self.sessions = self._sessions.reset_index(drop=True)

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` with the covariates joined, rows in their order."""
        own = [c for c in self._sessions.columns if c in KEYS or c not in frame.columns]
        known = pd.MultiIndex.from_frame(self._sessions[KEYS])
        _refuse(
            frame[~pd.MultiIndex.from_frame(frame[KEYS]).isin(known)],
            "is not in the table of sessions",
            "a row in sessions for every subject and session of the study",
        )
        joined = frame.merge(self._sessions[own], on=KEYS, how="left", validate="many_to_one")
        if len(self._steps):
            joined = self._step(joined)
        if "clock_start" in joined and "clock_hour" not in joined:
            joined["clock_hour"] = (joined["clock_start"] + joined["time"] / 3600.0) % 24.0
        if "hours" not in joined:
            joined["hours"] = (joined["time"] - joined["start"]) / 3600.0
        joined["trial_number"] = self._trial(joined)
        return joined

    def _step(self, frame: pd.DataFrame) -> pd.DataFrame:
        columns = [c for c in self._steps.columns if c in (*KEYS, "time") or c not in frame.columns]
        order = np.argsort(frame["time"].to_numpy(), kind="stable")
        merged = pd.merge_asof(
            frame.iloc[order].reset_index(drop=True), self._steps[columns], on="time", by=KEYS
        )
        return merged.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)

    def _trial(self, frame: pd.DataFrame) -> np.ndarray:
        number = np.zeros(len(frame), dtype=np.int64)
        for key, at in frame.groupby(KEYS, sort=False).indices.items():
            bounds = self._bounds.get(key)
            if bounds is not None:
                found = np.searchsorted(bounds, frame["time"].to_numpy(float)[at], side="right") - 1
                number[at] = np.maximum(found, 0)
        return number

"""A study without what rules leave out, and how much each rule took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dopafit.core.arguments import takes
from dopafit.core.errors import SpecError, some_of
from dopafit.study.exclusion import Exclusion, exclusions_from
from dopafit.study.rows import KEY
from dopafit.study.study import Study
from dopafit.study.tables import REQUIRED

__all__ = ["Excluded", "exclude"]

_COUNTED = ("subjects", "sessions", "events", "observations", "presses")


@dataclass(frozen=True, repr=False)
class Excluded:
    """A study without what rules leave out.

    Parameters
    ----------
    study : Study
        What is left; its hash is that of what is left.
    table : DataFrame, (rule,)
        ``rule``, ``reason`` and how many subjects, sessions, events, observations, presses and
        observed hours each rule took, after the rules before it.
    """

    study: Study
    table: pd.DataFrame

    @property
    def lines(self) -> list[str]:
        """Return one line a rule."""
        lines = []
        for row in self.table.to_dict(orient="records"):
            took = [f"{row[c]} {c if row[c] > 1 else c[:-1]}" for c in _COUNTED if row[c]]
            took += [f"{row['hours']:.4g} h observed"] if row["hours"] else []
            reason = f" ({row['reason']})" if row["reason"] else ""
            rest = ", ".join(took) or "nothing that an earlier rule had not taken"
            lines.append(f"left out: {row['rule']}{reason}: {rest}")
        return lines

    def __repr__(self) -> str:
        return "\n".join([*self.lines, repr(self.study)])


@takes(study=Study)
def exclude(study: Study, rules: Any) -> Excluded:
    """Leave out of a study what rules say.

    Parameters
    ----------
    study : Study
        The whole study.
    rules : sequence of Exclusion or of mappings
        Applied one after the other.

    Returns
    -------
    Excluded
        What is left, and how much each rule took.

    Raises
    ------
    SpecError
        A name, column or value that the study does not have, a rule that nothing in the study
        meets, or rules that leave nothing.

    Examples
    --------
    >>> import dopafit as dp
    >>> dp.exclude(study, [{"subjects": ["s07"], "reason": "fell ill"}]).study  # doctest: +SKIP
    """
    left, rows = study, []
    for number, rule in enumerate(exclusions_from(rules), start=1):
        where = f"exclude: rule {number}"
        _check_names(study, rule, where)
        before, left = left, _apply(left, rule, where)
        took = _difference(before, left)
        if not any(took.values()) and not any(
            _difference(study, _apply(study, rule, where)).values()
        ):
            raise SpecError(
                f"{where} ({rule.words}) meets nothing in the study",
                allowed="rules that leave something out",
                todo="correct the rule, or take it out of the analysis",
            )
        rows.append({"rule": rule.words, "reason": rule.reason} | took)
    columns = ["rule", "reason", *_COUNTED, "hours"]
    return Excluded(left, pd.DataFrame(rows, columns=columns))


def _difference(before: Study, after: Study) -> dict[str, Any]:
    counts = {c: len(getattr(before, c)) - len(getattr(after, c)) for c in _COUNTED}
    return counts | {"hours": before.hours - after.hours}


def _check_names(study: Study, rule: Exclusion, where: str) -> None:
    for column, wanted in (("subject", rule.subjects), ("session", rule.sessions)):
        known = sorted(study.sessions[column].dropna().unique())
        for name in wanted:
            if name not in known:
                raise SpecError(
                    f"{where}: {column} {name!r} does not occur in study {study.name!r}",
                    allowed=some_of(known),
                    given=name,
                    known=known,
                    todo="correct the name, or take it out",
                )
    for column, values in rule.where.items():
        table = _home(study, column, where)
        for value in values:
            if not _meets(table[column], (value,)).any():
                known = sorted(map(_shown, table[column].dropna().unique()))
                raise SpecError(
                    f"{where}: where: {column} is never "
                    + ("missing" if value is None else repr(value)),
                    allowed=some_of(known),
                    given=str(value),
                    known=known,
                    todo="correct the value, or take the rule out",
                )


def _home(study: Study, column: str, where: str) -> pd.DataFrame:
    """Return the table that a column of `where` belongs to."""
    keys = {c for names in REQUIRED.values() for c in names}
    tables = [study.sessions, study.subjects, study.observations]
    for table in tables:
        if column in table and column not in keys:
            return table
    known = list(dict.fromkeys(c for t in tables for c in t if c not in keys))
    raise SpecError(
        f"{where}: where: sessions, subjects and observations have no column {column!r}",
        allowed=some_of(known) or "(there is none)",
        given=column,
        known=known,
        todo="use subjects:, sessions:, before: or after:",
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _meets(cells: pd.Series, values: tuple[Any, ...]) -> np.ndarray:
    """Tell which cells hold one of the values."""
    hit = np.zeros(len(cells), dtype=bool)
    for value in values:
        if value is None:
            hit |= cells.isna().to_numpy()
        elif cells.dtype == np.float64:
            try:
                hit |= (cells == float(value)).to_numpy()
            except ValueError:
                continue  # a word in a column of numbers
        else:
            text = (
                str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
            )
            hit |= (cells == text).to_numpy()
    return hit


def _apply(study: Study, rule: Exclusion, where: str) -> Study:
    sessions = study.sessions
    chosen = np.ones(len(sessions), dtype=bool)
    for column, wanted in (("subject", rule.subjects), ("session", rule.sessions)):
        if wanted:
            chosen &= sessions[column].isin(wanted).to_numpy()
    trials = study.observations
    meets = np.ones(len(trials), dtype=bool)
    of_trials = False
    for column, values in rule.where.items():
        if column in sessions and column not in KEY:
            chosen &= _meets(sessions[column], values)
        elif column in study.subjects:
            people = study.subjects.loc[_meets(study.subjects[column], values), "subject"]
            chosen &= sessions["subject"].isin(people).to_numpy()
        else:
            of_trials = True
            meets &= _meets(trials[column], values)
    start = sessions.loc[chosen].drop_duplicates(KEY).set_index(KEY)["start"]
    if not rule.timed and not of_trials:
        return _without(study, start.index, where)
    changed = {}
    for role in ("observations",) if of_trials else ("observations", "presses", "samples"):
        frame = getattr(study, role)
        out = _stretch(frame, start, rule)
        changed[role] = frame[~(out & meets if of_trials else out)]
    if of_trials:
        return study.with_tables(changed)
    left = study.with_tables(changed | {"windows": _clipped(study.windows, start, rule)})
    gone = start.index.difference(pd.MultiIndex.from_frame(left.windows[KEY]))
    return _without(left, gone, where)


def _bounds(frame: pd.DataFrame, start: pd.Series, rule: Exclusion) -> tuple[np.ndarray, ...]:
    """Return which rows are in a chosen session, and the ends of the stretch there [s]."""
    zero = frame[KEY].join(start.rename("zero"), on=KEY)["zero"].to_numpy(float)
    low = zero + rule.after if rule.after is not None else np.full(len(zero), -np.inf)
    high = zero + rule.before if rule.before is not None else np.full(len(zero), np.inf)
    return ~np.isnan(zero), low, high


def _stretch(frame: pd.DataFrame, start: pd.Series, rule: Exclusion) -> np.ndarray:
    """Tell which rows lie in the stretch; its ends, where it has any, stay."""
    inside, low, high = _bounds(frame, start, rule)
    time = frame["time"].to_numpy(float)
    return inside & (time > low) & (time < high)


def _clipped(windows: pd.DataFrame, start: pd.Series, rule: Exclusion) -> pd.DataFrame:
    """Return the observed windows without the stretch."""
    inside, low, high = _bounds(windows, start, rule)
    first, last = windows["start"].to_numpy(float), windows["end"].to_numpy(float)
    left = windows.assign(end=np.where(inside, np.minimum(last, low), last))
    right = windows.assign(start=np.maximum(first, high))[inside]
    pieces = pd.concat([left, right])
    return pieces[pieces["end"] > pieces["start"]].sort_values([*KEY, "start"])


def _without(study: Study, sessions: pd.MultiIndex, where: str) -> Study:
    """Return the study without some sessions, and without subjects who have none left."""
    tables = {}
    for role, frame in study.tables.items():
        if role != "subjects":
            tables[role] = frame[~pd.MultiIndex.from_frame(frame[KEY]).isin(sessions)]
    if tables["sessions"].empty:
        raise SpecError(
            f"{where}: no session is left",
            allowed="rules that leave at least one session",
            todo="take the rule out, or make it narrower",
        )
    lost = set(study.sessions["subject"]) - set(tables["sessions"]["subject"])
    tables["subjects"] = study.subjects[~study.subjects["subject"].isin(lost)]
    return study.with_tables(tables)

"""What an analysis leaves out: subjects, sessions, stretches of time, trials, as rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from dopafit.core.errors import SpecError

__all__ = ["Exclusion", "exclusions_from"]

_SELECTORS = ("subjects", "sessions", "where", "before", "after")
_EXAMPLE = "- {subjects: [s07], reason: fell ill}"


@dataclass(frozen=True)
class Exclusion:
    """One rule; what it says must hold together. A rule without times takes whole sessions.

    Parameters
    ----------
    subjects, sessions : tuple of str
        Names; empty means all.
    where : mapping of str to tuple
        Values by column: of sessions or subjects (whole sessions are left out), else of
        observations (these trials are left out). None stands for a missing value.
    before, after : float or None
        Times since the start of the session [s]: what comes before the one, or after the other, or
        after the one and before the other. Behaviour there counts as unobserved; events stay, since
        they move the level later on.
    reason : str
        For the report.
    """

    subjects: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: MappingProxyType({}))
    before: float | None = None
    after: float | None = None
    reason: str = ""

    @property
    def timed(self) -> bool:
        """Whether the rule is about a stretch of time."""
        return self.before is not None or self.after is not None

    @property
    def words(self) -> str:
        """Say what the rule leaves out."""
        parts = []
        for name, chosen in (("subject", self.subjects), ("session", self.sessions)):
            if chosen:
                parts.append(f"{name}{'s' if len(chosen) > 1 else ''} {', '.join(chosen)}")
        for column, values in self.where.items():
            shown = " or ".join("missing" if v is None else str(v) for v in values)
            parts.append(f"{column} is {shown}")
        if self.before is not None and self.after is not None:
            parts.append(f"{self.after:g} to {self.before:g} s of the session")
        elif self.before is not None:
            parts.append(f"the first {self.before:g} s of the session")
        elif self.after is not None:
            parts.append(f"all after the first {self.after:g} s of the session")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as an analysis file holds it."""
        given = {
            "subjects": list(self.subjects),
            "sessions": list(self.sessions),
            "where": {column: list(values) for column, values in self.where.items()},
            "before": self.before,
            "after": self.after,
            "reason": self.reason,
        }
        return {k: v for k, v in given.items() if v not in (None, [], {}, "")}


def exclusions_from(value: Any) -> tuple[Exclusion, ...]:
    """Read rules as an analysis file holds them: a list of mappings, or one mapping.

    Raises
    ------
    SpecError
        An unknown key, a value of the wrong kind, or a rule that cannot leave anything out.
    """
    if value is None:
        return ()
    if isinstance(value, Mapping):
        if len(set(value) & set(_SELECTORS)) > 1:
            raise SpecError(
                f"exclude: is {', '.join(map(str, value))} one rule or several?",
                allowed=f"a list of rules, e.g. {_EXAMPLE}; what one rule says must hold together",
                todo="begin each rule with a dash",
            )
        value = [value]
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise SpecError(
            f"exclude: {value!r} is no list of rules",
            allowed="a list of rules with " + ", ".join((*_SELECTORS, "reason")),
            todo=f"write e.g. {_EXAMPLE}",
        )
    return tuple(
        rule if isinstance(rule, Exclusion) else _rule(rule, f"exclude: rule {number}")
        for number, rule in enumerate(value, start=1)
    )


def _rule(given: Any, where: str) -> Exclusion:
    keys = (*_SELECTORS, "reason")
    if not isinstance(given, Mapping):
        raise SpecError(
            f"{where}: {given!r}", allowed="a mapping with " + ", ".join(keys), todo=_EXAMPLE
        )
    for key in given:
        if key not in keys:
            wrong = f"{where}: {key!r} is not known"
            raise SpecError(wrong, given=key, known=keys, todo=f"write e.g. {_EXAMPLE}")
    columns = given.get("where") or {}
    if not isinstance(columns, Mapping):
        raise SpecError(
            f"{where}: where = {columns!r}",
            allowed="values by column, e.g. where: {drug: unknown}",
            todo="write a column and the value to leave out; there are no expressions",
        )
    reason = given.get("reason")
    made = Exclusion(
        subjects=_names(given.get("subjects"), f"{where}: subjects"),
        sessions=_names(given.get("sessions"), f"{where}: sessions"),
        where=MappingProxyType(
            {str(c): _values(v, f"{where}: where: {c}") for c, v in columns.items()}
        ),
        before=_time(given.get("before"), f"{where}: before"),
        after=_time(given.get("after"), f"{where}: after"),
        reason="" if reason is None else str(reason),
    )
    if made == Exclusion(reason=made.reason):
        raise SpecError(
            f"{where}: it says nothing to leave out",
            allowed="at least one of " + ", ".join(_SELECTORS),
            todo=f"write e.g. {_EXAMPLE}",
        )
    if made.before is not None and made.after is not None and made.after >= made.before:
        raise SpecError(
            f"{where}: nothing comes after {made.after:g} s and before {made.before:g} s",
            allowed="after < before, for the stretch between them",
            todo="to cut both ends, write two rules",
        )
    return made


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | Real) and not (isinstance(value, float) and np.isnan(value))


def _names(value: Any, where: str) -> tuple[str, ...]:
    names = [] if value is None else [value] if _is_plain(value) else value
    if not isinstance(names, list | tuple) or not all(map(_is_plain, names)):
        raise SpecError(f"{where} = {value!r}", allowed="a list of names", todo="e.g. [s01, s02]")
    return tuple(str(name) for name in names)


def _values(value: Any, where: str) -> tuple[Any, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    if not values or not all(v is None or _is_plain(v) for v in values):
        raise SpecError(
            f"{where} = {value!r}",
            allowed="a value, or a list of values; null for a missing one",
            todo="write e.g. where: {drug: [unknown, none]}",
        )
    return tuple(values)


def _time(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value < np.inf:
        raise SpecError(
            f"{where} = {value!r}",
            allowed="a time since the session's start [s], finite and not negative",
            todo="write seconds, e.g. before: 60",
        )
    return float(value)

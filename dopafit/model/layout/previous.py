"""The row before, in the same session: which rows have one, and what a column held in it."""

from __future__ import annotations

import numpy as np

from dopafit.channel import Channel
from dopafit.channel.channel import with_columns
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.formula.language import Previous, spelled
from dopafit.model.notation import formulas
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["TURN", "follows", "with_previous"]

TURN = "place in the session"
"""Column of `observations` that counts a session's rows, where a formula takes the row before."""


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
    for name, parsed in formulas(model).items():
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
    return with_columns(study, values | {TURN: sessions.cumcount()}) if values else study


def follows(channel: Channel, session: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return 1 where the row before belongs to the same session, 0 at a session's first row.

    A channel's rows are those of its table: sorted by session and time, rows of the same time in
    the order of the table, rows without an outcome left out.

    Parameters
    ----------
    channel : Channel
        Whose rows.
    session : array of int, (row,)
        Their sessions.
    time : array, (row,)
        Their times [s].

    Raises
    ------
    SpecError
        The rows are in another order.
    """
    same = np.diff(session) == 0
    late = np.diff(session) < 0
    if (late | (same & (np.diff(time) < 0))).any():
        raise SpecError(
            f"channel {channel.prefix}: its likelihood takes the row before, and its rows are not "
            "in the order of their times",
            allowed="rows sorted by session and, within it, by time",
            todo="sort the frame that the channel's method rows returns, and its data with it",
        )
    return np.append(0.0, same.astype(float))

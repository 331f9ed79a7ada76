"""Behaviour drawn row by row, each row given what was drawn in the row before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dopafit.channel import Channel, Rows
from dopafit.core.errors import SpecError
from dopafit.model.layout.covariates import TURN
from dopafit.model.layout.layout import Layout
from dopafit.model.layout.matrices import table_matrix
from dopafit.model.program import MATRIX, Operations
from dopafit.study.sessions import KEYS, session_numbers

__all__ = ["Memory", "Turns"]


class Memory:
    """What `Channel.simulate` takes as `previous`: it keeps a row's values for the row after it.

    Every call within one `simulate` has a place of its own, in the order of the calls.

    Parameters
    ----------
    sessions : int
        Number of sessions.
    """

    def __init__(self, sessions: int = 1) -> None:
        self._kept: list[np.ndarray] = []
        self._sessions, self._calls, self._now = sessions, 0, np.arange(sessions)

    def begin(self, sessions: np.ndarray) -> Memory:
        """Say which sessions have a row now; return self."""
        self._calls, self._now = 0, sessions
        return self

    def __call__(self, values: Any) -> np.ndarray:
        """Return the values of the row before, 0 at a session's first row; keep these."""
        kept = self._place()
        before = kept[self._now]
        kept[self._now] = values
        return before

    def carried(self, step: Callable[[np.ndarray], Any]) -> np.ndarray:
        """Return ``step(what this returned in the row before)``; that is 0 at a first row."""
        kept = self._place()
        kept[self._now] = step(kept[self._now])
        return kept[self._now]

    def _place(self) -> np.ndarray:
        if self._calls == len(self._kept):
            self._kept.append(np.zeros(self._sessions))
        self._calls += 1
        return self._kept[self._calls - 1]


class Turns:
    """The channels of a layout that have to be drawn row by row.

    Those whose likelihood takes the row before, and, where a formula does, all channels of trials:
    what one draws is then the past of the others.

    Parameters
    ----------
    layout : Layout
        A layout made with ``simulation=True``.

    Attributes
    ----------
    names : mapping of str to list of str
        By channel its parameters that differ between rows.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout, model = layout, layout.program.model
        self.names: dict[str, list[str]] = {}
        self.steps: list[tuple[int, Channel, np.ndarray, np.ndarray, Rows]] = []
        self.lines: dict[str, tuple[Any, dict[str, Any]]] = {}
        for channel in model.channels:
            prefix, rows = channel.prefix, layout.rows[channel.prefix]
            frame = rows.frame
            if not (channel.sequential or TURN in frame):
                continue
            own = (f"{prefix}_{n}" for n in (*channel.active(), *model.drives[prefix].gains))
            self.names[prefix] = [name for name in own if name in layout.designs]
            self.lines |= {name: _lines(layout, name, frame) for name in self.names[prefix]}
            session = session_numbers(layout.sessions, frame)
            turn = frame.get(TURN, frame.groupby(KEYS, sort=False).cumcount())
            for number, index in frame.groupby(turn).indices.items():
                data = {key: np.asarray(value)[index] for key, value in rows.data.items()}
                part = frame.iloc[index].reset_index(drop=True)
                part = replace(rows, frame=part, data=data, unit=rows.unit[index], moments=None)
                self.steps.append((int(number), channel, index, session[index], part))
        self.steps.sort(key=lambda step: step[0])
        codings = [c for each in layout.designs.values() for c in each.previous.values()]
        self.columns = {coding.factor.name: coding.factor.of for coding in codings}
        self.levels = {coding.factor.of for coding in codings if coding.levels}
        self.two = {coding.factor.of for coding in codings if coding.two}

    def draw(
        self,
        theta: np.ndarray,
        motivation: Mapping[str, tuple[np.ndarray, ...]],
        m: Operations,
        draw: Callable[..., Mapping[str, Any]],
    ) -> dict[str, pd.DataFrame]:
        """Draw these channels once.

        Parameters
        ----------
        theta : array, (entry,)
            Parameter vector.
        motivation : mapping of str to tuple of array
            From `Program.motivation`.
        m : Operations
            In NumPy, over the layout's arrays.
        draw : callable (channel, predictor, rows, parameters) -> mapping of str to array
            Draws some rows of a channel.

        Returns
        -------
        dict of str to DataFrame
            As `Replicator.draw` returns them.
        """
        program, arrays, sessions = (
            self.layout.program,
            self.layout.arrays,
            len(self.layout.sessions),
        )
        links = {
            name: (base @ theta, {k: (a @ theta, b @ theta) for k, (a, b) in lines.items()})
            for name, (base, lines) in self.lines.items()
        }
        moved = {
            prefix: tuple(program.at_rows(prefix, v, arrays, m) for v in motivation[prefix])
            for prefix in self.names
        }
        memory = {prefix: Memory(sessions) for prefix in self.names}
        here = replace(m, linear_rows=lambda link, *_: link)
        drawn: dict[str, dict[str, np.ndarray]] = {prefix: {} for prefix in self.names}
        past: dict[str, np.ndarray] = {}  # column to (session, turn)
        for turn, channel, index, session, rows in self.steps:
            prefix = channel.prefix
            own_arrays: dict[str, Any] = {f"{prefix}.zero": np.zeros(index.size)}
            own_arrays |= {f"{prefix}.read": index, f"{prefix}.follows": None}
            for name in self.names[prefix]:
                base, lines = links[name]
                link = base[index]
                for term, (at_zero, slope) in lines.items():
                    value = rows.frame[term].to_numpy()
                    if self.columns[term] in past and turn:
                        value = past[self.columns[term]][session, turn - 1]
                    added = at_zero[index] + value * slope[index]
                    link = link + np.where(np.isnan(value), 0.0, added)
                own_arrays |= dict.fromkeys(f"{name}.{part}" for part in MATRIX)
                own_arrays[f"{name}.dense"] = link
            eta, own = program.arguments(prefix, moved, own_arrays, theta, here)
            if channel.sequential:
                own["previous"] = memory[prefix].begin(session)
            for column, values in draw(channel, np.array(eta), rows, own).items():
                whole = np.empty(len(self.layout.rows[prefix]))
                drawn[prefix].setdefault(column, whole)[index] = values
                self._check(column, np.asarray(values))
                whole = np.full((sessions, self.steps[-1][0] + 1), np.nan)
                past.setdefault(column, whole)[session, turn] = values
        return {prefix: pd.DataFrame(columns) for prefix, columns in drawn.items()}

    def _check(self, column: str, values: np.ndarray) -> None:
        """Refuse outcomes whose past cannot be coded as the layout's rows were."""
        if column in self.levels or (column in self.two and not np.isin(values, (0, 1)).all()):
            raise SpecError(
                f"previous({column}) cannot be simulated: it is taken from the mean of {column}, "
                "which a design does not tell before anything is drawn",
                allowed="previous(...) of outcomes that are 0 or 1, or of columns of the design",
                todo=f"take previous({column}) out of the claim that simulates",
            )


def _lines(layout: Layout, name: str, frame: pd.DataFrame) -> tuple[Any, dict[str, Any]]:
    """Return a parameter's rows as if nothing was before, and what is added to them by a number.

    For each number that is taken of the row before two tables: what 0 adds, and each step of 1.
    """
    design = layout.designs[name]
    taken = [term for term in design.previous if pd.api.types.is_numeric_dtype(frame[term])]
    none = dict.fromkeys(taken, np.nan)

    def rows(**given: float) -> Any:
        found = design.evaluate(frame.assign(**(none | given)))
        return table_matrix(layout.coordinates, name, found)

    base, lines = rows(), {}
    for term in taken:
        low, high = rows(**{term: 0.0}), rows(**{term: 1.0})
        lines[term] = low - base, high - low
    return base, lines

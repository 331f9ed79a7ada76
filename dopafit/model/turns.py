"""Behaviour drawn row by row, each row given what was drawn in the row before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from dopafit.channel import Channel
from dopafit.channel.channel import KEYS
from dopafit.core.errors import SpecError
from dopafit.model.layout.layout import Layout, table_matrix
from dopafit.model.layout.previous import TURN
from dopafit.model.program import MATRIX, Operations

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


class _Table:
    """A parameter's rows, by the numbers in the row before."""

    def __init__(self, layout: Layout, name: str, frame: pd.DataFrame) -> None:
        design = layout.designs[name]
        self.taken = [k for k in design.previous if pd.api.types.is_numeric_dtype(frame[k])]
        none = dict.fromkeys(self.taken, np.nan)

        def rows(**given: float) -> Any:
            found = design.evaluate(frame.assign(**(none | given)))
            return table_matrix(layout.coordinates, name, found)

        self.base = rows()
        # what a term adds is a straight line in the number
        self.ends = {k: (rows(**{k: 0.0}), rows(**{k: 1.0})) for k in self.taken}

    def links(self, theta: np.ndarray) -> Callable[..., np.ndarray]:
        """Return the rows of theta, as a function of (rows, numbers in the rows before)."""
        base = self.base @ theta
        ends = {k: (low @ theta, high @ theta) for k, (low, high) in self.ends.items()}

        def at(index: np.ndarray, before: Callable[[str], np.ndarray]) -> np.ndarray:
            link = base[index]
            for name, (low, high) in ends.items():
                value = before(name)
                added = low[index] - base[index] + value * (high - low)[index]
                link = link + np.where(np.isnan(value), 0.0, added)
            return link

        return at


class Turns:
    """The channels of a layout that have to be drawn row by row.

    Those whose likelihood takes the row before, and, where a formula does, all channels of trials:
    what one draws is then the past of the others.

    Parameters
    ----------
    layout : Layout
        A layout made with ``simulation=True``.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        code = pd.MultiIndex.from_frame(layout.sessions[KEYS])
        self.steps: list[tuple[int, Channel, np.ndarray, np.ndarray, Any]] = []
        self.tables: dict[str, dict[str, _Table]] = {}
        for channel in layout.program.model.channels:
            rows = layout.rows[channel.prefix]
            if not (channel.sequential or TURN in rows.frame):
                continue
            session = code.get_indexer(pd.MultiIndex.from_frame(rows.frame[KEYS]))
            count = rows.frame.groupby(KEYS, sort=False).cumcount()
            turn = rows.frame.get(TURN, count).to_numpy(int)
            for number, index in pd.Series(turn).groupby(turn).indices.items():
                part = replace(
                    rows,
                    frame=rows.frame.iloc[index].reset_index(drop=True),
                    data={key: np.asarray(value)[index] for key, value in rows.data.items()},
                    unit=rows.unit[index],
                    moments=None,
                )
                self.steps.append((int(number), channel, index, session[index], part))
            names = [n for n in self._names(channel.prefix) if layout.designs[n].previous]
            self.tables[channel.prefix] = {n: _Table(layout, n, rows.frame) for n in names}
        self.steps.sort(key=lambda step: step[0])
        codings = [c for d in layout.designs.values() for c in d.previous.values()]
        self.of = {c.factor.name: c.factor.of for c in codings}
        self.two = {c.factor.of for c in codings if c.two}
        self.levels = {c.factor.of for c in codings if c.levels}

    def _names(self, prefix: str) -> list[str]:
        """Return the channel's parameters that differ between rows."""
        model = self.layout.program.model
        channel = next(c for c in model.channels if c.prefix == prefix)
        own = [*channel.active(), *model.drive_of(prefix).gains]
        return [f"{prefix}_{name}" for name in own if f"{prefix}_{name}" in self.layout.designs]

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
        layout, program = self.layout, self.layout.program
        if not self.steps:
            return {}
        here = replace(m, linear_rows=lambda dense, *_: dense)
        links, moved, memory = {}, {}, {}
        for prefix, tables in self.tables.items():
            for name in self._names(prefix):
                rows = (layout.arrays[f"{name}.{part}"] for part in MATRIX)
                links[name] = (
                    tables[name].links(theta)
                    if name in tables
                    else partial(_rows, m.linear_rows(*rows, theta))
                )
            at_rows = (program.at_rows(prefix, v, layout.arrays, m) for v in motivation[prefix])
            moved[prefix] = tuple(at_rows)
            memory[prefix] = Memory(len(layout.sessions))
        past: dict[str, np.ndarray] = {}
        drawn: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
        shape = len(layout.sessions), 1 + max(turn for turn, *_ in self.steps)
        for turn, channel, index, session, part in self.steps:
            prefix = channel.prefix

            def before(name: str, turn=turn, session=session, part=part) -> np.ndarray:
                column = self.of[name]
                if column not in past:  # nobody draws it
                    return part.frame[name].to_numpy(float)
                return past[column][session, turn - 1] if turn else np.full(session.size, np.nan)

            arrays = {f"{prefix}.zero": np.zeros(index.size), f"{prefix}.read": index}
            arrays[f"{prefix}.follows"] = None
            for name in self._names(prefix):
                arrays |= dict.fromkeys(f"{name}.{part}" for part in MATRIX)
                arrays[f"{name}.dense"] = links[name](index, before)
            eta, own = program.arguments(prefix, moved, arrays, theta, here)
            if channel.sequential:
                own["previous"] = memory[prefix].begin(session)
            for column, values in draw(channel, np.array(eta), part, own).items():
                whole = np.empty(len(layout.rows[prefix]))
                drawn[prefix].setdefault(column, whole)[index] = values
                if TURN in part.frame:
                    self._check(column, np.asarray(values))
                    past.setdefault(column, np.full(shape, np.nan))[session, turn] = values
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


def _rows(link: np.ndarray, index: np.ndarray, before: Any) -> np.ndarray:
    return link[index]

"""What channels of latencies share: their rows, what is censored, how long was waited."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dopafit.channel.channel import (
    At,
    Rows,
    Scales,
    Signature,
    named_column,
    numbers,
    outcome_column,
    refuse_cells,
    with_columns,
    zero_one,
)
from dopafit.core.errors import SpecError
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study
from dopafit.study.waits import pile_up

__all__ = ["Latencies", "deadlines"]

CENSORED = "latency_censored"
"""Column of `observations` that marks censored rows unless a channel names another."""

DEADLINE = "deadline"
"""Column of `observations`: how long a response was waited for [s]; used by simulation only."""

NONE = "say censored: null if every wait ended with a response"


def deadlines(frame: pd.DataFrame, latency: np.ndarray, is_censored: np.ndarray) -> np.ndarray:
    """Return how long each response was waited for [s]; infinite where nothing tells.

    The column `deadline` tells; without it a censored row tells for itself, and for the other rows
    of its session the longest time that any row of that session was waited for.
    """
    if DEADLINE in frame:
        return frame[DEADLINE].fillna(np.inf).to_numpy(float)
    waited = pd.Series(np.where(is_censored > 0, latency, np.nan))
    keys = [frame["subject"].to_numpy(), frame["session"].to_numpy()]
    longest = waited.groupby(keys).transform("max").fillna(waited.max()).fillna(np.inf).to_numpy()
    return np.where(is_censored > 0, latency, np.maximum(longest, latency))


@dataclass(frozen=True)
class Latencies:
    """The part of a channel of latencies that does not depend on their distribution.

    A member derives from it and from `Channel`, in this order.

    Parameters
    ----------
    column, censored : str
        As for `Latency`.
    """

    column: str = "latency"
    censored: str | None = CENSORED

    prefix = "latency"
    outcome = "latency [s]"
    # one that was cut off counts as the time waited
    signature = Signature("median latency", "s", np.median)

    def rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return one row per observation with a `latency` [s], and `is_censored` (0/1)."""
        frame = at(study.observations)
        value = outcome_column(frame, self.column, self.name)
        refuse_cells(
            value[value <= 0],
            self.name,
            allowed="latencies above 0 s",
            todo="leave out or correct the row; a missed response is a censored latency",
        )
        keep = value.notna().to_numpy()
        kept = frame[keep].reset_index(drop=True)
        latency = value[keep].to_numpy()
        flag, warnings = self._censoring(frame[keep], latency)
        if len(latency) > 1 and latency.min() == latency.max():
            same = f"all {len(latency)} latencies are {latency[0]:g} s"
            warnings += (f"channel {self.name}: {same}",)
        data = {"latency": latency, "is_censored": flag}
        unit = kept["trial_number"].to_numpy(np.int64)
        return Rows(kept, data, unit, int((~keep).sum()), warnings)

    def _censoring(
        self, frame: pd.DataFrame, latency: np.ndarray
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return which rows are censored (0/1), and what looks wrong about it.

        A column that was named must be there. The default one may be absent, where nothing is
        censored; a column that by its name belongs to these latencies, or waits that pile up, tell
        otherwise.
        """
        own = f"{self.column}_censored"
        if self.censored is None:
            return np.zeros(len(latency)), ()
        if self.censored == CENSORED and CENSORED not in frame:
            if own in frame:
                raise SpecError(
                    f"channel {self.name}: column {own!r} marks which {self.column} are censored, "
                    "and the channel does not use it",
                    allowed=f"censored: {own}, or censored: null where none is censored",
                    todo=f"add censored: {own} to the channel",
                )
            return np.zeros(len(latency)), self._unmarked(frame, latency)
        named_column(frame, self.censored, self.name, otherwise=NONE)
        given = numbers(frame, self.censored, self.name)
        if len(given) and given.isna().all():
            raise SpecError(
                f"channel {self.name}: {self.censored} is empty wherever there is a {self.column}",
                allowed="0 (a response) or 1 (none until then)",
                todo=f"fill the column, or {NONE}",
            )
        flag = zero_one(given.fillna(0.0), self.name)
        if len(flag) and flag.all():
            nobody = f"all {len(flag)} latencies are censored: nobody responded"
            return flag, (f"channel {self.name}: {nobody}",)
        return flag, ()

    def _unmarked(self, frame: pd.DataFrame, latency: np.ndarray) -> tuple[str, ...]:
        """Ask about waits that pile up although no column says which are censored."""
        piled = pile_up(latency, frame.groupby(KEYS, sort=False).ngroup().to_numpy())
        if piled is None:
            return ()
        marks = [
            name
            for name in frame.columns
            if pd.api.types.is_numeric_dtype(frame[name])
            and np.array_equal(frame[name].to_numpy(float) > 0, piled.rows)
        ]
        likely = f" ({marks[0]!r} is 1 in just these rows)" if marks else ""
        return (
            f"channel {self.name}: {piled.words} of {self.column}, and as there is no column "
            f"{CENSORED!r} all count as responses. Did these waits end without one? Then name the "
            f"0/1 column that says so (censored: COLUMN){likely}; else write censored: null",
        )

    def simulation_rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return the rows with how long each response is waited for [s]."""
        rows = self.rows(study, at, scales)
        waits = deadlines(rows.frame, rows.data["latency"], rows.data["is_censored"])
        return replace(rows, data={"deadline": waits})

    def blank(self, study: Study) -> Study:
        """Return the study with every latency set to 1 s, none censored: no row is left out."""
        flags = {} if self.censored is None else {self.censored: 0.0}
        return with_columns(study, {self.column: 1.0} | flags)

    def cut_off(self, latency: np.ndarray, deadline: np.ndarray) -> dict[str, np.ndarray]:
        """Return the table's columns of simulated latencies, censored at the deadline [s].

        None is where the deadline is infinite, or the model says that nothing is censored.
        """
        if self.censored is None:
            return {self.column: latency}
        late = latency > deadline
        return {self.column: np.where(late, deadline, latency), self.censored: late.astype(float)}

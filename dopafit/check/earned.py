"""Events as acts cause them: after as many presses as in the data, and with as long a delay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from dopafit.channel.channel import times_by_session
from dopafit.core.errors import SpecError
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["same_ratio"]


def same_ratio(
    study: Study, presses: Sequence[str], kinds: Sequence[str] | None = None
) -> Callable[[Study], Study]:
    """Return what gives a study the events that its presses cause, on the data's schedule.

    Each event of a session comes after as many presses since the one before as in the data, and
    as long after the last of them; where there are more presses, the schedule begins anew. For
    fixed, random and progressive ratios; not for schedules of time.

    Parameters
    ----------
    study : Study
        The data.
    presses : sequence of str
        Kinds of press that count.
    kinds : sequence of str, optional
        Kinds of event that they cause; all unless given.

    Raises
    ------
    SpecError
        An event before which nobody pressed.
    """
    events = study.events
    mine = events["kind"].isin(sorted(set(events["kind"])) if kinds is None else kinds)
    caused, others = events[mine], events[~mine]
    acts = _times(study, presses)
    schedule = {}
    for key, own in caused.groupby(KEYS):
        time, done = own["time"].to_numpy(float), acts.get(key, np.zeros(0))
        count = np.searchsorted(done, time, side="right")
        needed = np.diff(count, prepend=0)
        if (count == 0).any() or needed.sum() == 0:
            raise SpecError(
                f"subject {key[0]}, session {key[1]}: an event comes before the first press",
                allowed=f"events that follow presses of kind {', '.join(presses)}",
                todo="name the presses that count, or write the contingency yourself",
            )
        schedule[key] = own, needed, time - done[count - 1]

    def earn(simulated: Study) -> Study:
        done, found = _times(simulated, presses), [others]
        for key, (own, needed, delay) in schedule.items():
            time = done.get(key, np.zeros(0))
            rounds = time.size // needed.sum() + 1
            upto = np.cumsum(np.tile(needed, rounds))
            last = upto[upto <= time.size]
            place = np.arange(last.size) % needed.size
            found.append(own.iloc[place].assign(time=time[last - 1] + delay[place]))
        kept = [table for table in found if len(table)]
        return simulated.with_tables({"events": pd.concat(kept) if kept else others})

    return earn


def _times(study: Study, kinds: Sequence[str]) -> dict[tuple[str, str], np.ndarray]:
    """Return the sorted times [s] of presses of these kinds by session."""
    return times_by_session(study.presses[study.presses["kind"].isin(kinds)])

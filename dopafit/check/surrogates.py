"""Studies as they would be if events did nothing: the same behaviour beside other events.

Where events were set independently of behaviour and move nothing, the events of another session
would have gone as well with it, and so would the same events at other times of the session. Where
acts cause events neither holds: then behaviour is simulated, and causes its events anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dopafit.model.claim import Model
from dopafit.model.play import Replicator
from dopafit.study.sessions import KEYS, session_numbers
from dopafit.study.study import Study

__all__ = ["LEAST", "Surrogates", "exchanged", "redrawn", "replicated", "shifted"]

LEAST = 20
"""With fewer distinct surrogates than this no p-value can be .05."""

LEVELS = 6
"""Columns of sessions and subjects with at most so many values, which recur, are conditions."""

LENGTH = 1.1
"""Sessions are alike in length where the longest is at most so many times the shortest."""

TREND = 0.05
"""Events are taken to come evenly over sessions unless a test of that has a p-value below it."""

FRUITLESS = 200
"""Draws in a row that bring nothing new, after which there is taken to be no more."""

Draw = Callable[[pd.DataFrame, np.ndarray], pd.DataFrame]
"""From events and their sessions' numbers to events."""


@dataclass(frozen=True)
class Surrogates:
    """Studies to hold the data against, each different from the data and from the others.

    Parameters
    ----------
    kind : str
        How they are made, as a clause.
    count : int
        How many there are, of those wanted.
    make : callable (int) -> Study
        Makes one, the same whenever it is asked.
    reason : str
        Why there are not more; empty where there are enough.
    """

    kind: str
    count: int
    make: Callable[[int], Study]
    reason: str = ""


def exchanged(
    study: Study, kinds: Sequence[str] | None, rng: np.random.Generator, count: int
) -> Surrogates:
    """Exchange whole trains of events between sessions alike in condition, order and length.

    Parameters
    ----------
    study : Study
        The data.
    kinds : sequence of str or None
        Kinds of event that are exchanged; all where None.
    rng : Generator
        Source of randomness.
    count : int
        Surrogates wanted.
    """
    sessions, alike = study.sessions, _alike(study)
    start = sessions["start"].to_numpy(float)

    def draw(events: pd.DataFrame, session: np.ndarray) -> pd.DataFrame:
        goes_to = _permuted(alike, rng)[session]
        keys = {key: sessions[key].to_numpy()[goes_to] for key in KEYS}
        return events.assign(**keys, time=events["time"] + start[goes_to] - start[session])

    reason = "sessions alike in condition, order and length are few, or have the same events"
    return _distinct("events exchanged between sessions", study, kinds, count, draw, reason)


def redrawn(
    study: Study, kinds: Sequence[str] | None, rng: np.random.Generator, count: int
) -> Surrogates:
    """Leave the times of events, and exchange all else of them between sessions that are alike.

    For magnitudes that were randomised, at times that acts decide. Sessions must have the same
    number of events as well. The arguments are those of `exchanged`.
    """
    _, session = _moving(study, kinds)
    number = np.bincount(session, minlength=len(study.sessions))
    alike = pd.Series(list(zip(_alike(study), number, strict=True))).factorize()[0]
    first = np.cumsum(number) - number

    def draw(events: pd.DataFrame, session: np.ndarray) -> pd.DataFrame:
        place = first[_permuted(alike, rng)[session]] + np.arange(len(events)) - first[session]
        own = events.columns.difference([*KEYS, "time"])
        return events.assign(**{name: events[name].to_numpy()[place] for name in own})

    reason = "sessions alike in condition, order, length and events are few, or have the same"
    return _distinct("magnitudes exchanged between sessions", study, kinds, count, draw, reason)


def shifted(
    study: Study,
    kinds: Sequence[str] | None,
    rng: np.random.Generator,
    count: int,
    *,
    least: float,
) -> Surrogates:
    """Shift the events of each session in a circle, by at least so many seconds either way.

    Sessions up to twice as long stay as they are. There are none where events come more often, or
    are larger, at some times of the session. The other arguments are those of `exchanged`.
    """
    kind = "events shifted in a circle within sessions"
    start = study.sessions["start"].to_numpy(float)
    length = study.sessions["end"].to_numpy(float) - start
    room = length - 2.0 * least
    events, session = _moving(study, kinds)
    since = events["time"].to_numpy(float) - start[session]
    uneven = len(events) > 0 and stats.kstest(since / length[session], "uniform").pvalue < TREND
    if not uneven and events["magnitude"].nunique() > 1:
        uneven = stats.spearmanr(since / length[session], events["magnitude"]).pvalue < TREND
    if uneven:
        told = "events are not spread evenly over sessions, so that other times are not alike"
        return Surrogates(kind, 0, lambda _: study, told)

    def draw(events: pd.DataFrame, session: np.ndarray) -> pd.DataFrame:
        step = np.where(room > 0, least + rng.uniform(size=room.size) * room, 0.0)[session]
        moved = start[session] + (since + step) % length[session]
        return events.assign(time=np.where(step > 0, moved, events["time"]))

    reason = f"sessions longer than {2.0 * least:g} s, twice the response to an event, are few"
    return _distinct(kind, study, kinds, count, draw, reason)


def replicated(
    model: Model,
    study: Study,
    draws: np.ndarray,
    seed: np.random.SeedSequence,
    contingency: Callable[[Study], Study] | None = None,
) -> Surrogates:
    """Simulate the behaviour of a study from draws of a claim.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The data; outcomes that are missing stay so.
    draws : array, (draw, entry)
        Parameter vectors, one for each surrogate.
    seed : SeedSequence
        Source of randomness.
    contingency : callable (study) -> study, optional
        Returns a study with the events that its acts cause; where events move nothing, acts can
        come first. Events are as they were unless given.
    """
    replicator, streams = Replicator.of(model, study), seed.spawn(len(draws))

    def make(number: int) -> Study:
        drawn = replicator.draw(draws[number], np.random.default_rng(streams[number]))
        made = study
        for channel in model.channels:
            made = channel.filled(made, _in_place(made, drawn[channel.prefix]))
        return made if contingency is None else contingency(made)

    kind = f"studies simulated from {model.hypothesis}"
    return Surrogates(kind, len(draws), make)


def _in_place(study: Study, drawn: pd.DataFrame) -> pd.DataFrame:
    """Return outcomes that were drawn with rows for those that are missing.

    The first column drawn is the outcome; what has none in `observations` stays as it is.
    """
    table, first = study.observations, next(iter(drawn))
    if first not in table or table[first].notna().sum() != len(drawn):
        return drawn
    return drawn.set_axis(table.index[table[first].notna()]).reindex(table.index)


def _moving(study: Study, kinds: Sequence[str] | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Return events of these kinds, and the number of each one's session."""
    events = study.events
    events = events if kinds is None else events[events["kind"].isin(kinds)]
    return events, session_numbers(study.sessions, events)


def _alike(study: Study) -> np.ndarray:
    """Return a number for each session, the same for sessions alike in their design."""
    sessions = study.sessions
    people = study.subjects.set_index("subject").reindex(sessions["subject"])
    columns = [sessions[name] for name in sessions if name not in (*KEYS, "start", "end")]
    columns += [people[name] for name in people]
    order = sessions.groupby("subject").cumcount()
    parts = [order.to_numpy(), _lengths((sessions["end"] - sessions["start"]).to_numpy(float))]
    for column in columns:
        levels = column.factorize(use_na_sentinel=False)[0]
        if 0 < levels.max(initial=0) < LEVELS and 2 * (levels.max() + 1) <= len(levels):
            parts.append(levels)
    return pd.Series(list(zip(*parts, strict=True))).factorize()[0]


def _lengths(length: np.ndarray) -> np.ndarray:
    """Return a number for each length, the same for those within `LENGTH` of each other."""
    found, group, first = np.zeros(length.size, int), 0, np.inf
    for place in np.argsort(length, kind="stable"):
        if first == np.inf:
            first = length[place]
        elif length[place] > LENGTH * first:
            group, first = group + 1, length[place]
        found[place] = group
    return found


def _permuted(alike: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a permutation that stays within groups."""
    found = np.empty(alike.size, int)
    found[np.argsort(alike, kind="stable")] = np.lexsort((rng.permutation(alike.size), alike))
    return found


def _distinct(
    kind: str,
    study: Study,
    kinds: Sequence[str] | None,
    count: int,
    draw: Draw,
    reason: str,
) -> Surrogates:
    """Draw events until there are enough that differ from the data's and from each other."""
    events, session = _moving(study, kinds)
    others = study.events.drop(events.index)
    seen, found, fruitless = {_key(events)}, [], 0
    while len(found) < count and fruitless < FRUITLESS:
        made = draw(events, session)
        fruitless += 1
        if _key(made) not in seen:
            seen.add(_key(made))
            found.append(made)
            fruitless = 0

    def make(number: int) -> Study:
        kept = [table for table in (others, found[number]) if len(table)]
        return study.with_tables({"events": pd.concat(kept)})

    told = "" if len(found) >= count else f"{len(found)} differ from each other: {reason}"
    return Surrogates(kind, len(found), make, told)


def _key(events: pd.DataFrame) -> bytes:
    """Return the same bytes for the same events, in whatever order they are listed."""
    rows = pd.util.hash_pandas_object(events.assign(time=events["time"].round(6)), index=False)
    return np.sort(rows.to_numpy()).tobytes()

"""Presses: time-stamped acts as an inhomogeneous point process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from dopafit.channel.channel import At, Channel, Rows, Scales, Signature, Typical, times_by_session
from dopafit.channel.parameters import LOG_RATE, LOG_RATE_GAIN
from dopafit.channel.press_checks import past_scales, refuse_misplaced, seconds, time_constants
from dopafit.channel.quadrature import (
    LARGEST_SHARE,
    TOLERANCE,
    Marks,
    grid,
    refuse_above,
    segments,
    since_last,
)
from dopafit.channel.thinning import draw_presses
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.study.lasting import input_times
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["Presses", "since_last"]

SHARPNESS = 6.0
"""Exponent of the pause after an event: from 90 % to 10 % within a factor of 2 in time."""

LONG_AGO = 1e30
"""Time since an event [s] from which on it counts as over for good."""

PAUSE_SHARPNESS = 2.5
"""How much finer than the time since an event the grid is where there is a pause."""

Key = tuple[str, str]
Session = tuple[Key, np.ndarray, dict[str, np.ndarray]]
"""A session with its windows, (window, 2), and its sorted times by table [s]."""


def _history_column(tau: float) -> str:
    """Return a column name that a formula can hold: history_5s, history_0_5s."""
    return f"history_{np.format_float_positional(tau, trim='-').replace('.', '_')}s"


def _frame(key: Key, time: np.ndarray, pauses: np.ndarray) -> pd.DataFrame:
    columns = {"time": time, "since_event": since_last(time, pauses)}
    return pd.DataFrame({"subject": key[0], "session": key[1]} | columns)


def _power(elapsed: pd.Series) -> np.ndarray:
    """Return what a pause takes of the time since an event; before the first that is infinite."""
    # bounded, so that its slope is 0 there and not 0 times infinity
    return np.minimum(elapsed.to_numpy(float), LONG_AGO) ** SHARPNESS


@dataclass(frozen=True)
class Presses(Channel):
    r"""Point process with log-linear intensity, refractory time and self-history.

    .. math:: \ln\lambda(t) = \alpha + b M(t) + \sum_r g_r e^{-u(t)/\tau_r}
        - \frac{d}{1+(w(t)/\delta)^6},\qquad
        \ln L = \sum_i \ln\lambda(t_i) - \int \lambda

    with u the time since the last press and w the time since the last event of kind
    `pause_after`.

    Parameters
    ----------
    kind : str
        Which presses of the study's table.
    refractory : float
        Time after a press in which none can follow [s].
    history : tuple of float
        Time constants tau_r [s] of the self-history; each gets a weight g_r.
    pause_after : str or None
        Kind of event after which the act is impossible for a while (eating): a depth d and a
        duration delta are then estimated, so that a pause is a rival and not hidden in a trough.
    """

    kind: str = "press"
    refractory: float = 0.0
    history: tuple[float, ...] = ()
    pause_after: str | None = None

    name = "presses"
    prefix = "presses"
    reference = "point process likelihood, Truccolo et al. (2005), recalled"
    table = "presses"
    outcome = "presses per second"
    words = (
        "time-stamped presses, as an inhomogeneous point process whose integral is computed by "
        "Gauss-Legendre quadrature between events and presses"
    )
    signature = Signature("presses per minute", per_minute=True)
    typical_words = Typical("the rate of presses")
    on_grid = True
    latex = r"\ln r(t) = \eta(t),\quad \ln L = \sum_i \ln r(y_i) - \int r(t)\,\mathrm{d}t"
    notation: ClassVar = {
        "rest": r"\alpha",
        "pause_depth": "d",
        "pause_duration": "D",
    }
    symbols: ClassVar = {
        "r": "rate of presses [1/s]",
        "L": "likelihood of the presses",
        "y_i": "time of press i [s]",
    }
    arguments = frozenset({"eta", "is_press", "weight", "since_event_power"})

    rest = LOG_RATE
    gain = LOG_RATE_GAIN
    pause_depth = Parameter(
        "drop of the log rate just after an event",
        "ln 1/s",
        Prior.lognormal(3, 0.7),
        link="log",
        varies="session",
    )
    pause_duration = Parameter(
        "time until the pause is half over",
        "s",
        Prior.lognormal(10, 0.7),
        link="log",
        varies="session",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        # as floats: 5 and 5.0 are the same claim and must have the same hash
        object.__setattr__(self, "refractory", seconds("refractory", self.refractory))
        object.__setattr__(self, "history", time_constants(self.history))

    def active(self) -> dict[str, Parameter]:
        """Return the parameters in use: the pause only where one is asked for."""
        used = super().active()
        if self.pause_after is None:
            used = {k: v for k, v in used.items() if not k.startswith("pause_")}
        return used

    def details(self) -> tuple[str, ...]:
        """Return the past, the pause and the refractory time in words."""
        times = " and ".join(f"{tau:g}" for tau in self.history)
        return (
            *([f"the presses' own past over {times} s in the rate"] if times else []),
            *([f"a pause after each event of kind {self.pause_after}"] if self.pause_after else []),
            *([f"no press within {self.refractory:g} s of another"] if self.refractory else []),
        )

    def own_past(self) -> tuple[float, ...]:
        """Return the time constants of the self-history [s]."""
        return self.history

    def with_own_past(self, study: Study) -> Presses:
        """Return the channel with a self-history spaced over the intervals between presses."""
        gaps = self._own(study).groupby(KEYS)["time"].diff().to_numpy(float)
        return self if self.history else replace(self, history=past_scales(gaps))

    def predictor_terms(self) -> dict[str, dict[str, str]]:
        """Return the self-history and the pause."""
        terms: dict[str, dict[str, str]] = {}
        if self.history:
            times = ", ".join(f"{tau:g}" for tau in self.history)
            terms[r"+ \sum_l g_l\, e^{-w(t)/\tau_l}"] = {
                "g_l": "weights of the presses' own past (presses_rest_effect[history_...])",
                "w": "time since the last press [s]",
                r"\tau_l": f"time constants of the past, set by the analysis: {times} s",
            }
        if self.pause_after:
            terms[rf"- d / (1 + (q(t)/D)^{{{SHARPNESS:g}}})"] = {
                "q": f"time since the last event of kind {self.pause_after} [s]"
            }
        return terms

    def extra_terms(self) -> dict[str, Prior]:
        """Return one column per time constant of the self-history."""
        return {_history_column(tau): Prior.normal(0, 1.5) for tau in self.history}

    def rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return the presses, then the quadrature nodes of every observed window."""
        acts = self._own(study)
        self._check_pause(study)
        if acts.empty:
            kinds = sorted(study.presses["kind"].unique())
            raise SpecError(
                f"channel presses: the study has no presses of kind {self.kind!r}",
                allowed=", ".join(kinds) or "(the study has no presses at all)",
                given=self.kind,
                known=kinds,
                todo="name the kind of presses, or leave the channel out",
            )
        sessions = self._sessions(study)
        mine = {key: self._marks(key, *found) for key, *found in sessions}
        jumps = sum(m.events.size + m.acts.size for _, m, _ in mine.values())
        # errors after different marks are independent: they add up like a square root
        share = min(TOLERANCE / np.sqrt(jumps + 1), LARGEST_SHARE)
        parts, points = [], 0
        for key, (bounds, marks, pauses) in mine.items():
            observed = float((bounds[:, 1] - bounds[:, 0]).sum())
            rate = (marks.acts.size + 1) / observed
            resolved = self._resolved(scales)
            pieces = segments(bounds, marks, resolved)
            nodes = grid(pieces, marks, resolved, rate, share)
            points += nodes.time.size
            refuse_above(points)
            time = np.concatenate([marks.acts, nodes.time])
            frame = _frame(key, time, pauses)
            frame["is_press"] = np.repeat([1.0, 0.0], [marks.acts.size, nodes.time.size])
            frame["weight"] = np.concatenate([np.zeros(marks.acts.size), nodes.weight])
            gap = since_last(time, marks.acts)
            for tau in self.history:
                frame[_history_column(tau)] = np.exp(-gap / tau)
            parts.append(frame)
        frame = pd.concat(parts, ignore_index=True)
        frame = frame.sort_values("is_press", ascending=False, kind="stable", ignore_index=True)
        frame = at(frame)
        data = {name: frame[name].to_numpy(float) for name in ("is_press", "weight")}
        data["since_event_power"] = _power(frame["since_event"])
        unit = frame["trial_number"].to_numpy(np.int64)
        return Rows(frame, data, unit, coding=self._coding(sessions, at))

    def simulation_rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return both ends of every segment on which the log rate is taken as linear.

        No press is needed; the self-history's columns are zero, and the simulation adds it.
        """
        self._check_pause(study)
        sessions = self._sessions(study)
        parts, points = [], 0
        for key, bounds, lists in sessions:
            marks = Marks(lists["events"], np.empty(0), lists["cuts"], sharpness=self._sharpness)
            pieces = segments(bounds, marks, self._resolved(scales))
            points += pieces.size
            refuse_above(points)
            start, stop = pieces.T
            # just inside: an event at the start already counts, a step at the end not yet
            inset = 1e-6 * (stop - start)
            first = np.maximum(start + inset, np.nextafter(start, np.inf))
            last = np.maximum(np.minimum(stop - inset, np.nextafter(stop, -np.inf)), first)
            parts.append(_frame(key, np.column_stack([first, last]).ravel(), lists["pauses"]))
        frame = at(pd.concat(parts, ignore_index=True))
        frame = frame.assign(**{_history_column(tau): 0.0 for tau in self.history})
        data = {"since_event_power": _power(frame["since_event"])}
        unit = frame["trial_number"].to_numpy(np.int64)
        return Rows(frame, data, unit, coding=self._coding(sessions, at))

    def _coding(self, sessions: list[Session], at: At) -> pd.DataFrame:
        """Return evenly spaced times of every window and all covariate steps, whatever the grid."""
        count = int(np.clip(20_000 // sum(len(bounds) for _, bounds, _ in sessions), 2, 200))
        parts = []
        for key, bounds, lists in sessions:
            even = np.linspace(bounds[:, 0], bounds[:, 1], count).ravel()
            steps = lists["cuts"]
            window = np.searchsorted(bounds[:, 0], steps, side="right") - 1
            inside = (window >= 0) & (steps < bounds[np.maximum(window, 0), 1])
            parts.append(_frame(key, np.sort(np.append(even, steps[inside])), lists["pauses"]))
        frame = at(pd.concat(parts, ignore_index=True))
        return frame.assign(**{_history_column(tau): 0.0 for tau in self.history})

    def _own(self, study: Study) -> pd.DataFrame:
        return study.presses[study.presses["kind"] == self.kind]

    def _check_pause(self, study: Study) -> None:
        """Refuse a pause after events that never come: its parameters would be their priors."""
        kinds = sorted(study.events["kind"].dropna().unique())
        if self.pause_after is not None and self.pause_after not in kinds:
            raise SpecError(
                f"channel presses: pause_after: the study has no events of kind "
                f"{self.pause_after!r}",
                allowed=", ".join(kinds) or "(the study has no events at all)",
                given=self.pause_after,
                known=kinds,
                todo="name a kind of event, or leave it out",
            )

    def observed(self, study: Study, rows: Rows) -> pd.DataFrame:
        """Return the presses of this kind."""
        return self._own(study)

    def outcomes(self, rows: Rows) -> int:
        """Return the number of presses, without the times at which their rate is integrated."""
        return int(rows.data["is_press"].sum())

    def acts(self, study: Study) -> pd.DataFrame:
        """Return the presses of this kind."""
        return self._own(study)[[*KEYS, "time", "kind"]]

    def values(self, outcome: pd.DataFrame, rows: Rows) -> np.ndarray:
        """Return 1 a press: they are counted."""
        return np.ones(len(outcome))

    def typical(self, eta, pause_depth=None, pause_duration=None):
        """Return the rate of presses per minute, long after any pause."""
        return 60.0 * np.exp(eta)

    def draw(self, rng, eta, rows, parameters, terms, limit):
        """Return `subject`, `session` and `time` [s] of presses drawn by thinning."""
        return draw_presses(
            rng,
            rows.frame,
            self.paused(np, eta, rows.data["since_event_power"], **parameters),
            tau=np.array(self.history),
            weight=np.array([terms[_history_column(tau)] for tau in self.history]),
            refractory=self.refractory,
            limit=limit,
        )

    def filled(self, study: Study, drawn: pd.DataFrame) -> Study:
        """Return the study with these presses instead of its own of this kind."""
        others = study.presses[study.presses["kind"] != self.kind]
        presses = pd.concat([others, drawn.assign(kind=self.kind)], ignore_index=True)
        return study.with_tables({"presses": presses})

    def _sessions(self, study: Study) -> list[Session]:
        tables = {
            "events": input_times(study.events),
            "acts": self._own(study),
            "cuts": study.covariates,
            "trials": study.observations,
            "pauses": study.events[study.events["kind"] == self.pause_after],
        }
        times = {name: times_by_session(table) for name, table in tables.items()}
        found = []
        for key, window in study.windows.groupby(KEYS, sort=False):
            bounds = window[["start", "end"]].sort_values("start").to_numpy(float)
            found.append((key, bounds, {n: t.get(key, np.empty(0)) for n, t in times.items()}))
        if not found:
            raise SpecError(
                "channel presses: the study has no observed windows",
                allowed="sessions that end later than they start",
                todo="check start and end of the sessions table, or leave the channel presses out",
            )
        return found

    def _marks(
        self, key: Key, bounds: np.ndarray, lists: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, Marks, np.ndarray]:
        where = f"channel presses: subject {key[0]}, session {key[1]}"
        refuse_misplaced(where, lists["acts"], bounds, self.refractory)
        cuts = np.concatenate([lists["cuts"], lists["trials"]])
        marks = Marks(
            lists["events"], lists["acts"], cuts, self.history, self.refractory, self._sharpness
        )
        return bounds, marks, lists["pauses"]

    @property
    def _sharpness(self) -> float:
        return PAUSE_SHARPNESS if self.pause_after else 1.0

    def _resolved(self, scales: Scales) -> Scales:
        """Resolve the pause as well."""
        return replace(scales, finest=min(scales.finest, 2.0)) if self.pause_after else scales

    def logp(
        self, xp, eta, is_press, weight, since_event_power, pause_depth=None, pause_duration=None
    ):
        """Return log intensity at presses, minus intensity times weight at nodes."""
        eta = self.paused(xp, eta, since_event_power, pause_depth, pause_duration)
        return is_press * eta - weight * xp.exp(eta)

    @staticmethod
    def paused(xp, eta, since_event_power, pause_depth=None, pause_duration=None):
        """Return the predictor with the pause after an event taken off."""
        if pause_depth is None:
            return eta
        scale = xp.exp(-SHARPNESS * xp.log(pause_duration))
        return eta - pause_depth / (1.0 + since_event_power * scale)

"""Presses: time-stamped acts as an inhomogeneous point process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from dopafit.channel.channel import At, Channel, Rows, Scales
from dopafit.channel.quadrature import grid, segments
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError, suggest
from dopafit.core.prior import Prior
from dopafit.core.xp import sigmoid
from dopafit.study.study import Study

__all__ = ["Presses", "since_last"]

SHARPNESS = 6.0
"""Exponent of the pause after an event: from 90 % to 10 % within a factor of 2 in time."""


def since_last(time: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Time [s] since the last of the sorted `marks` strictly before each time; infinite if none."""
    at = np.searchsorted(marks, time, side="left") - 1
    gap = time - marks[np.maximum(at, 0)] if marks.size else np.full(time.shape, np.inf)
    return np.where(at >= 0, gap, np.inf)


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
    reference = "point process likelihood, Truccolo et al. (2005)"
    table = "presses"
    outcome = "presses per second"
    latex = r"\ln\lambda(t) = \eta(t),\quad \ln L = \sum_i\ln\lambda(t_i)-\int\lambda"
    arguments = frozenset({"eta", "is_press", "weight", "log_since_event"})

    rest = Parameter(
        "log press rate at baseline",
        "ln 1/s",
        Prior.normal(-3, 2),
        effect=Prior.normal(0, 0.5),
        spread=Prior.half_normal(1),
        varies="row",
    )
    gain = Parameter(
        "change of the log rate per unit lobe", "ln 1/s", Prior.normal(0, 1.5), varies="row"
    )
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
        if not (np.isfinite(self.refractory) and self.refractory >= 0):
            raise SpecError(
                f"presses: refractory = {self.refractory}", allowed="seconds, 0 or more"
            )
        if not all(np.isfinite(tau) and tau > 0 for tau in self.history):
            raise SpecError(
                f"presses: history = {self.history}", allowed="time constants above 0 s"
            )

    def active(self) -> dict[str, Parameter]:
        """Parameters in use: the pause only where one is asked for."""
        used = super().active()
        if self.pause_after is None:
            used = {k: v for k, v in used.items() if not k.startswith("pause_")}
        return used

    def extra_terms(self) -> dict[str, Prior]:
        """One column per time constant of the self-history."""
        return {f"history_{tau:g}s": Prior.normal(0, 1.5) for tau in self.history}

    @property
    def memory(self) -> float:
        """Shortest time constant of the self-history [s]; infinite without one."""
        return min(self.history, default=np.inf)

    def rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return the presses, then the quadrature nodes of every observed window."""
        acts = study.presses[study.presses["kind"] == self.kind]
        if acts.empty:
            kinds = sorted(study.presses["kind"].unique())
            raise SpecError(
                f"channel presses: the study has no presses of kind {self.kind!r}",
                allowed=", ".join(kinds) or "(the study has no presses at all)",
                todo=suggest(self.kind, kinds),
            )
        keys = ["subject", "session"]
        tables = {
            name: dict(list(table.groupby(keys, sort=False)["time"]))
            for name, table in (
                ("events", study.events),
                ("acts", acts),
                ("cuts", study.covariates),
                ("trials", study.observations),
            )
            if len(table)
        }
        pause = study.events[study.events["kind"] == self.pause_after]
        pauses = dict(list(pause.groupby(keys, sort=False)["time"])) if len(pause) else {}
        parts = []
        for key, window in study.windows.groupby(keys, sort=False):
            mine = {
                name: np.sort(tables.get(name, {}).get(key, pd.Series(dtype=float)).to_numpy(float))
                for name in ("events", "acts", "cuts", "trials")
            }
            parts.append(self._session_rows(key, window, mine, scales))
            parts[-1]["since_event"] = since_last(
                parts[-1]["time"].to_numpy(),
                np.sort(pauses[key].to_numpy()) if key in pauses else np.empty(0),
            )
        frame = pd.concat(parts, ignore_index=True)
        frame = frame.sort_values("is_press", ascending=False, kind="stable", ignore_index=True)
        frame = at(frame)
        with np.errstate(divide="ignore"):
            log_since = np.log(frame["since_event"].to_numpy())
        data = {
            "is_press": frame["is_press"].to_numpy(float),
            "weight": frame["weight"].to_numpy(float),
            "log_since_event": log_since,
        }
        return Rows(frame, data, frame["trial_number"].to_numpy(np.int64))

    def _session_rows(
        self,
        key: tuple[str, str],
        window: pd.DataFrame,
        mine: dict[str, np.ndarray],
        scales: Scales,
    ) -> pd.DataFrame:
        acts = mine["acts"]
        gaps = np.diff(acts)
        if self.refractory > 0 and (gaps < self.refractory).any():
            first = int(np.argmax(gaps < self.refractory))
            raise SpecError(
                f"channel presses: subject {key[0]}, session {key[1]}: presses at {acts[first]:g} s and "
                f"{acts[first + 1]:g} s are closer than the refractory time {self.refractory:g} s",
                allowed=f"refractory <= {gaps.min():g} s for this study",
            )
        bounds = window[["start", "end"]].sort_values("start").to_numpy(float)
        cuts = np.concatenate([mine["cuts"], mine["trials"]])
        memory = self.memory
        scales = self._resolved(scales)
        pieces = segments(
            bounds, mine["events"], acts, cuts, scales, memory=memory, refractory=self.refractory
        )
        nodes = grid(pieces, scales, memory=memory)
        time = np.concatenate([acts, nodes.time])
        frame = pd.DataFrame({"subject": key[0], "session": key[1], "time": time})
        frame["is_press"] = np.repeat([1.0, 0.0], [acts.size, nodes.time.size])
        frame["weight"] = np.concatenate([np.zeros(acts.size), nodes.weight])
        gap = since_last(time, acts)
        for tau in self.history:
            frame[f"history_{tau:g}s"] = np.exp(-gap / tau)
        return frame

    def blank(self, study: Study) -> Study:
        """Return the study itself: a simulation needs no presses."""
        return study

    def simulation_rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return both ends of every segment on which the log rate is taken as linear.

        No press is needed; the self-history's columns are zero, and the simulation adds it.
        """
        keys = ["subject", "session"]
        event_times = dict(list(study.events.groupby(keys, sort=False)["time"]))
        pause = study.events[study.events["kind"] == self.pause_after]
        pauses = dict(list(pause.groupby(keys, sort=False)["time"]))
        steps = dict(list(study.covariates.groupby(keys, sort=False)["time"]))
        none = pd.Series(dtype=float)
        parts = []
        for key, window in study.windows.groupby(keys, sort=False):
            bounds = window[["start", "end"]].sort_values("start").to_numpy(float)
            events = np.sort(event_times.get(key, none).to_numpy(float))
            cuts = steps.get(key, none).to_numpy(float)
            pieces = segments(bounds, events, np.empty(0), cuts, self._resolved(scales))
            # just inside the start, so that an event at the start already counts
            inside = pieces[:, 0] + 1e-9 * (pieces[:, 1] - pieces[:, 0])
            time = np.column_stack([inside, pieces[:, 1]]).ravel()
            frame = pd.DataFrame({"subject": key[0], "session": key[1], "time": time})
            frame["since_event"] = since_last(time, np.sort(pauses.get(key, none).to_numpy(float)))
            parts.append(frame)
        frame = at(pd.concat(parts, ignore_index=True))
        for tau in self.history:
            frame[f"history_{tau:g}s"] = 0.0
        with np.errstate(divide="ignore"):
            data = {"log_since_event": np.log(frame["since_event"].to_numpy())}
        return Rows(frame, data, frame["trial_number"].to_numpy(np.int64))

    def _resolved(self, scales: Scales) -> Scales:
        """Resolve the pause as well."""
        return replace(scales, finest=min(scales.finest, 2.0)) if self.pause_after else scales

    def logp(
        self,
        xp: Any,
        eta: Any,
        is_press: Any,
        weight: Any,
        log_since_event: Any,
        pause_depth: Any = None,
        pause_duration: Any = None,
    ) -> Any:
        """Return log intensity at presses, minus intensity times weight at nodes."""
        eta = self.paused(xp, eta, log_since_event, pause_depth, pause_duration)
        return is_press * eta - weight * xp.exp(eta)

    @staticmethod
    def paused(
        xp: Any, eta: Any, log_since_event: Any, pause_depth: Any = None, pause_duration: Any = None
    ) -> Any:
        """Return the predictor with the pause after an event taken off."""
        if pause_depth is None:
            return eta
        still = sigmoid(xp, SHARPNESS * (xp.log(pause_duration) - log_since_event))
        return eta - pause_depth * still

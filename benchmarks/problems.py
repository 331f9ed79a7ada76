"""The benchmark problems: a model, a study, and the same data as plain arrays for the rivals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["PROBLEMS", "Problem", "arrays", "build"]

TRUTH = {
    "trough_ratio": 0.4,
    "recovery_half_life": 15.0,
    "onset_ratio": 0.15,
    "choice_rest": -0.3,
    "choice_gain_trough": 1.5,
    "choice_rest_sd[1|subject]": 0.7,
    "latency_rest": -0.2,
    "latency_gain_trough": 0.4,
    "latency_rest_sd[1|subject]": 0.3,
    "latency_sigma": 0.5,
    "peak_sd[1|subject]": 0.4,
}


@dataclass(frozen=True)
class Problem:
    """A simulated study: so many subjects, each with so many events and observations."""

    name: str
    subjects: int
    events: int
    observations: int
    spacing: float = 20.0


PROBLEMS = {"A": Problem("A", 20, 100, 100), "B": Problem("B", 40, 200, 200)}


def build(problem: Problem) -> tuple[Any, Any]:
    """Return the model (trough drive, choice and latency) and a study simulated from it."""
    import pandas as pd

    import dopafit as dp
    from dopafit.model.play import simulate

    rng = np.random.default_rng(20261122)
    duration = problem.events * problem.spacing
    names = [f"s{i:03d}" for i in range(problem.subjects)]
    sessions = pd.DataFrame({"subject": names, "session": "1", "start": 0.0, "end": duration})

    def train(count: int) -> Any:
        times = np.sort(rng.uniform(0, duration, (problem.subjects, count)), axis=1)
        who = np.repeat(names, count)
        return pd.DataFrame({"subject": who, "session": "1", "time": times.ravel()})

    events = train(problem.events).assign(kind="cue", magnitude=1.0)
    trials = train(problem.observations).assign(deadline=5.0)
    design = dp.Study(
        f"problem {problem.name}",
        sessions=sessions,
        events=events,
        observations=trials,
        simulated=True,
    )
    model = dp.Model(
        drive="trough",
        channels=[dp.Choice("pursue"), dp.Latency("latency")],
        effects={name: "(1 | subject)" for name in ("peak", "choice_rest", "latency_rest")},
        typical_spacing=problem.spacing,
    )
    study, _ = simulate(model, design, seed=1, truth=TRUTH)
    return model, study


def arrays(problem: Problem, study: Any) -> dict[str, np.ndarray]:
    """Return the study as plain arrays: events and observations of each subject in order of time.

    Returns
    -------
    dict of str to array
        `first` (subject + 1) offsets into the merged order; `gap` (merged) [s]; `row` (merged),
        the observation's number or -1 for an event; per observation `subject`, `time` [s], `y`,
        `log_latency`, `censored`; `event_time` (subject, event) [s]; scalars.
    """
    events, trials = study.events, study.observations
    first, gap, row, keep = [0], [], [], []
    taken = 0
    for name in study.subjects["subject"]:
        at = events.loc[events["subject"] == name, "time"].to_numpy()
        own = trials[trials["subject"] == name]
        read = own["time"].to_numpy()
        time = np.concatenate([at, read])
        number = np.concatenate([np.full(at.size, -1), taken + np.arange(read.size)])
        order = np.argsort(time, kind="stable")
        gap.append(np.diff(time[order], prepend=time[order][0]))
        row.append(number[order])
        keep.append(own)
        taken += read.size
        first.append(first[-1] + time.size)
    import pandas as pd

    kept = pd.concat(keep)
    codes = {name: i for i, name in enumerate(study.subjects["subject"])}
    return {
        "subjects": np.array(problem.subjects),
        "first": np.array(first),
        "gap": np.concatenate(gap),
        "row": np.concatenate(row),
        "subject": kept["subject"].map(codes).to_numpy(np.int64),
        "time": kept["time"].to_numpy(float),
        "y": kept["pursue"].to_numpy(float),
        "log_latency": np.log(kept["latency"].to_numpy(float)),
        "censored": kept["latency_censored"].to_numpy(float),
        "event_time": events["time"].to_numpy(float).reshape(problem.subjects, -1),
        "log_half_life_prior": np.array(np.log(np.log(2) * problem.spacing)),
    }

"""A made-up study's timetable: who is shown what, and when, before anybody behaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dopafit.core.arguments import takes
from dopafit.core.errors import SpecError
from dopafit.core.seed import generator
from dopafit.study.study import Study

__all__ = ["Schedule", "timetable"]


class Schedule(BaseModel):
    """Numbers that define a timetable; times in seconds [s].

    Every subject goes through every session. Cues come as a Poisson train, so that they overlap;
    their magnitudes and, block by block, their contexts are drawn at random. Trials come at random
    times, at least `trial_gap` apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subjects: int = Field(24, ge=1, le=100_000)
    sessions: dict[str, dict[str, str | float]] = Field(
        default_factory=lambda: {d: {"drug": d} for d in ("placebo", "precursor")}, min_length=1
    )
    duration: float = Field(600.0, gt=0)
    cue_interval: float = Field(20.0, gt=0)
    magnitudes: tuple[float, ...] = Field((0.5, 1.0, 2.0), min_length=1)
    contexts: tuple[str, ...] = Field(("home", "novel"), min_length=1)
    block: float = Field(150.0, gt=0)
    trial_interval: float = Field(12.0, gt=0)
    trial_gap: float = Field(2.0, ge=0)
    deadline: float = Field(8.0, gt=0)


def _trials(rng: np.random.Generator, schedule: Schedule) -> np.ndarray:
    count = int(schedule.duration / schedule.trial_interval)
    gaps = rng.exponential(max(schedule.trial_interval - schedule.trial_gap, 1e-9), count)
    times = np.cumsum(gaps + schedule.trial_gap)
    return times[times < schedule.duration]


@takes(options=(Mapping, Schedule), name=str)
def timetable(
    options: Mapping[str, Any] | Schedule, *, seed: int, name: str = "simulated"
) -> Study:
    """Draw subjects, sessions, cues and trial times.

    Parameters
    ----------
    options : mapping or Schedule
        The numbers of the timetable.
    seed : int
        Source of randomness.
    name : str
        Name of the study.

    Returns
    -------
    Study
        Without behaviour: observations have their times and deadlines only.

    Raises
    ------
    SpecError
        An unknown or impossible number, by its name.
    """
    try:
        schedule = options if isinstance(options, Schedule) else Schedule(**options)
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(
            f"simulate: design: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            allowed=", ".join(Schedule.model_fields),
            todo="correct this entry, or leave it out for its default",
        ) from error
    rng = generator(seed, "simulate/timetable")
    width = len(str(schedule.subjects))
    people = [f"s{i + 1:0{width}d}" for i in range(schedule.subjects)]
    sessions, events, trials = [], [], []
    for person in people:
        for session, columns in schedule.sessions.items():
            key = {"subject": person, "session": session}
            sessions.append(key | {"start": 0.0, "end": schedule.duration} | columns)
            blocks = int(np.ceil(schedule.duration / schedule.block))
            first = rng.integers(len(schedule.contexts))
            context = np.array(
                [schedule.contexts[(first + b) % len(schedule.contexts)] for b in range(blocks)]
            )
            cues = np.sort(
                rng.uniform(
                    0, schedule.duration, rng.poisson(schedule.duration / schedule.cue_interval)
                )
            )
            probes = _trials(rng, schedule)
            magnitude = rng.choice(schedule.magnitudes, cues.size)
            for time, size in zip(cues.round(3), magnitude, strict=True):
                where = context[min(int(time // schedule.block), blocks - 1)]
                events.append(
                    key | {"time": time, "kind": "cue", "magnitude": size, "context": where}
                )
            for time in probes.round(3):
                where = context[min(int(time // schedule.block), blocks - 1)]
                trials.append(key | {"time": time, "context": where, "deadline": schedule.deadline})
    return Study(
        name,
        sessions=pd.DataFrame(sessions),
        events=pd.DataFrame(events) if events else None,
        observations=pd.DataFrame(trials) if trials else None,
        simulated=True,
        description="Simulated: the timetable and the behaviour were made by a program.",
    )

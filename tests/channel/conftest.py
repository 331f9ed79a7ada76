"""A small study with every table a channel reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.channel import Scales
from dopafit.model.layout.covariates import Joiner
from dopafit.study import Study

SCALES = Scales(finest=1.0, coarsest=150.0)


def make_study(**tables) -> Study:
    """Two subjects, three sessions of 600 s; s1/b has no events, s2/a no presses."""
    key = ["subject", "session"]
    frames = {
        "sessions": pd.DataFrame(
            [["s1", "a", 0.0, 600.0], ["s1", "b", 0.0, 600.0], ["s2", "a", 0.0, 600.0]],
            columns=[*key, "start", "end"],
        ),
        "events": pd.DataFrame(
            [
                ["s1", "a", 20.0, "cue", 1.0],
                ["s1", "a", 50.0, "pellet", 0.5],
                ["s1", "a", 50.0, "cue", 1.0],
                ["s2", "a", 100.0, "cue", 2.0],
            ],
            columns=[*key, "time", "kind", "magnitude"],
        ),
        "presses": pd.DataFrame(
            [
                ["s1", "a", 5.0, "press"],
                ["s1", "a", 20.0, "press"],
                ["s1", "a", 61.0, "press"],
                ["s1", "a", 61.0, "press"],
                ["s1", "a", 63.5, "press"],
                ["s1", "a", 400.0, "lick"],
                ["s1", "b", 300.0, "press"],
            ],
            columns=[*key, "time", "kind"],
        ),
    }
    return Study("small", **(frames | tables))


def rows_of(channel, study: Study, scales: Scales = SCALES):
    return channel.rows(study, Joiner(study), scales)


@pytest.fixture
def study() -> Study:
    return make_study()


@pytest.fixture
def trials() -> Study:
    frame = pd.DataFrame(
        {
            "subject": ["s1"] * 4 + ["s2"] * 2,
            "session": ["a", "a", "a", "b", "a", "a"],
            "time": [10.0, 30.0, 31.0, 5.0, 7.0, 9.0],
            "pursue": [1, 0, np.nan, 1, 0, 0],
            "latency": [0.8, 2.0, 1.1, np.nan, 3.0, 5.0],
            "latency_censored": [0, 1, 0, np.nan, np.nan, 1],
        }
    )
    return make_study(observations=frame)


@pytest.fixture(name="make_study")
def _make_study():
    return make_study


@pytest.fixture(name="rows_of")
def _rows_of():
    return rows_of

"""A small study with three channels and a covariate that differs between sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.press import Presses
from dopafit.model.claim import Model
from dopafit.study import Study

KEYS = ["subject", "session"]


def tiny_study(**changes) -> Study:
    """Two subjects, three sessions of 200 s, drug by session, context by event and trial."""
    rng = np.random.default_rng(42)
    sessions = pd.DataFrame(
        [
            ["b", "1", 0.0, 200.0, "none"],
            ["a", "2", 0.0, 200.0, "drug"],
            ["a", "1", 0, 200, "none"],
        ],
        columns=[*KEYS, "start", "end", "drug"],
    )
    tables: dict[str, list[dict]] = {"events": [], "observations": [], "presses": []}
    for _, session in sessions.iterrows():
        key = {k: session[k] for k in KEYS}
        for time in np.sort(rng.uniform(5, 190, 6)).round(1):
            kind = "cue" if time < 120 else "pellet"
            tables["events"].append(
                key | {"time": time, "kind": kind, "magnitude": rng.choice([0.5, 1.0, 2.0])}
            )
        for i, time in enumerate(np.arange(12.0, 200.0, 23.0)):
            tables["observations"].append(
                key
                | {
                    "time": time,
                    "pursue": float(rng.integers(2)),
                    "latency": float(rng.uniform(0.3, 5)),
                    "latency_censored": float(i % 4 == 3),
                    "cost": float(i % 3),
                }
            )
        for time in np.sort(rng.uniform(0, 200, 9)).round(1):
            tables["presses"].append(key | {"time": time, "kind": "press"})
    frames = {"sessions": sessions} | {k: pd.DataFrame(v) for k, v in tables.items()}
    return Study("tiny", simulated=True, **(frames | changes))


def three_channels(drive: str = "trough", **changes) -> Model:
    options = {
        "channels": [Presses(history=(5.0,)), Latency(), Choice()],
        "effects": {
            "trough_ratio": "drug + (1 | subject)",
            "peak": "kind + (1 | subject)",
            "choice_rest": "cost + (1 | subject)",
        },
        "typical_spacing": 20.0,
    }
    return Model(drive=drive, **(options | changes))


@pytest.fixture
def tiny() -> Study:
    return tiny_study()


@pytest.fixture(name="tiny_study")
def _tiny_study():
    return tiny_study


@pytest.fixture(name="three_channels")
def _three_channels():
    return three_channels


@pytest.fixture
def draw_theta():
    """Draw one theta from the prior, kept inside ranges in which rates are not absurd."""

    def draw(layout, seed: int = 0, size: tuple[int, ...] = ()):
        coordinates = layout.coordinates
        x, h = coordinates.prior_draws(np.random.default_rng(seed), size)
        return coordinates.theta(0.5 * x, 0.5 * h)

    return draw

"""Simulated studies of which it is known whether, and how, events move pursuit.

Every study has 20 people, two sessions of 600 s, an event every 25 to 45 s and a choice every
12 s. What each class is stands in `benchmarks.claims`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

__all__ = ["NULL", "PILOT", "TRUE", "claims_of", "null_study", "true_study"]

NULL = ("none", "falling", "rising", "practice", "caused")
TRUE = {
    "trough": ("trough", {"recovery_half_life": 12.0, "trough_ratio": 0.5, "onset_ratio": 0.3}),
    "level": ("level", {}),
    "two_scales": (
        "level_two_scales",
        {"decay_half_life": 60.0, "fast_ratio": 4.0 / 60.0, "slow_weight": 0.3},
    ),
}
HALF_LIVES = (6.0, 12.0, 24.0)
"""Of the level, in turn [s]."""

GAIN = 2.0
"""Change of the log odds at the bottom of the trough, or at the top of the level."""

SPREAD = 0.3
"""Sd of what moves behaviour besides events, of peaks, and of subjects' and sessions' deviations
other than those of the resting level, which have 0.8."""

PILOT = 5000
"""Number of the first study from which the power was planned; none of these is counted."""

PEOPLE, SESSIONS, LENGTH, EVERY = 20, 2, 600.0, 12.0
ANALYSIS = """
channels:
  choice: {column: pursue}
effects:
  choice_rest: (1 | subject)
"""


def trend(kind: str, odd: bool, rng: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """Return what time in the session adds to the log odds."""
    size = rng.uniform(0.5, 2.0)
    if kind == "none":
        return np.zeros(t.size)
    share, sign = t / LENGTH, -1.0 if kind == "falling" else 1.0
    walk = np.cumsum(rng.standard_normal(t.size)) / np.sqrt(t.size)
    if kind == "caused":
        return size * walk
    if kind == "practice":
        smooth, step = -np.exp(-t / 60.0), -(t < rng.uniform(40.0, 160.0)).astype(float)
        return size * (smooth if odd else step if rng.random() < 0.5 else 0.5 * walk + smooth)
    steps = np.searchsorted(np.sort(rng.uniform(size=2)), share) / 2.0
    return sign * size * (share if odd else steps if rng.random() < 0.5 else 0.5 * walk + share)


def null_study(kind: str, number: int) -> Any:
    """Return a study in which events do nothing."""
    import dopafit as dp

    rng = np.random.default_rng([NULL.index(kind), number])
    sessions, events, rows = [], [], []
    common = np.random.default_rng([99, NULL.index(kind), number])
    for person in range(PEOPLE):
        rest = -0.3 + 0.8 * rng.standard_normal()
        for session in range(SESSIONS):
            keys = {"subject": f"s{person:02d}", "session": str(session + 1)}
            sessions.append({**keys, "start": 0.0, "end": LENGTH})
            t = np.arange(0.5, LENGTH / EVERY) * EVERY + rng.uniform(-2.0, 2.0, int(LENGTH / EVERY))
            # the study's own trend: a walk that all share, as practice and tiring are
            state = common.bit_generator.state
            log_odds = rest + trend(kind, number % 2 == 1, common, t)
            common.bit_generator.state = state
            pursue = (rng.random(t.size) < expit(log_odds)).astype(float)
            rows.append(pd.DataFrame({"time": t, "pursue": pursue}).assign(**keys))
            times = np.cumsum(rng.uniform(25.0, 45.0, 30))
            if kind == "caused":
                times = (t + 1.0)[(pursue > 0) & (rng.random(t.size) < 0.5)]
            times = times[times < LENGTH]
            events.append(
                pd.DataFrame({"time": times, "kind": "cue", "magnitude": 1.0}).assign(**keys)
            )
    return dp.Study(
        f"{kind}-{number}",
        sessions=pd.DataFrame(sessions),
        events=pd.concat(events, ignore_index=True),
        observations=pd.concat(rows, ignore_index=True),
        simulated=True,
    )


def claims_of(study: Any) -> dict[str, Any]:
    """Return the default hypotheses with the nuisance terms of a study."""
    from dopafit.model.analysis import read_analysis

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "analysis.yaml"
        path.write_text(ANALYSIS, "utf-8")
        return read_analysis(path).claims(study)


def true_study(kind: str, number: int) -> Any:
    """Return a study simulated from a hypothesis, every value of it stated here."""
    from dopafit.model.play import simulate

    base = null_study("none", 1000 + number)
    hypothesis, kernel = TRUE[kind]
    if kind == "level":
        kernel = {"decay_half_life": HALF_LIVES[number % len(HALF_LIVES)]}
    model = claims_of(base)[hypothesis]
    names = [name for name in simulate(model, base, seed=number)[1] if "_group[" not in name]
    curve = [name for name in names if "_effect[" in name]
    drawn = SPREAD * np.random.default_rng([77, number]).standard_normal(len(curve))
    truth = dict(zip(curve, drawn.tolist(), strict=True))
    truth |= {name: SPREAD for name in names if "_sd[" in name}
    truth |= {"choice_rest": -0.3, "choice_rest_sd[1|subject]": 0.8, **kernel}
    truth |= dict.fromkeys(model.gains, GAIN)
    unstated = set(names) - set(truth)
    assert not unstated, f"drawn from its prior: {sorted(unstated)}"
    return simulate(model, base, seed=number, truth=truth)[0]

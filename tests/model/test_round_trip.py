"""What is simulated with some parameters is likeliest near them, for every channel there is.

At the truth the slope of the log likelihood by any parameter has the mean 0 (the score). Sessions
are independent, so their spread gives its standard error. At other values the data are less likely.
"""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.channel.channel import Channel
from dopafit.channel.choice import Choice
from dopafit.channel.counts import Counts
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.model.play import simulate
from dopafit.model.schedule import timetable
from dopafit.study import Study

STEP = 1e-4
SUBJECTS = 50
FURTHER = [
    WaldLatency(longest_shift=0.4),
    Latency(censored=None),
    Presses(history=(3.0, 20.0), refractory=0.3, pause_after="cue"),
]
"""Channels with options, beside one of each kind with its defaults."""
OWN = [m for m in Channel.members().values() if m.__module__.startswith("dopafit.")]
EVERY = [*(member() for member in OWN), *FURTHER]
assert {type(one) for one in EVERY} >= {Choice, Counts, Latency, WaldLatency, Presses}
TRUTH = {
    "counts_rest": 1.0,
    "presses_rest": -2.0,
    "choice_rest": 1.5,
    "choice_lapse": 0.2,
    "latency_rest": 0.4,
}
HISTORY = {"history_3s": 0.8, "history_20s": -0.5}


@pytest.fixture(scope="module")
def design() -> Study:
    """Fifty subjects with two short sessions; waits end at different deadlines, or never."""
    study = timetable({"subjects": SUBJECTS, "duration": 240.0}, seed=11)
    deadline = np.random.default_rng(2).choice([0.8, 1.5, 3.0, np.nan], len(study.observations))
    trials = study.observations.assign(deadline=deadline)
    trials["duration"] = np.minimum(2.0, 240.0 - trials["time"])
    return study.with_tables({"observations": trials})


def claim(channel: Channel) -> Model:
    priors = {"choice_lapse": Prior.logit_normal(0.1, 1.0)} if channel.prefix == "choice" else {}
    effects = {"peak": "1", f"{channel.prefix}_rest": "1"}
    return Model("level", [channel], effects=effects, priors=priors, typical_spacing=20.0)


def score(layout: Layout, theta: np.ndarray, prefix: str) -> dict[str, tuple[float, float]]:
    """Return the mean slope over sessions and its standard error, by entry of theta."""
    frame = layout.rows[prefix].frame
    session = frame.groupby(["subject", "session"], sort=False).ngroup().to_numpy()
    found = {}
    for place, entry in enumerate(layout.coordinates.entries):
        ends = []
        for step in (-STEP, STEP):
            moved = theta.copy()
            moved[place] += step
            ends.append(np.bincount(session, evaluate(layout, moved)[prefix]))
        slope = (ends[1] - ends[0]) / (2 * STEP)
        if slope.any():  # an entry that is fixed, or not used by this claim, has none
            found[layout.coordinates.key(entry)] = (
                slope.mean(),
                slope.std(ddof=1) / np.sqrt(slope.size),
            )
    return found


@pytest.mark.parametrize("channel", EVERY, ids=repr)
def test_the_truth_is_where_the_likelihood_points(channel, design) -> None:
    model, prefix = claim(channel), channel.prefix
    truth = {f"{prefix}_rest_effect[{k}]": HISTORY[k] for k in channel.extra_terms()}
    truth |= {f"{prefix}_gain_peak": 0.6, "trough_ratio": 0.4, "onset_ratio": 0.1}
    truth |= {"recovery_half_life": 14.0}
    for name in channel.active():
        # what is not stated at the middle of its prior: a new channel needs no line here
        draws = model.parameters[f"{prefix}_{name}"].prior.sample(np.random.default_rng(0), 4001)
        own = f"{prefix}_{name}"
        truth[own] = TRUTH.get(own, float(np.median(draws)))
    study, values = simulate(model, design, seed=1, truth=truth)
    layout = build_layout(model, study)
    theta = layout.coordinates.theta_from_truth(values, np.array(layout.coordinates.loc))
    slopes = score(layout, theta, prefix)
    assert {f"{prefix}_{name}" for name in channel.active()} <= set(slopes)
    assert set(channel.extra_terms()) <= {k.partition("[")[2].rstrip("]") for k in slopes}
    far = {
        k: round(mean / error, 2) for k, (mean, error) in slopes.items() if abs(mean) > 4 * error
    }
    assert not far
    likelihood = evaluate(layout, theta)[prefix].sum()
    for name in channel.active():
        moved = theta.copy()
        moved[layout.coordinates.place(f"{prefix}_{name}")] += 0.7
        assert evaluate(layout, moved)[prefix].sum() < likelihood - 3.0, name

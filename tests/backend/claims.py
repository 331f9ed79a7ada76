"""Claims, data and points at which the ways to compute the density are held against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor
import pytest

from dopafit.backend.graph import density_graph, flat, used_arrays
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout
from dopafit.study import Study

KEYS = ["subject", "session"]
VALUE, SLOPE = 1e-11, 1e-10  # relative; to a gradient's largest entry
ABSURD = 1e50


def study(seed: int = 0, trials: int = 7) -> Study:
    """Events at the very times of reads; a session without events; censored latencies."""
    rng = np.random.default_rng(seed)
    columns = [*KEYS, "start", "end", "drug"]
    rows = [["a", "1", 0.0, 150.0, "none"], ["a", "2", 0, 150, "drug"], ["b", "1", 0, 150, "none"]]
    sessions = pd.DataFrame([*rows, ["b", "2", 0, 150, "drug"]], columns=columns)
    tables = {"events": [], "observations": [], "presses": []}
    for number, session in sessions.iterrows():
        key = {k: session[k] for k in KEYS}
        shown = np.linspace(9, 140, trials)
        acts = np.sort(rng.uniform(1, 149, 6))
        times = [] if number == 2 else [*rng.uniform(0, 140, 4), shown[2], shown[2], acts[3]]
        for t in np.sort(times):
            tables["events"].append(
                key | {"time": t, "kind": "cue", "magnitude": rng.uniform(0.5, 2)}
            )
        for i, t in enumerate(shown):
            answer = {"pursue": float(i % 2), "latency": float(rng.uniform(0.5, 4))}
            answer["latency_censored"] = float(i % 3 == 2)
            tables["observations"].append(key | {"time": t} | answer)
        for t in acts:
            tables["presses"].append(key | {"time": t, "kind": "press"})
    return Study("s", sessions=sessions, **{k: pd.DataFrame(v) for k, v in tables.items()})


def plain(drive: str) -> Model:
    return Model(drive=drive, channels=[Choice(), Latency(), Presses()], typical_spacing=20.0)


def rich(drive: str) -> Model:
    """Lapses, Wald, history, pause, refractory time; kernels that differ by drug and subject."""
    presses = Presses(history=(5.0,), pause_after="cue", refractory=0.01)
    effects = {"trough_ratio": "drug + (1 | subject)", "choice_rest": "drug + (1 | subject)"}
    return Model(
        drive=drive,
        channels=[Choice(), WaldLatency(), presses],
        effects=effects | {"peak": "drug + (1 | subject)", "presses_pause_depth": "drug"},
        priors={"choice_lapse": Prior.logit_normal(0.05, 1.0)},
        typical_spacing=20.0,
    )


def points(layout: Layout) -> list[np.ndarray]:
    """Draws of the prior, drawn together and pulled apart."""
    x, h = layout.coordinates.prior_draws(np.random.default_rng(3), (2,))
    near = [flat(a, b) for a, b in zip(0.6 * x, 0.6 * h, strict=True)]
    far = np.random.default_rng(4).standard_normal((2, near[0].size))
    return [np.zeros(near[0].size), *near, 1.5 * far[0], 4.0 * far[1]]


def graph(layout: Layout, centring: np.ndarray | None = None):
    """The tensor graph, differentiated by PyTensor and run op by op."""
    inputs, outputs = density_graph(layout)
    call = pytensor.function(inputs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    arrays = used_arrays(layout)
    if centring is not None:
        arrays |= layout.coordinates.arrays(centring)
    return lambda q: call(q, layout.coordinates.normals, *arrays.values())


def compare(expected, found, at: list[np.ndarray]) -> int:
    """Assert one density, where it is finite; return at how many points it is."""
    finite = 0
    for q in at:
        with np.errstate(all="ignore"):
            value, slope = expected(q)
        ours, gradient = found(q)
        assert isinstance(ours, float) and gradient.dtype == np.float64
        assert np.isfinite(ours) == np.isfinite(value)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            continue
        assert ours == pytest.approx(float(value), rel=VALUE)
        if abs(value) > ABSURD and not np.isfinite(gradient).all():
            continue  # an overflow on the way, where no chain can be
        finite += 1
        np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=SLOPE * np.abs(slope).max())
    return finite

"""Fixtures every room may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_mirror() -> Path:
    """Return the folder that stands in for the network; say so where there is none."""
    named = os.environ.get("DOPAFIT_DATA_MIRROR")
    place = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (place / "operant-fed3").is_dir():
        pytest.skip(
            f"real data not found at {place}: set DOPAFIT_DATA_MIRROR to a folder that holds "
            "operant-fed3/raw/*.CSV"
        )
    return place


TINY_TRUTH = {
    "trough_ratio": 0.8,
    "trough_ratio_effect[drug[precursor]]": 0.3,
    "recovery_half_life": 12.0,
    "onset_ratio": 0.15,
    "peak_sd[1|subject]": 0.2,
    "choice_rest": -1.5,
    "choice_rest_sd[1|subject]": 0.3,
    "choice_gain_trough": 3.0,
    "latency_rest": -0.7,
    "latency_rest_sd[1|subject]": 0.2,
    "latency_sigma": 0.5,
    "latency_gain_trough": 0.8,
    "presses_rest": -3.0,
    "presses_rest_sd[1|subject]": 0.2,
    "presses_gain_trough": 0.4,
}
"""What the tiny study was made with: a strong effect of the trough."""


@pytest.fixture(scope="session")
def tiny_model():
    """Return a maker of small models: ``tiny_model(drive, **changes)``."""
    from dopafit.channel.choice import Choice
    from dopafit.channel.latency import Latency
    from dopafit.channel.press import Presses
    from dopafit.model.claim import Model

    def make(drive: str, **changes) -> Model:
        options = {
            "channels": [Choice(), Latency(), Presses()],
            "effects": {"trough_ratio": "drug"},
            "typical_spacing": 15.0,
        }
        return Model(drive=drive, **(options | changes))

    return make


@pytest.fixture(scope="session")
def tiny_design():
    """Return who is shown what, and when: 3 subjects, 2 sessions of 120 s each."""
    from dopafit.model.schedule import timetable

    options = {
        "subjects": 3,
        "duration": 120.0,
        "cue_interval": 15.0,
        "trial_interval": 6.0,
        "trial_gap": 1.0,
        "block": 60.0,
    }
    return timetable(options, seed=11)


@pytest.fixture(scope="session")
def tiny_world(tiny_model, tiny_design):
    """Return the tiny study with behaviour that follows the trough."""
    from dopafit.model.play import simulate

    return simulate(tiny_model("trough"), tiny_design, seed=5, truth=TINY_TRUTH)[0]


@pytest.fixture(scope="session")
def tiny_fits(tiny_model, tiny_world):
    """Return short fits with the trough and no drive; their verdict is bad, and should be."""
    from dopafit.fit.fit import fit

    options = {
        "seed": 3,
        "draws": 60,
        "max_draws": 60,
        "tune": 100,
        "chains": 2,
        "progress": "silent",
    }
    return {
        drive: fit(tiny_model(drive), tiny_world, **options) for drive in ("trough", "no_drive")
    }


@pytest.fixture(scope="session")
def tiny_fit(tiny_fits):
    """Return the short fit of the trough drive."""
    return tiny_fits["trough"]


@pytest.fixture(scope="session")
def fit_at():
    """Return a maker of fits that sit at given values: no sampling, so a known answer.

    ``fit_at(model, study, values, draws=..., wiggle=...)``: all group deviations are 0, and
    every coordinate moves by `wiggle` prior standard deviations from draw to draw.
    """
    import numpy as np
    import xarray as xr

    from dopafit.fit.derived import name_draws
    from dopafit.fit.fit import Fit
    from dopafit.fit.judge import judge_draws
    from dopafit.model.layout.coordinates import to_link
    from dopafit.model.layout.layout import build_layout

    def make(model, study, values, *, draws: int = 40, wiggle: float = 0.0) -> Fit:
        layout = build_layout(model, study)
        c = layout.coordinates
        x, h = np.zeros(c.normals), np.full(c.halves, 0.1)
        for i, entry in enumerate(c.entries):
            key = c.key(entry)
            if key in values and c.unit[i]:
                spec = model.parameters[entry.parameter]
                value = to_link(spec, values[key]) if entry.role == "population" else values[key]
                x[c.unit[i] - 1] = (value - c.loc[i]) / c.scale[i]
        for k, (name, part, label) in enumerate(c.half_names):
            h[k] = values.get(name if part == "population" else f"{name}_sd[{label}]", 0.1)
        rng = np.random.default_rng(7)
        xs = x + wiggle * rng.standard_normal((2, draws, x.size))
        hs = h * np.exp(wiggle * rng.standard_normal((2, draws, h.size)))
        coordinates = xr.Dataset(
            {"x": (("chain", "draw", "x_dim"), xs), "h": (("chain", "draw", "h_dim"), hs)}
        )
        stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, draws), dtype=bool))})
        posterior = name_draws(layout, study, xs, hs)
        verdict = judge_draws(posterior, stats)
        return Fit(model, study, posterior, coordinates, stats, verdict, 1, {"interrupted": False})

    return make

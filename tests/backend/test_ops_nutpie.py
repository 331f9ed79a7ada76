"""The Ops in a model that nutpie compiles and samples."""

from __future__ import annotations

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt

from dopafit.backend.ops import Level, columns, linear_rows
from dopafit.trace import Opponent
from dopafit.trace.recurrence import Trains, level


def test_a_model_with_every_op_recovers_the_trough_ratio():
    rng = np.random.default_rng(0)
    trains = Trains(
        np.sort(rng.uniform(0, 200, 30)),
        np.ones(30),
        np.array([0, 30]),
        np.sort(rng.uniform(0, 220, 300)),
        np.array([0, 300]),
        np.array([0]),
    )
    coef, rate = Opponent().exponentials(np, *(np.array([v]) for v in (0.4, 10.0, 0.1)))
    truth = level(trains, np.stack(coef, 1), np.stack(rate, 1))
    observed = truth + 0.5 + 0.1 * rng.standard_normal(300)
    # every row of the design holds the intercept
    none = np.empty(0, dtype=np.int64)
    design = (np.ones((300, 1)), np.array([0]), np.zeros(301, np.int64), none, np.empty(0))

    with pm.Model() as model:
        ratio = pm.LogNormal("trough_ratio", np.log(0.3), 0.7, shape=1)
        rest = pm.Normal("rest", 0, 1, shape=1)
        one = np.ones(1)
        coef, rate = Opponent().exponentials(pt, ratio, 10.0 * one, 0.1 * one)
        events = pm.Data("event_input", trains.event_input)
        levels, _ = Level(progression=True)(
            trains.event_time, events, *trains[2:], columns(*coef), columns(*rate)
        )
        predicted = levels + linear_rows(*design, rest)
        pm.Potential("likelihood", pm.logp(pm.Normal.dist(predicted, 0.1), observed).sum())
    compiled = nutpie.compile_pymc_model(model, backend="numba", gradient_backend="pytensor")
    fit = nutpie.sample(compiled, draws=100, tune=200, chains=1, seed=1, progress_bar=False)
    draws = np.ravel(fit.posterior["trough_ratio"])
    assert abs(draws.mean() - 0.4) < 4 * draws.std() and draws.std() < 0.05
    assert int(fit.sample_stats["diverging"].sum()) == 0

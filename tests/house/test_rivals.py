"""The rivals in PyMC hold the likelihood of the model they are timed on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.problems import Problem, arrays, build
from benchmarks.rivals.pymc_rival import GROUPS, NAMES, make_model
from dopafit.model.layout.coordinates import to_link
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate

SMALL = Problem("small", 3, 6, 8)


@pytest.fixture(scope="module")
def problem():
    """Return a layout of the benchmark's model over a small study, and the same as arrays."""
    model, study = build(SMALL)
    trials = study.observations
    late = trials["latency"] > trials["latency"].quantile(0.75)
    study = study.with_tables({"observations": trials.assign(latency_censored=late.astype(float))})
    return build_layout(model, study), arrays(SMALL, study)


def theta_of(layout, values: dict[str, np.ndarray]) -> np.ndarray:
    """Return theta from the values of a rival's quantities."""
    c = layout.coordinates
    theta = c.theta(np.zeros(c.normals), np.zeros(c.halves))
    for name, value in values.items():
        if name.endswith("_group"):
            start = c.start(name.removesuffix("_group"))
            theta[start : start + value.size] = value
        else:
            theta[c.place(name)] = to_link(c.model.parameters[name], float(value))
    return theta


@pytest.mark.parametrize("kind", ["matrix", "scan"])
def test_rivals_hold_the_same_likelihood(kind, problem) -> None:
    layout, data = problem
    model = make_model(kind, data)
    seen = [model["y"], model["seen"], model["cut"]]
    logp = model.compile_logp(vars=seen, jacobian=False, sum=True, mode="FAST_COMPILE")
    names = [name for name in NAMES if not name.endswith("_sd")]
    quantities = model.compile_fn(
        model.replace_rvs_by_values([model[name] for name in names]), mode="FAST_COMPILE"
    )
    # theirs is a density of the log of a latency, ours of the latency
    jacobian = data["log_latency"][data["censored"] == 0].sum()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        start = model.initial_point()
        point = {name: rng.normal(value, 0.7) for name, value in start.items()}
        values = dict(zip(names, quantities(point), strict=True))
        assert all(np.ptp(values[f"{name}_group"]) > 0 for name in GROUPS)
        expected = sum(rows.sum() for rows in evaluate(layout, theta_of(layout, values)).values())
        # PyMC's normal distribution function takes the root of 2 in single precision
        assert logp(point) == pytest.approx(expected + jacobian, rel=1e-8)

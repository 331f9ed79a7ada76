"""Rivals in plain PyMC, default settings: `matrix` (observation x event) or `scan`.

python pymc_rival.py KIND DATA.npz DRAWS.npz TUNE DRAWS
"""

from __future__ import annotations

import json
import logging
import sys
import time

import numpy as np

GROUPS = ("choice_rest", "latency_rest", "peak")
NAMES = (
    "trough_ratio recovery_half_life onset_ratio choice_rest latency_rest latency_sigma "
    "choice_gain_trough latency_gain_trough choice_rest_sd latency_rest_sd peak_sd "
    "choice_rest_group latency_rest_group peak_group"
).split()


def kernel(pm, pt, prior: float):
    """Sample the kernel by its crossing; S is the slope of the log trough ratio by it."""
    crossing = pm.Flat("crossing", initval=-1.0)
    half_life = pm.LogNormal("recovery_half_life", prior, 0.8)
    nu = pm.LogNormal("onset_ratio", np.log(0.1), 0.8)
    x_c = pm.math.sigmoid(crossing)
    slope = pt.sqrt((1 + x_c) ** 2 + nu * (nu + 2) * (1 - x_c) ** 2)
    x_p = ((nu + 1) * (1 + x_c) + slope) / (2 * (nu + 2))
    x_m = 2 * nu * x_c / ((nu + 1) * (1 + x_c) + slope)
    ratio = nu * pt.log(x_m / x_p) + pt.log((1 - x_m) * (x_c - x_m) / ((1 - x_p) * (x_p - x_c)))
    pm.Potential("prior_of_ratio", pm.logp(pm.Normal.dist(np.log(0.3), 0.7), ratio) + pt.log(slope))
    ratio = pm.Deterministic("trough_ratio", pt.exp(ratio))
    lam = np.log(2) / half_life
    size = pt.exp(-nu * pt.log(x_p)) / ((1 - x_p) * (x_p - x_c))
    return x_c, size, lam, lam / nu, ratio


def by_matrix(pt, d, x_c, size, lam, kap):
    """Sum the response over all earlier events, one matrix for all."""
    lag = d["time"][:, None] - d["event_time"][d["subject"]]
    x = pt.exp(-kap * np.maximum(lag, 0.0))
    response = size * pt.exp(-lam * np.maximum(lag, 0.0)) * (1 - x) * (x - x_c)
    return pt.sum(pt.where(lag > 0, response, 0.0), axis=1)


def by_scan(pt, d, x_c, size, lam, kap):
    """Step through the merged times of all subjects side by side."""
    import pytensor

    steps = int(np.diff(d["first"]).max())
    subjects = int(d["subjects"])
    gap, is_event = np.zeros((steps, subjects)), np.zeros((steps, subjects))
    place = np.empty(len(d["y"]), dtype=np.int64)
    for s in range(subjects):
        own = slice(d["first"][s], d["first"][s + 1])
        count = own.stop - own.start
        gap[:count, s] = d["gap"][own]
        is_event[:count, s] = d["row"][own] < 0
        rows = d["row"][own]
        place[rows[rows >= 0]] = np.flatnonzero(rows >= 0) * subjects + s

    def step(g, add, s1, s2, s3, lam, kap):
        slow, fast = pt.exp(-lam * g), pt.exp(-kap * g)
        s1, s2, s3 = s1 * slow, s2 * slow * fast, s3 * slow * fast * fast
        return s1 + add, s2 + add, s3 + add

    zero = pt.zeros(subjects)
    states = pytensor.scan(
        step,
        sequences=[pt.as_tensor(gap), pt.as_tensor(is_event)],
        outputs_info=[zero, zero, zero],
        non_sequences=[lam, kap],
        strict=True,
        return_updates=False,
    )
    s1, s2, s3 = (state.reshape((-1,))[place] for state in states)
    return size * (-x_c * s1 + (1 + x_c) * s2 - s3)


def make_model(kind, d):
    """Return the PyMC model over the arrays of a study."""
    import pymc as pm
    import pytensor.tensor as pt

    k = 0.1
    subject, censored = d["subject"], d["censored"] > 0
    with pm.Model() as model:
        x_c, size, lam, kap, ratio = kernel(pm, pt, float(d["log_half_life_prior"]))
        level = {"matrix": by_matrix, "scan": by_scan}[kind](pt, d, x_c, size, lam, kap)
        sds = {"choice_rest": 1.0, "latency_rest": 0.5, "peak": 0.5}
        group = {}
        for name in GROUPS:
            sd = pm.HalfNormal(f"{name}_sd", sds[name])
            z = pm.Normal(f"{name}_z", shape=int(d["subjects"]))
            group[name] = pm.Deterministic(f"{name}_group", sd * z)[subject]
        moved = pt.softplus(-pt.exp(group["peak"]) * level / k) - np.log(2)
        moved = moved / (pt.softplus(ratio / k) - np.log(2))
        gain = pm.HalfNormal("choice_gain_trough", 1.5)
        eta = pm.Normal("choice_rest", 0, 1.5) + group["choice_rest"] + gain * moved
        pm.Bernoulli("y", logit_p=eta, observed=d["y"])
        speed = pm.HalfNormal("latency_gain_trough", 0.5)
        mu = -(pm.Normal("latency_rest", 0, 2) + group["latency_rest"] + speed * moved)
        sigma = pm.LogNormal("latency_sigma", np.log(0.5), 0.7)
        pm.Normal("seen", mu[~censored], sigma, observed=d["log_latency"][~censored])
        if censored.any():
            late = pm.Normal.dist(-mu[censored], sigma)
            pm.Potential("cut", pt.sum(pm.logcdf(late, -d["log_latency"][censored])))
    return model


def main() -> None:
    """Build, sample and write the draws."""
    import pymc as pm

    logging.getLogger("pymc").setLevel(logging.ERROR)
    kind, source, target, tune, draws = sys.argv[1], *sys.argv[2:4], *map(int, sys.argv[4:6])
    model = make_model(kind, np.load(source))
    began = time.perf_counter()
    model.compile_logp()(model.initial_point())
    model.compile_dlogp()(model.initial_point())
    compiled = time.perf_counter()
    with model:
        tree = pm.sample(
            tune=tune,
            draws=draws,
            chains=4,
            random_seed=1,
            progressbar=False,
            compute_convergence_checks=False,
        )
    ended = time.perf_counter()
    stats = tree["sample_stats"]
    np.savez(target, **{n: tree["posterior"][n].values for n in NAMES})
    print(
        json.dumps(
            {
                "compile": compiled - began,
                "sample": ended - compiled,
                "gradients": float(stats["n_steps"].sum()),
                "divergences": int(stats["diverging"].sum()),
            }
        )
    )


if __name__ == "__main__":
    main()

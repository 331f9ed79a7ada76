"""The gradient alone: how it grows with the data, and how far it is from one fused loop.

    python -m benchmarks.gradient

Problem E: choices of subjects with 1,000 trials and 1,000 events each, trough drive, one random
intercept a subject; 10^4, 10^5 and 10^6 rows, each in a process of its own. The rival is the same
likelihood and its adjoint written by hand as a single compiled pass over the data, checked to give
the same value and gradient before its time counts. Prints lines ``ratio PROBLEM RIVAL METRIC
VALUE`` (dopafit over rival); with these sizes it writes ``benchmarks/results/gradient.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from typing import Any

import numpy as np

from benchmarks.record import BenchmarkError, answer, record

FUSED = "fused"
"""The rival's name."""
ROWS = (10_000, 100_000, 1_000_000)
TRIALS = 1_000
SECONDS = 5_000.0


def make_layout(rows: int, drive: str = "trough", kernel: str = "opponent") -> Any:
    """Lay the model out over a simulated study with so many choices."""
    import pandas as pd

    from dopafit.channel.choice import Choice
    from dopafit.model.claim import Model
    from dopafit.model.layout.layout import build_layout
    from dopafit.study.study import Study

    rng = np.random.default_rng(1)
    subjects = rows // TRIALS
    who = np.repeat([f"s{i:04d}" for i in range(subjects)], TRIALS)
    time_ = np.sort(rng.uniform(0, SECONDS, (subjects, TRIALS)), axis=1).ravel()
    at = np.sort(rng.uniform(0, SECONDS, (subjects, TRIALS)), axis=1).ravel()
    one = pd.DataFrame({"subject": [f"s{i:04d}" for i in range(subjects)], "session": "1"})
    study = Study(
        "benchmark",
        sessions=one.assign(start=0.0, end=SECONDS),
        events=pd.DataFrame(
            {"subject": who, "session": "1", "time": at, "kind": "cue", "magnitude": 1.0}
        ),
        observations=pd.DataFrame(
            {
                "subject": who,
                "session": "1",
                "time": time_,
                "pursue": rng.integers(0, 2, rows).astype(float),
            }
        ),
        simulated=True,
    )
    model = Model(
        drive=drive,
        kernel=kernel,
        channels=[Choice("pursue")],
        effects={"peak": "1", "choice_rest": "(1 | subject)"},
        typical_spacing=SECONDS / TRIALS,
    )
    return build_layout(model, study)


def fused_loop() -> Any:
    """Return the hand-written pass: log likelihood and its derivatives, no graph, no arrays."""
    from numba import njit

    @njit(fastmath={"contract"}, error_model="numpy")
    def run(event, read, offset_e, offset_r, y, rest, coef, rate, gain, ratio, soft):
        value, by_gain, by_ratio = 0.0, 0.0, 0.0
        by_coef, by_rate, by_rest = np.zeros(3), np.zeros(3), np.zeros(rest.size)
        z = ratio / soft
        scale = soft * (z + np.log1p(np.exp(-z)) - np.log(2.0))
        by_scale = 1.0 / (1.0 + np.exp(-z))
        s, t, now_s, now_t = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
        for k in range(rest.size):
            s[:] = 0.0
            t[:] = 0.0
            e, last = offset_e[k], 0.0
            for i in range(offset_r[k], offset_r[k + 1]):
                while e < offset_e[k + 1] and event[e] < read[i]:
                    gap = event[e] - last
                    for j in range(3):
                        d = np.exp(-rate[j] * gap)
                        t[j] = d * (t[j] - gap * s[j])
                        s[j] = d * s[j] + 1.0
                    last = event[e]
                    e += 1
                gap = read[i] - last
                level = 0.0
                for j in range(3):
                    d = np.exp(-rate[j] * gap)
                    now_t[j] = d * (t[j] - gap * s[j])
                    now_s[j] = d * s[j]
                    level += coef[j] * now_s[j]
                u = -level / soft
                a = np.exp(-abs(u))
                lifted = soft * (max(u, 0.0) + np.log1p(a) - np.log(2.0))
                slope = (1.0 if u >= 0.0 else a) / (1.0 + a)
                moved = lifted / scale
                eta = rest[k] + gain * moved
                b = np.exp(-abs(eta))
                value += y[i] * eta - max(eta, 0.0) - np.log1p(b)
                g = y[i] - (1.0 if eta >= 0.0 else b) / (1.0 + b)
                by_rest[k] += g
                by_gain += g * moved
                by_ratio -= g * gain * moved / scale * by_scale
                by_level = -g * gain * slope / scale
                for j in range(3):
                    by_coef[j] += by_level * now_s[j]
                    by_rate[j] += by_level * coef[j] * now_t[j]
        return value, by_gain, by_ratio, by_coef, by_rate, by_rest

    return run


def best(function: Any, seconds: float = 3.0) -> float:
    """Return the least time [s] of a call, over calls for some seconds."""
    function()
    found, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until or len(found) < 5:
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return min(found)


def one_size(rows: int) -> dict[str, Any]:
    """Measure one size, and hold the rival's numbers against ours."""
    from dopafit.backend.sampler.compiled import compile_layout
    from dopafit.drive.drive import RECTIFIER
    from dopafit.model.numpy_operations import evaluate
    from dopafit.trace.opponent import Opponent

    layout = make_layout(rows)
    began = time.perf_counter()
    density = compile_layout(layout)
    compiling = time.perf_counter() - began
    c, a = layout.coordinates, layout.arrays
    q = np.random.default_rng(2).normal(0, 0.3, density.size)
    theta = c.theta(q[: c.normals], np.exp(q[c.normals :]))
    loop = fused_loop()
    frame = layout.rows["choice"].frame
    order = np.argsort(a["choice.read"], kind="stable")
    y = np.ascontiguousarray(frame["pursue"].to_numpy(float)[order])
    rest = theta[c.place("choice_rest")] + theta[c.start("choice_rest") :][: rows // TRIALS]
    names = ("trough_ratio", "recovery_half_life", "onset_ratio")

    def call(link: np.ndarray, gain: float) -> Any:
        ratio, half, onset = np.exp(link)
        shape = {k: np.array([v]) for k, v in zip(names, (ratio, half, onset), strict=True)}
        coef, rate = Opponent().exponentials(np, **shape)
        coef, rate = np.concatenate(coef), np.concatenate(rate)
        trains = (a["event_time"], a["read_time"], a["event_offset"], a["read_offset"])
        return loop(*trains, y, rest, coef, rate, gain, ratio, RECTIFIER)

    link = np.array([theta[c.place(n)] for n in names])
    gain = theta[c.place("choice_gain_trough")]
    made = call(link, gain)
    ours = evaluate(layout, theta)["choice"].sum()
    _check("log likelihood", made[0], ours)
    slope = density(q)[1]
    _check_gradient(c, q, theta, call, link, gain, slope)
    result = {
        "rows": rows,
        "dopafit_seconds": best(lambda: density(q)),
        "fused_seconds": best(lambda: call(link, gain)),
        "first_call_seconds": compiling,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    return result | {"ratio": result["dopafit_seconds"] / result["fused_seconds"]}


def _check(name: str, one: float, other: float, tolerance: float = 1e-9) -> None:
    if abs(one - other) > tolerance * (1 + abs(other)):
        raise BenchmarkError(f"{name} differs: rival {one!r}, dopafit {other!r}")


def _check_gradient(c, q, theta, call, link, gain, slope) -> None:
    """Hold the rival's derivatives against dopafit's, priors added and links undone."""
    _, by_gain, _, _, by_rate, by_rest = call(link, gain)
    arrays = c.arrays
    unit = arrays["unit"][c.place("choice_rest")] - 1
    scale = arrays["scale"][c.place("choice_rest")]
    _check("slope of choice_rest", by_rest.sum() * scale - q[unit], slope[unit], 1e-7)
    half = c.normals + arrays["spread"][c.place("choice_gain_trough")] - 1
    size = arrays["half_scale"][half - c.normals]
    prior = 1.0 - (gain / size) ** 2
    _check("slope of the gain", by_gain * gain + prior, slope[half], 1e-7)
    unit = arrays["unit"][c.place("recovery_half_life")] - 1
    scale = arrays["scale"][c.place("recovery_half_life")]
    # both rates are proportional to 1 / half-life, and the coefficients do not depend on it
    from dopafit.trace.opponent import Opponent

    ratio, life, onset = (np.array([v]) for v in np.exp(link))
    _, rate = Opponent().exponentials(
        np, trough_ratio=ratio, recovery_half_life=life, onset_ratio=onset
    )
    by_life = -(by_rate * np.concatenate(rate)).sum()
    _check("slope of the half-life", by_life * scale - q[unit], slope[unit], 1e-6)


def main(argv: list[str] | None = None) -> None:
    """Measure every size in a process of its own, print ratios and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--one", type=int, help="measure this size and print JSON")
    options = parser.parse_args(argv)
    if options.one:
        print(json.dumps(one_size(options.one)))
        return
    found = []
    for rows in options.rows:
        command = [sys.executable, "-m", "benchmarks.gradient", "--one", str(rows)]
        found.append(answer(f"{rows} rows", command))
        print(f"ratio E{rows} {FUSED} gradient_seconds {found[-1]['ratio']:.3f}", flush=True)
    slope, ends = None, (found[0], found[-1])
    if len(found) > 1:
        steps = [np.log(one["dopafit_seconds"]) for one in ends]
        slope = (steps[1] - steps[0]) / np.log(ends[1]["rows"] / ends[0]["rows"])
        print(f"log-log slope {ends[0]['rows']} to {ends[1]['rows']} rows: {slope:.3f}")
    for one in found:
        print(
            f"{one['rows']} rows: {1e3 * one['dopafit_seconds']:.2f} ms, fused loop "
            f"{1e3 * one['fused_seconds']:.2f} ms, peak memory {one['peak_memory_gb']:.2f} GB"
        )
    if tuple(options.rows) == ROWS:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        stored = {"command": "python -m benchmarks.gradient", "machine": machine}
        record("gradient", stored | {"slope": slope, "sizes": found})


if __name__ == "__main__":
    main()

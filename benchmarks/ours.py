"""dopafit on a benchmark problem, in a process of its own: DRAWS.npz out.

python -m benchmarks.ours A DRAWS.npz TUNE DRAWS
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

EVALUATIONS = 300


def main() -> None:
    """Compile all that a fit runs, fit and write the draws."""
    import dopafit as dp
    from benchmarks.problems import PROBLEMS, build
    from dopafit.backend.sampler.compiled import RowDensity, compile_layout
    from dopafit.model.layout.layout import build_layout

    name, target, tune, draws = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    model, study = build(PROBLEMS[name])
    began = time.perf_counter()
    layout = build_layout(model, study)
    density = compile_layout(layout)
    c = layout.coordinates
    RowDensity(layout)(c.theta(np.zeros(c.normals), np.ones(c.halves)))
    compiled = time.perf_counter()
    point = 0.1 * np.random.default_rng(1).standard_normal(density.size)
    seconds = []
    for _ in range(EVALUATIONS):
        start = time.perf_counter()
        density(point)
        seconds.append(time.perf_counter() - start)
    before = time.perf_counter()
    fit = dp.fit(model, study, seed=1, tune=tune, draws=draws, max_draws=draws, progress="silent")
    ended = time.perf_counter()
    found = {}
    for key, variable in fit.posterior.data_vars.items():
        values = variable.values
        if str(key).endswith("_sd"):
            values = values[..., 0]
        found[str(key)] = values
    np.savez(target, **found)
    steps = fit.sample_stats["n_steps"].values
    print(
        json.dumps(
            {
                "compile": compiled - began,
                "sample": ended - before,
                "gradient_seconds": float(np.median(seconds)),
                "gradients": float(steps.sum()),
                "divergences": int(fit.sample_stats["diverging"].values.sum()),
                "verdict": fit.verdict.stamp,
            }
        )
    )


if __name__ == "__main__":
    main()

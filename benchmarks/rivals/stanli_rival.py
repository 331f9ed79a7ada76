"""The rival in Stan's language, interpreted; runs in an environment of its own.

python stanli_rival.py DATA.npz DRAWS.npz TUNE DRAWS [fast]

The program is that of the rival in Stan, its intercepts centred (the better of its two forms).
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import stanli
from stan_data import CODE, NAMES, stan_data

EVALUATIONS = 300


def main() -> None:
    """Read the program, time its gradient, sample and write the draws."""
    source, target, tune, draws = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    data = stan_data(source, centred=True)
    began = time.perf_counter()
    model = stanli.Model(stan_file=str(CODE), data=data, fast_math=sys.argv[5:] == ["fast"])
    compiled = time.perf_counter()
    point = 0.1 * np.random.default_rng(1).standard_normal(model.n_unconstrained)
    seconds = []
    for _ in range(EVALUATIONS):
        start = time.perf_counter()
        model.log_prob_grad(point)
        seconds.append(time.perf_counter() - start)
    before = time.perf_counter()
    fit = model.sample(seed=1, chains=4, warmup=tune, samples=draws, refresh=0)
    ended = time.perf_counter()
    np.savez(target, **{name: np.asarray(fit.draws(own)) for name, own in NAMES.items()})
    print(
        json.dumps(
            {
                "compile": compiled - began,
                "sample": ended - before,
                "gradients": float(fit["n_leapfrog__"].sum()),
                "gradient_seconds": float(np.median(seconds)),
                "divergences": int(np.sum(fit["divergent__"])),
            }
        )
    )


if __name__ == "__main__":
    main()

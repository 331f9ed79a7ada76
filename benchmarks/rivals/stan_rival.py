"""The rival in Stan; runs in an environment of its own.

python stan_rival.py DATA.npz DRAWS.npz TUNE DRAWS [centred]
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from stan_data import CODE, NAMES, stan_data


def main() -> None:
    """Build, sample and write the draws."""
    import stan

    source, target, tune, draws = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    data = stan_data(source, centred=sys.argv[5:] == ["centred"])
    began = time.perf_counter()
    model = stan.build(CODE.read_text(), data=data, random_seed=1)
    compiled = time.perf_counter()
    fit = model.sample(num_chains=4, num_samples=draws, num_warmup=tune)
    ended = time.perf_counter()
    found = {}
    for name, own in NAMES.items():
        value = fit[own]  # (dims, draw * chain), chains fastest
        found[name] = np.moveaxis(value.reshape(*value.shape[:-1], draws, 4), (-1, -2), (0, 1))
        if found[name].shape[-1] == 1:
            found[name] = found[name][..., 0]
    steps = fit["n_leapfrog__"].sum()
    np.savez(target, **found)
    print(
        json.dumps(
            {
                "compile": compiled - began,
                "sample": ended - compiled,
                "gradients": float(steps),
                "divergences": int(fit["divergent__"].sum()),
            }
        )
    )


if __name__ == "__main__":
    main()

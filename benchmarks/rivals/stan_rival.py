"""The rival in Stan; runs in an environment of its own.

python stan_rival.py DATA.npz DRAWS.npz TUNE DRAWS [centred]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

NAMES = {
    "trough_ratio": "trough_ratio",
    "recovery_half_life": "recovery_half_life",
    "onset_ratio": "onset_ratio",
    "choice_rest": "choice_rest",
    "latency_rest": "latency_rest",
    "latency_sigma": "latency_sigma",
    "choice_gain_trough": "choice_gain",
    "latency_gain_trough": "latency_gain",
    "choice_rest_sd": "choice_sd",
    "latency_rest_sd": "latency_sd",
    "peak_sd": "peak_sd",
    "choice_rest_group": "choice_group",
    "latency_rest_group": "latency_group",
    "peak_group": "peak_group",
}


def main() -> None:
    """Build, sample and write the draws."""
    import stan

    source, target, tune, draws = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    d = np.load(source)
    data = {
        "centred": int(sys.argv[5:] == ["centred"]),
        "S": int(d["subjects"]),
        "M": len(d["gap"]),
        "N": len(d["y"]),
        "first": (d["first"] + 1).tolist(),
        "gap": d["gap"].tolist(),
        "row": (d["row"] + 1).tolist(),
        "subject": (d["subject"] + 1).tolist(),
        "y": d["y"].astype(int).tolist(),
        "log_latency": d["log_latency"].tolist(),
        "censored": d["censored"].astype(int).tolist(),
        "log_half_life_prior": float(d["log_half_life_prior"]),
    }
    code = (Path(__file__).parent / "model.stan").read_text()
    began = time.perf_counter()
    model = stan.build(code, data=data, random_seed=1)
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

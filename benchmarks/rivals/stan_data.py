"""The Stan program of the rivals: its data, and what its quantities are called here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CODE", "NAMES", "stan_data"]

CODE = Path(__file__).parent / "model.stan"

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


def stan_data(source: str, *, centred: bool) -> dict[str, Any]:
    """Return the program's data from what `benchmarks.problems.arrays` wrote."""
    d = np.load(source)
    return {
        "centred": int(centred),
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

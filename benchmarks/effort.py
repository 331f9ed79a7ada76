"""Problem C: the effort study of Mehrhof and Nord (958 people, 61,312 offers), one fit, timed.

    DOPAFIT_DATA_MIRROR=FOLDER python -m benchmarks.effort

Choice (take the offer or not) and latency, effort and reward as effects on the resting predictor,
clock: trials with their response and clicking times in a row. Events: rewards won, of the size of
the reward. The folder holds ``effort-mehrhof2025/trials.csv``. Offers are a staircase: accepting
makes the next one harder, which the model does not know; this is a benchmark, not an analysis.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results" / "C.json"
FEEDBACK = 2.0
"""Time from the end of an offer to the next [s]; not in the file, so taken as this."""
SLOW = 30.0
"""Responses slower than this [s] are pauses: left out as latencies."""


def make_study(subjects: int | None = None) -> Any:
    """Return the study; the first so many people only, if given."""
    import pandas as pd

    import dopafit as dp

    path = Path(os.environ["DOPAFIT_DATA_MIRROR"]) / "effort-mehrhof2025" / "trials.csv"
    trials = pd.read_csv(path).sort_values(["subject", "trial"], kind="stable")
    if subjects is not None:
        trials = trials[trials["subject"] <= subjects]
    trials["subject"] = trials["subject"].map("s{:04d}".format)
    taken = trials["accept"] == 1
    length = trials["rt_s"] + np.where(taken, trials["window_s"], 0.0) + FEEDBACK
    ends = length.groupby(trials["subject"]).cumsum()
    trials["time"] = ends - length
    won = trials[taken & (trials["success"] == 1)]
    events = pd.DataFrame(
        {
            "subject": won["subject"],
            "session": "1",
            "time": (ends - FEEDBACK)[won.index],
            "kind": "reward",
            "magnitude": won["reward"] / 4.0,
        }
    )
    latency = trials["rt_s"].where((trials["rt_s"] > 0) & (trials["rt_s"] < SLOW))
    observations = pd.DataFrame(
        {
            "subject": trials["subject"],
            "session": "1",
            "time": trials["time"],
            "pursue": trials["accept"].astype(float),
            "latency": latency,
            "effort": (trials["effort"] - 2.5) / 1.5,
            "reward": (trials["reward"] - 2.5) / 1.5,
        }
    )
    last = ends.groupby(trials["subject"]).max()
    sessions = pd.DataFrame(
        {"subject": last.index, "session": "1", "start": 0.0, "end": last.to_numpy() + 1.0}
    )
    return dp.Study(
        "effort", sessions=sessions, events=events, observations=observations, simulated=False
    )


def make_model(drive: str) -> Any:
    """Return the model of the benchmark."""
    import dopafit as dp

    return dp.Model(
        drive=drive,
        channels=[dp.Choice("pursue"), dp.Latency("latency", censored=None)],
        effects={
            "peak": "1",
            "choice_rest": "effort + reward + (1 | subject)",
            "latency_rest": "effort + reward + (1 | subject)",
        },
        typical_spacing=20.0,
    )


def main() -> None:
    """Fit, print and write the result."""
    import dopafit as dp

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--drive", default="trough")
    parser.add_argument("--subjects", type=int, help="the first so many only; nothing is written")
    parser.add_argument("--draws", type=int, default=750)
    parser.add_argument("--tune", type=int, default=150)
    parser.add_argument("--target-accept", type=float, default=0.8)
    options = parser.parse_args()
    study = make_study(options.subjects)
    began = time.perf_counter()
    fit = dp.fit(
        make_model(options.drive),
        study,
        seed=1,
        draws=options.draws,
        tune=options.tune,
        target_accept=options.target_accept,
        progress="log",
    )
    seconds = time.perf_counter() - began
    print(fit)
    print(fit.verdict)
    print(f"C {options.drive}: {seconds:.0f} s, {fit.verdict.stamp}")
    if options.subjects is None:
        RESULTS.parent.mkdir(exist_ok=True)
        stored = {
            "command": f"python -m benchmarks.effort --drive {options.drive} --draws "
            f"{options.draws} --tune {options.tune} --target-accept {options.target_accept}",
            "seconds": seconds,
            "verdict": fit.verdict.to_dict(),
            "stamp": fit.verdict.stamp,
            "gradients_per_draw": float(fit.sample_stats["n_steps"].values.mean()),
        }
        kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        kept[options.drive] = stored
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

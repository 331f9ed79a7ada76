"""Problem C: the effort study of Mehrhof and Nord (958 people, 61,312 offers), one fit, timed.

    DOPAFIT_DATA_MIRROR=FOLDER python -m benchmarks.effort

Choice (take the offer or not) and latency, effort and reward as effects on the resting predictor,
clock: trials with their response and clicking times in a row. Events: rewards won, of the size of
the reward. The folder holds ``effort-mehrhof2025/trials.csv``. Offers are a staircase: accepting
makes the next one harder, which the model does not know; this is a benchmark, not an analysis.
The analysis is ``analyses/effort``, whose study this writes:

    DOPAFIT_DATA_MIRROR=FOLDER python -m benchmarks.effort --study analyses/effort/study
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import BenchmarkError
from benchmarks.timed import parser, timed_fit

FEEDBACK = 2.0
"""Time from the end of an offer to the next [s]; not in the file, so taken as this."""
SLOW = 30.0
"""Responses slower than this [s] are pauses: left out as latencies."""


def make_study(subjects: int | None = None) -> Any:
    """Return the study; the first so many people only, if given."""
    import pandas as pd

    import dopafit as dp

    trials = pd.read_csv(_file("trials.csv")).sort_values(["subject", "trial"], kind="stable")
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


def write(folder: Path) -> None:
    """Write the study of ``analyses/effort``: that of the benchmark, and two scales of people."""
    import pandas as pd

    from dopafit.study.write import write_study

    people = pd.read_csv(_file("subjects.csv"))
    scales = people[["aes_total", "shaps_total"]]
    scales = (scales - scales.mean()) / scales.std()
    subjects = pd.DataFrame(
        {
            "subject": people["subject"].map("s{:04d}".format),
            "apathy": -scales["aes_total"],  # a high score there is little apathy
            "anhedonia": scales["shaps_total"],
        }
    )
    write_study(make_study().with_tables({"subjects": subjects}), folder, overwrite=True)


def _file(name: str) -> Path:
    from dopafit.study.datasets import MIRROR

    path = Path(os.environ.get(MIRROR, "")) / "effort-mehrhof2025" / name
    if MIRROR not in os.environ or not path.is_file():
        raise BenchmarkError(
            f"the effort study's data are needed: set {MIRROR} to the folder that holds "
            f"effort-mehrhof2025/{name}"
        )
    return path


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


def main(argv: list[str] | None = None) -> None:
    """Fit, print and write the result."""
    command = parser(__doc__, draws=750, tune=150, target_accept=0.8)
    command.add_argument("--drive", default="trough")
    command.add_argument("--subjects", type=int, help="the first so many only; nothing is written")
    command.add_argument("--study", type=Path, help="write the study of analyses/effort, no more")
    options = command.parse_args(argv)
    if options.study is not None:
        return write(options.study)
    study, whole = make_study(options.subjects), options.subjects is None
    fit = timed_fit("C", "effort", make_model(options.drive), study, options, keep=whole)
    print(fit)
    print(fit.verdict)


if __name__ == "__main__":
    main()

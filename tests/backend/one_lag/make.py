"""Make the study beside this file: isolated cues, and every choice at one lag after a cue.

Run from the repository: ``python tests/backend/one_lag/make.py [SEED [FOLDER]]``. Twelve simulated
subjects, one session each of sixteen cues 300 s apart, of magnitude 0.5, 1 or 2, and a choice 20 s
after each. Pursuit rises with the magnitude; whether because the level is still up, or already
down, the data say only through its shape.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from dopafit.channel.choice import Choice
from dopafit.model.claim import Model
from dopafit.model.play import simulate
from dopafit.study.study import Study
from dopafit.study.write import write_study

HERE = Path(__file__).parent
SEED = 9  # of 40, one whose two modes are equally high within half a nat
SUBJECTS, CUES, GAP, LAG = 12, 16, 300.0, 20.0
TRUTH = {
    "trough_ratio": 0.5,
    "recovery_half_life": 15.0,
    "onset_ratio": 0.1,
    "peak_sd[1|subject]": 0.15,
    "choice_rest": -1.0,
    "choice_rest_sd[1|subject]": 0.4,
    "choice_gain_peak": 0.0,
    "choice_gain_trough": 2.0,
}


def model() -> Model:
    """Return the claim that is fitted."""
    return Model(drive="encompassing", channels=[Choice()], typical_spacing=60.0)


def make(seed: int) -> Study:
    """Return the study."""
    rng = np.random.default_rng(seed)
    sessions, events, trials = [], [], []
    for i in range(SUBJECTS):
        key = {"subject": f"s{i + 1:02d}", "session": "one"}
        sessions.append(key | {"start": 0.0, "end": CUES * GAP})
        for j, size in enumerate(rng.choice([0.5, 1.0, 2.0], CUES)):
            time = 10.0 + GAP * j
            events.append(key | {"time": time, "kind": "cue", "magnitude": size})
            trials.append(key | {"time": time + LAG})
    tables = (pd.DataFrame(rows) for rows in (sessions, events, trials))
    names = ("sessions", "events", "observations")
    empty = Study("one-lag", **dict(zip(names, tables, strict=True)), simulated=True)
    return simulate(model(), empty, seed=seed, truth=TRUTH)[0]


if __name__ == "__main__":
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else SEED
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "study"
    write_study(make(seed), folder)

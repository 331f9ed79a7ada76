"""Can seven links between level and pursuit be told apart by 1,000 yes-or-no probes?

    python -m benchmarks.links

One subject, ten sessions of 100 episodes: a cue and one probe at a random time after it, or two
cues that overlap. All links share the opponent kernel, with free times under the default priors;
the largest marginal likelihood is chosen, as `dopafit recover --models` does. Nothing varies but
what is stated. Design, effects and seed stand here, and were committed before the first run of
this design. Results go to ``benchmarks/results/links.json``, after each design.

Planned on other seeds (100 to 102; 42 studies, paired): right in 35 at a gain of 1.5, 39 at 2.2, 39
at 2.5, 40 at 3. A first design let the one subject's resting rate and peak vary at random around
what was stated, with a gain of 1.5: right in 39 (isolated) and 43 (paired) of 56.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from benchmarks.record import record, recorded
from dopafit.channel.choice import Choice
from dopafit.core.seed import generator
from dopafit.design.confusion import exact_interval
from dopafit.design.recovery import recover_models
from dopafit.fit.progress import auto_progress
from dopafit.model.claim import Model
from dopafit.study.study import Study

LINKS = ("no_drive", "trough", "peak", "level", "suppression", "slope", "deviation")
EPISODES, SESSIONS = 100, 10
HALF_LIFE, TROUGH_TIME = 10.0, 6.9  # [s]; of the shape below
SHAPE = {"trough_ratio": 0.35, "recovery_half_life": HALF_LIFE, "onset_ratio": 0.1}
GAIN = 3.0  # change of the log odds at the link's own extreme
VARY = ("peak", "choice_rest")  # between nobody: there is one subject
EPISODE = 10 * HALF_LIFE  # [s]: the response to an episode is over before the next
STUDIES, SEED = 8, 13
ASKED = {"isolated": 39, "paired": 53}


def design(paired: bool) -> Study:
    """Return cues and probes of 1,000 episodes; a second cue comes 0.3 to 2 trough times later."""
    rng = generator(SEED, f"links/{paired}")
    sessions, events, probes = [], [], []
    for number in range(SESSIONS):
        key = {"subject": "s1", "session": f"d{number:02d}"}
        sessions.append(key | {"start": 0.0, "end": EPISODES * EPISODE})
        first = np.arange(EPISODES) * EPISODE + 1.0
        second = first + rng.uniform(0.3, 2.0, EPISODES) * TROUGH_TIME
        for time in np.sort(np.concatenate([first, second])) if paired else first:
            events.append(key | {"time": time, "kind": "cue", "magnitude": 1.0})
        for time in first + rng.uniform(0.0, 4 * HALF_LIFE, EPISODES):
            probes.append(key | {"time": time})
    return Study("links", sessions=pd.DataFrame(sessions), events=pd.DataFrame(events),
                 observations=pd.DataFrame(probes), simulated=True)  # fmt: skip


def main() -> None:
    """Run the designs asked for, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--designs", nargs="+", default=list(ASKED), choices=list(ASKED))
    models = {
        name: Model(
            name=name,
            drive=name,
            channels=[Choice()],
            effects=dict.fromkeys(VARY, "1"),
            typical_spacing=15.0,
        )
        for name in LINKS
    }
    gains = {gain for model in models.values() for gain in model.gains}
    truth = SHAPE | {"choice_rest": -0.5} | dict.fromkeys(gains, GAIN)
    for name in parser.parse_args().designs:
        with auto_progress(mode="log") as show:
            found = recover_models(
                models, design(name == "paired"), seed=SEED, studies=STUDIES, truth=truth,
                progress=show,
            )  # fmt: skip
        right = int((found.studies["chosen"] == found.studies["true"]).sum())
        told = {
            "right": right,
            "studies": len(found.studies),
            "interval": exact_interval(right, len(found.studies)),
            "asked": ASKED[name],
            "table": found.table.to_dict(orient="records"),
            "made": found.studies.drop(columns=["family", "family_chosen"]).to_dict("records"),
        }
        stored = recorded("links") | {"command": "python -m benchmarks.links", "truth": truth}
        record("links", stored | {name: told})
        print(f"{name}: {right} of {len(found.studies)}, 95 % {told['interval']}", flush=True)
        print(found, flush=True)


if __name__ == "__main__":
    main()

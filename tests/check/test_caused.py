"""Which events acts bring about: soon after one, or only after one response; and which not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dopafit.check.caused import caused
from dopafit.study.study import Study
from tests.check.test_surrogates import KEYS, made


def test_events_that_follow_acts_are_seen_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    study = made(rng)
    assert caused(study, None) == ()
    presses = study.observations[[*KEYS, "time"]].assign(kind="press")
    earned = presses.groupby(KEYS).nth(slice(None, None, 3))
    pellets = earned.assign(kind="pellet", magnitude=1.0, time=earned["time"] + 0.3)
    both = study.with_tables(
        {"presses": presses, "events": pd.concat([study.events, pellets], ignore_index=True)}
    )
    assert caused(both, None) == ("pellet",)
    assert caused(both, ["cue"]) == ()
    # what comes at the time of an observation is its cue; after a response, its effect
    rows = study.observations
    cues = rows[[*KEYS, "time"]].assign(kind="cue", magnitude=1.0)
    assert caused(study.with_tables({"events": cues}), None) == ()
    timed = rows.assign(latency=rng.uniform(0.2, 2.0, len(rows)))
    late = cues.assign(time=cues["time"].to_numpy() + timed["latency"].to_numpy())
    assert caused(study.with_tables({"events": late, "observations": timed}), None) == ("cue",)


def answered(rng: np.random.Generator, sessions: int = 6, trials: int = 80) -> Study:
    """Return a study with a yes-or-no trial every 20 s, and no events."""
    keys = [{"subject": f"s{i}", "session": "1"} for i in range(sessions)]
    rows = pd.DataFrame(keys).loc[np.repeat(np.arange(sessions), trials)].reset_index(drop=True)
    rows["time"] = np.tile(20.0 * np.arange(trials), sessions) + rng.uniform(0, 2, len(rows))
    rows["pursue"] = (rng.random(len(rows)) < 0.75).astype(float)
    table = pd.DataFrame(keys).assign(start=-1.0, end=20.0 * trials + 5.0)
    nothing = rows[[*KEYS, "time"]].iloc[:0].assign(kind="cue", magnitude=1.0)
    return Study("answered", sessions=table, events=nothing, observations=rows)


def test_what_comes_late_but_after_one_response_only_follows_from_it() -> None:
    rng = np.random.default_rng(3)
    study = answered(rng)
    rows = study.observations
    won = rows[rows["pursue"] == 1][[*KEYS, "time"]]
    won = won.assign(time=won["time"] + rng.uniform(8, 17, len(won)), kind="reward", magnitude=1.0)
    tones = rows[[*KEYS]].assign(time=rng.uniform(1, 1600, len(rows)), kind="tone", magnitude=1.0)
    both = study.with_tables({"events": pd.concat([won, tones], ignore_index=True)})
    assert caused(both, None) == ()  # soon after nothing
    assert caused(both, None, ["pursue"]) == ("reward",)
    assert caused(both, ["tone"], ["pursue"]) == ()
    # the other response, as an omission, is one too
    refused = both.with_tables({"observations": rows.assign(pursue=1 - rows["pursue"])})
    assert caused(refused, None, ["pursue"]) == ("reward",)
    few = study.with_tables({"events": won.iloc[:20]})
    assert caused(few, None, ["pursue"]) == ()  # 20 in a row happen where three of four are yes


def test_events_that_change_behaviour_do_not_follow_from_it() -> None:
    rng = np.random.default_rng(4)
    study = answered(rng)
    rows = study.observations
    cues = rows.iloc[::2][[*KEYS, "time"]]
    cues = cues.assign(time=cues["time"] - 1.0, kind="cue", magnitude=1.0)
    cued = rows.assign(pursue=(np.arange(len(rows)) % 2 == 0).astype(float))
    flipped = rng.random(len(rows)) < 0.05  # all but these pursue when, and only when, cued
    cued["pursue"] = np.where(flipped, 1 - cued["pursue"], cued["pursue"])
    after = study.with_tables({"events": cues, "observations": cued})
    assert caused(after, None, ["pursue"]) == ()
    always = study.with_tables({"events": cues, "observations": rows.assign(pursue=1.0)})
    assert caused(always, None, ["pursue"]) == ()

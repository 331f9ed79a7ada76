"""How many outcomes each lobe holds, where the kernel says so in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.choice import Choice
from dopafit.check.lobes import lobes_seen
from dopafit.check.predict import predictive_check
from dopafit.drive.drive import RECTIFIER
from dopafit.model.claim import Model
from dopafit.study.study import Study
from dopafit.trace.kernel import Kernel

SHAPE = {"trough_ratio": 0.8, "recovery_half_life": 12.0, "onset_ratio": 0.15}


def one_lag(lags: np.ndarray, pursue: np.ndarray) -> Study:
    """One event a session, and one observation a lag after it."""
    keys = pd.DataFrame({"subject": "s1", "session": [f"{i:03d}" for i in range(lags.size)]})
    return Study(
        "lags",
        sessions=keys.assign(start=0.0, end=400.0),
        events=keys.assign(time=1.0, kind="cue", magnitude=1.0),
        observations=keys.assign(time=1.0 + lags, pursue=pursue),
    )


def test_rows_in_each_lobe(fit_at) -> None:
    lags = np.geomspace(0.5, 300.0, 60)
    study = one_lag(lags, np.resize([0.0, 1.0], lags.size))
    model = Model(drive="trough", channels=[Choice()], effects={"peak": "1", "choice_rest": "1"})
    level = Kernel.named("opponent")().response(lags, **SHAPE)
    found = lobes_seen(fit_at(model, study, SHAPE)).set_index("channel").loc["choice"]
    assert found["outcomes"] == 60
    assert found["above"] == pytest.approx((level > RECTIFIER).sum())
    assert found["below"] == pytest.approx((level < -RECTIFIER).sum())
    assert 0 < found["above"] < 60 > found["below"] > 0
    still = Model(drive="no_drive", channels=[Choice()], effects={"choice_rest": "1"})
    assert lobes_seen(fit_at(still, study, {})).empty


@pytest.mark.parametrize("trend", [False, True])
def test_what_changes_over_the_session_is_seen(fit_at, trend) -> None:
    rng = np.random.default_rng(1)
    time = np.tile(np.arange(2.0, 302.0, 3.0), 4)
    keys = pd.DataFrame({"subject": np.repeat(["a", "b", "c", "d"], 100), "session": "1"})
    chance = 0.25 + 0.5 * time / 302.0 if trend else np.full(time.size, 0.5)
    study = Study(
        "drift",
        sessions=keys.drop_duplicates().assign(start=0.0, end=310.0),
        events=keys[::10].assign(time=time[::10] - 1.0, kind="cue", magnitude=1.0),
        observations=keys.assign(time=time, pursue=1.0 * (rng.uniform(size=time.size) < chance)),
    )
    model = Model(drive="no_drive", channels=[Choice()], effects={"choice_rest": "1"})
    check = predictive_check(fit_at(model, study, {"choice_rest": 0.0}), seed=1, draws=99)
    own = check.table[check.table["signature"] == "pursuit over the session"]
    assert own["n"].sum() == 400 and (own["x_label"] == "time in the session [s]").all()
    assert own["x_upper"].max() == 310.0 and set(own["group"]) == {"all"}
    assert (check.time_on_task < 0.02) == trend

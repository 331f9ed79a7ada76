"""Replicates of the right claim cover the data; those of the wrong claim do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.choice import Choice
from dopafit.check.predict import _summary, predictive_check
from dopafit.core.errors import FitError, SpecError
from dopafit.model.claim import Model
from dopafit.model.play import simulate
from dopafit.model.schedule import timetable

PURSUIT = "pursuit by time since event"
NULL = {
    "choice_rest": 0.3,
    "choice_rest_sd[1|subject]": 1e-3,
    "latency_rest": -0.7,
    "latency_rest_sd[1|subject]": 1e-3,
    "latency_sigma": 0.5,
    "presses_rest": -2.0,
    "presses_rest_sd[1|subject]": 1e-3,
}


def test_a_null_fit_covers_null_data(tiny_model, tiny_design, fit_at) -> None:
    """The replicates come from the very values the data came from."""
    data, _ = simulate(tiny_model("no_drive"), tiny_design, seed=8, truth=NULL)
    fit = fit_at(tiny_model("no_drive"), data, NULL)
    check = predictive_check(fit, seed=1, draws=80)
    assert check.draws == 80 and check.failed == 0 and check.hypothesis == "no_drive"
    assert set(check.table["channel"]) == {"choice", "latency", "presses"}
    assert (check.summary["p_value"] > 0.02).all()
    assert check.summary["inside"].mean() > 0.8
    bands = check.table[["lower_90", "lower_50", "replicate_median", "upper_50", "upper_90"]]
    assert (np.diff(bands.dropna().to_numpy(), axis=1) >= 0).all()
    again = predictive_check(fit, seed=1, draws=80)
    assert again.table.equals(check.table)
    assert not predictive_check(fit, seed=2, draws=80).table.equals(check.table)


def test_the_wrong_claim_fails_where_the_right_one_covers(tiny_model, fit_at) -> None:
    """The null drive at its best, the observed share of pursuit, on data that follow a trough."""
    truth = {
        "trough_ratio": 0.8,
        "recovery_half_life": 12.0,
        "onset_ratio": 0.15,
        "choice_rest": -2.0,
        "choice_gain_trough": 4.0,
        "choice_rest_sd[1|subject]": 1e-3,
        "peak_sd[1|subject]": 1e-3,
    }
    options = {"subjects": 3, "duration": 400.0, "trial_interval": 5.0, "trial_gap": 1.0}
    models = {d: tiny_model(d, channels=[Choice()], effects={}) for d in ("trough", "no_drive")}
    data, _ = simulate(models["trough"], timetable(options, seed=2), seed=3, truth=truth)
    share = data.observations["pursue"].mean()
    values = {"trough": truth, "no_drive": {"choice_rest": float(np.log(share / (1 - share)))}}
    checks = {
        d: predictive_check(fit_at(m, data, values[d]), seed=1, draws=80, pair_within=7.0)
        for d, m in models.items()
    }
    for drive, check in checks.items():
        assert f"{drive} fit" in repr(check) and ("p < 0.013" in repr(check)) == (
            drive == "no_drive"
        )
        p_value = check.summary.set_index(["signature", "group"])["p_value"]
        if drive == "no_drive":
            assert p_value[PURSUIT, "all"] < 0.02
        else:
            assert (p_value > 0.02).all()
    # the observed side is the same, whoever replicates it
    seen = [c.table[["signature", "group", "x", "n", "observed"]] for c in checks.values()]
    pd.testing.assert_frame_equal(*seen)


def test_rival_drives_share_their_pairs(tiny_fits) -> None:
    """Else the observed side of one figure would differ between the drives."""
    seen = []
    for drive in ("trough", "no_drive"):
        table = predictive_check(tiny_fits[drive], seed=1, draws=2).table
        table = table[~table["signature"].str.endswith("residuals")]  # of the model, not the data
        seen.append(table[["signature", "group", "x", "n", "observed"]])
    pd.testing.assert_frame_equal(*seen)


def test_prior_replicates(tiny_model, tiny_world, fit_at) -> None:
    fit = fit_at(tiny_model("no_drive", channels=[Choice()]), tiny_world, NULL)
    check = predictive_check(fit, seed=1, draws=60, source="prior")
    assert check.source == "prior" and check.draws + check.failed == 60
    own = predictive_check(fit, seed=1, draws=60).table
    width = [(t["upper_90"] - t["lower_90"]).mean() for t in (check.table, own)]
    assert width[0] > 1.3 * width[1]
    with pytest.raises(SpecError, match="posterior, prior"):
        predictive_check(fit, seed=1, source="posteriori")


def test_draws_that_explode_are_counted(tiny_fits, monkeypatch) -> None:
    from dopafit.model.play import Replicator

    calls, whole = [], Replicator.draw

    def sometimes(self, theta, rng, *, limit):
        calls.append(1)
        if len(calls) % 2:
            raise FitError("the press rate exploded")
        return whole(self, theta, rng, limit=limit)

    monkeypatch.setattr(Replicator, "draw", sometimes)
    check = predictive_check(tiny_fits["no_drive"], seed=1, draws=6)
    assert check.draws == 3 and check.failed == 3 and "3 left out" in repr(check)

    def never(self, theta, rng, *, limit):
        raise FitError("the press rate exploded")

    monkeypatch.setattr(Replicator, "draw", never)
    with pytest.raises(FitError, match="no replicate"):
        predictive_check(tiny_fits["no_drive"], seed=1, draws=4)


def test_a_study_without_events(tiny_world, fit_at) -> None:
    study = tiny_world.with_tables({"events": None})
    fit = fit_at(Model("no_drive", [Choice()]), study, NULL)
    check = predictive_check(fit, seed=1, draws=5)
    assert (check.table["signature"] == "pursuit over the session").all()
    assert {"signature", "p_value"} <= set(check.summary.columns) and "no_drive" in repr(check)


def test_the_p_value_by_hand() -> None:
    table = pd.DataFrame({"signature": "s", "group": "all", "observed": [0.2, np.nan, 5.0]})
    rng = np.random.default_rng(0)
    replicates = np.column_stack([rng.standard_normal((99, 2)), np.full(99, 5.0)])
    row = _summary(table, replicates).iloc[0]
    assert row["bins"] == 2 and row["inside"] == 1
    z = (replicates[:, 0] - replicates[:, 0].mean()) / replicates[:, 0].std(ddof=1)
    mine = (0.2 - replicates[:, 0].mean()) / replicates[:, 0].std(ddof=1)
    assert row["p_value"] == pytest.approx((1 + (z**2 >= mine**2).sum()) / 100)
    # where all replicates agree, another value is far away however wide the other bins are
    table["observed"] = [0.2, np.nan, 4.9]
    row = _summary(table, replicates).iloc[0]
    assert row["p_value"] == 0.01 and row["inside"] == 0.5

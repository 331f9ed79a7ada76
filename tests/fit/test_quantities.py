"""The tables behind the figures, against the draws they are made from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from dopafit.core.errors import FitError, SpecError
from dopafit.core.prior import Prior
from dopafit.fit.quantities import (
    _densest,
    gain_draws,
    kernel_table,
    landmark_table,
    member_table,
    prior_posterior_table,
    trace_table,
)
from dopafit.trace.opponent import Opponent

BANDS = ["lower_90", "lower_50", "median", "upper_50", "upper_90"]
VALUES = {"trough_ratio": 0.6, "recovery_half_life": 10.0, "onset_ratio": 0.2, "choice_rest": 0.4}


def ordered(table) -> bool:
    return bool((np.diff(table[BANDS].to_numpy(), axis=1) >= 0).all())


def test_the_kernel_of_known_values(tiny_model, tiny_world, fit_at) -> None:
    fit = fit_at(tiny_model("trough"), tiny_world, VALUES, draws=5)
    table = kernel_table(fit)
    shape = {k: VALUES[k] for k in ("trough_ratio", "recovery_half_life", "onset_ratio")}
    expected = Opponent().response(table["time"].to_numpy(), **shape)
    for band in BANDS:
        np.testing.assert_allclose(table[band], expected, rtol=1e-9, atol=1e-12)
    assert table["time"].iloc[0] == 0 and table["median"].min() == pytest.approx(-0.6, abs=0.01)
    marks = landmark_table(fit).set_index("landmark")
    assert marks["level"].tolist() == pytest.approx([1.0, 0.0, -0.6])
    for name, row in marks.iterrows():
        level = Opponent().response(row["median"], **shape)
        assert level == pytest.approx(row["level"], abs=1e-9), name


def test_bands_of_a_posterior_and_of_its_wider_prior(tiny_fit) -> None:
    posterior, prior = (kernel_table(tiny_fit, source=s) for s in ("posterior", "prior"))
    assert ordered(posterior) and ordered(prior)
    width = {n: (t["upper_90"] - t["lower_90"]).mean() for n, t in (("a", posterior), ("b", prior))}
    assert width["b"] > 2 * width["a"]
    assert ordered(kernel_table(tiny_fit, draws=7))
    for wrong in (kernel_table, gain_draws):
        with pytest.raises(SpecError, match="posterior, prior"):
            wrong(tiny_fit, source="posteriori")


def test_the_trace_is_the_sum_of_the_responses(tiny_model, tiny_world, fit_at) -> None:
    model = tiny_model("trough", effects={})
    fit = fit_at(model, tiny_world, VALUES, draws=4)
    for subject, session in (("s1", "placebo"), ("s3", "precursor")):
        found = trace_table(fit, subject, session, points=101, draws=3)
        events = tiny_world.events
        events = events[(events["subject"] == subject) & (events["session"] == session)]
        time = found["trace"]["time"].to_numpy()
        assert time[0] == 0 and time[-1] == 120 and len(time) == 101
        shape = {k: VALUES[k] for k in ("trough_ratio", "recovery_half_life", "onset_ratio")}
        expected = sum(
            e.magnitude * Opponent().response(time - e.time, **shape) for e in events.itertuples()
        )
        for band in BANDS:
            np.testing.assert_allclose(found["trace"][band], expected, rtol=1e-8, atol=1e-9)
        assert found["events"]["time"].tolist() == events["time"].tolist()
        acts = found["acts"]["kind"].value_counts()
        obs, press = tiny_world.observations, tiny_world.presses
        mine = obs[(obs["subject"] == subject) & (obs["session"] == session)]
        assert acts.get("pursue", 0) == mine["pursue"].sum()
        assert acts.get("no pursuit", 0) == (mine["pursue"] == 0).sum()
        here = (press["subject"] == subject) & (press["session"] == session)
        assert acts.get("press", 0) == here.sum()
        assert found["acts"]["time"].is_monotonic_increasing
    with pytest.raises(SpecError, match="no session 'third'"):
        trace_table(fit, "s1", "third")


def test_a_trace_has_its_subject_s_deviations(tiny_fit) -> None:
    table = trace_table(tiny_fit, "s2", "placebo", points=80, draws=40)["trace"]
    assert ordered(table)
    assert (table["upper_90"] > table["lower_90"]).mean() > 0.5


def test_gains_of_both_lobes(tiny_fit, tiny_model, tiny_world, fit_at) -> None:
    table = gain_draws(tiny_fit, draws=50)
    assert table["channel"].unique().tolist() == ["choice", "latency", "presses"]
    choice = table[table["channel"] == "choice"]
    assert len(choice) == 50 and (choice["gain_peak"] == 0).all()
    flat = tiny_fit.posterior["choice_gain_trough"].values.ravel()
    assert set(choice["gain_trough"]) <= set(flat)
    level = fit_at(tiny_model("level"), tiny_world, VALUES | {"choice_gain_peak": -1.5}, draws=3)
    mine = gain_draws(level).query("channel == 'choice'")
    assert mine["gain_peak"].to_numpy() == pytest.approx(-1.5)
    assert mine["gain_trough"].to_numpy() == pytest.approx(1.5 * 0.6)
    assert (gain_draws(tiny_fit, source="prior")["source"] == "prior").all()


def test_prior_beside_posterior(tiny_fit) -> None:
    table = prior_posterior_table(tiny_fit, draws=100)
    assert set(table["source"]) == {"prior", "posterior"}
    names = set(table["parameter"])
    assert {"trough_ratio", "trough_ratio_effect[drug[precursor]]", "choice_rest"} <= names
    assert "choice_rest_sd[1|subject]" in names
    assert not {n for n in names if "_group" in n or n.startswith("time_to")}
    ratio = table[(table["parameter"] == "trough_ratio") & (table["source"] == "posterior")]
    assert (ratio["scale"] == "log").all() and len(ratio) == 100
    assert set(ratio["value"]) <= set(tiny_fit.posterior["trough_ratio"].values.ravel())
    assert table.notna().all(axis=None)


def test_members_on_the_natural_scale(tiny_fit) -> None:
    rows, population = member_table(tiny_fit, "choice_rest")
    assert rows["member"].tolist() == ["s1", "s2", "s3"] and ordered(rows)
    group = tiny_fit.posterior["choice_rest_group"].values
    centre = tiny_fit.posterior["choice_rest"].values
    assert rows["median"].tolist() == pytest.approx(
        [np.median(centre + group[..., i]) for i in range(3)]
    )
    assert population["median"].item() == pytest.approx(np.median(centre))
    # peak is fixed at 1 and has a log link: members lie around 1, above 0
    rows, population = member_table(tiny_fit, "peak")
    assert (population[BANDS] == 1).all(axis=None) and (rows["lower_90"] > 0).all()
    group = tiny_fit.posterior["peak_group"].values
    assert rows["median"].iloc[1] == pytest.approx(np.median(np.exp(group[..., 1])))


@pytest.mark.parametrize(
    ("name", "natural", "back"),
    [
        ("trough_ratio", 0.6, lambda v, d: v * np.exp(d)),
        ("choice_lapse", 0.2, lambda v, d: expit(np.log(v / (1 - v)) + d)),
        ("choice_rest", 0.4, lambda v, d: v + d),
    ],
)
def test_members_of_every_link(tiny_model, tiny_world, fit_at, name, natural, back) -> None:
    model = tiny_model(
        "trough",
        effects={name: "(1 | subject)"},
        priors={"choice_lapse": Prior.logit_normal(0.05, 1.0)},
    )
    fit = fit_at(model, tiny_world, VALUES | {"choice_lapse": 0.2}, draws=3)
    place = [f"{name}_group", f"{name}_group_member"]
    deviation = np.array([0.5, 0.0, -1.0])
    fit.posterior[place[0]].values[:] = deviation
    rows, population = member_table(fit, name)
    np.testing.assert_allclose(rows["median"], back(natural, deviation), rtol=1e-9)
    assert population["median"].item() == pytest.approx(natural, rel=1e-9)


def test_what_is_not_there(tiny_fits) -> None:
    null = tiny_fits["no_drive"]
    for ask in (kernel_table, landmark_table, gain_draws):
        with pytest.raises(FitError, match="no trace"):
            ask(null)
    with pytest.raises(FitError, match="no trace"):
        trace_table(null, "s1", "placebo")
    with pytest.raises(SpecError, match="no group effects"):
        member_table(null, "latency_sigma")
    assert set(prior_posterior_table(null)["parameter"]) >= {"choice_rest", "latency_sigma"}


def test_a_long_session_is_shown_where_its_events_are_densest() -> None:
    times = np.concatenate([np.arange(0, 1000, 100.0), 5000 + np.arange(0, 300, 10.0), [9000.0]])
    low, high = _densest(times, 0.0, 10_000.0, 500.0)
    assert high - low == 500 and low <= 5000 and high >= 5290
    assert _densest(times, 0.0, 400.0, 500.0) == (0.0, 400.0)
    assert _densest(np.empty(0), 10.0, 1000.0, 500.0) == (10.0, 510.0)
    low, high = _densest(np.array([9990.0]), 0.0, 10_000.0, 500.0)
    assert (low, high) == (9500.0, 10_000.0)


def test_the_trace_shows_the_presses_the_model_is_about(tiny_fits) -> None:
    fit = tiny_fits["trough"]
    row = fit.layout.sessions.iloc[0]
    found = trace_table(fit, row["subject"], row["session"], draws=5, window=(10.0, 60.0))
    presses = fit.study.presses
    mine = presses[(presses["subject"] == row["subject"]) & (presses["session"] == row["session"])]
    mine = mine[(mine["kind"] == "press") & mine["time"].between(10, 60)]
    acts = found["acts"]
    assert (acts["kind"] == "press").sum() == len(mine) > 0
    assert found["trace"]["time"].iloc[[0, -1]].tolist() == [10.0, 60.0]
    assert found["events"]["time"].between(10, 60).all()

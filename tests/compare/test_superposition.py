"""A response of any shape: its columns by hand, that it finds one, what being cut off shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.claims_studies import claims_of, null_study
from dopafit.channel.choice import Choice
from dopafit.channel.press import Presses
from dopafit.compare.any_shape import (
    BUMPS,
    PAIR_BUMPS,
    RANGE,
    REACH,
    any_shape,
    basis,
    pair_terms,
)
from dopafit.compare.superposition import response, superposition
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.fit.effects import Middle
from dopafit.fit.explore import explore
from dopafit.model.claim import Model
from dopafit.model.layout.layout import resolved
from dopafit.model.play import simulate

DENSE = {"recovery_half_life": 12.0, "trough_ratio": 0.8, "onset_ratio": 0.2}


@pytest.fixture(scope="module")
def base():
    return null_study("none", 7)


@pytest.fixture(scope="module")
def models(base):
    return {name: resolved(model, base) for name, model in claims_of(base).items()}


@pytest.fixture(scope="module")
def troughs(base, models):
    """A study in which a level below baseline moves pursuit, strongly."""
    known = {"choice_rest": -0.3, "choice_rest_sd[1|subject]": 0.5, "choice_gain_trough": 1.6}
    return simulate(models["trough"], base, seed=3, truth=known | DENSE)[0]


def test_columns_are_sums_over_events(base, models) -> None:
    claim, wide = any_shape(models["trough"], base)
    _, paired = pair_terms(claim, wide, models["trough"])
    rows, events = paired.observations, base.events
    reach = REACH * models["trough"].typical_spacing

    # an independent version: event by event, pair by pair
    def bump(lag: float, k: int, count: int) -> float:
        if not 0 < lag < reach:
            return 0.0
        knots = np.log(reach / RANGE) + np.log(RANGE) / count * np.arange(count)
        away = (np.log(lag) - knots[k]) / (np.log(RANGE) / count)
        if k == 0 and away < 0:
            return 1.0
        return 0.5 + 0.5 * np.cos(np.pi * away) if abs(away) < 1 else 0.0

    for place in (3, 40, 777, 1500):
        row = rows.iloc[place]
        own = events[(events["subject"] == row["subject"]) & (events["session"] == row["session"])]
        lags = row["time"] - own["time"].to_numpy()
        for k in range(BUMPS):
            assert row[f"after_{k + 1}"] == pytest.approx(sum(bump(s, k, BUMPS) for s in lags))
    # pairs have standard deviation 1: their ratios are those of the sums
    sums = []
    for place in (100, 777, 1500):
        row = rows.iloc[place]
        own = events[(events["subject"] == row["subject"]) & (events["session"] == row["session"])]
        times = own["time"].to_numpy()
        sums.append(
            sum(
                bump(second - first, 2, PAIR_BUMPS) * bump(row["time"] - second, 1, PAIR_BUMPS)
                for i, first in enumerate(times)
                for second in times[i + 1 :]
            )
        )
    found = rows["pairs_3_2"].to_numpy()[[100, 777, 1500]]
    assert found * sums[0] == pytest.approx(np.array(sums) * found[0])
    assert rows["pairs_3_2"].std(ddof=0) == pytest.approx(1.0)
    time, bumps = basis(models["trough"], 50)
    early = time <= reach / RANGE ** (1 / BUMPS)
    assert bumps[early].sum(axis=1) == pytest.approx(1.0)


def test_it_finds_the_response_that_was_put_in(troughs, models) -> None:
    fits = {n: explore(models[n], troughs, seed=1) for n in ("trough", "peak")}
    found = superposition(fits, seed=1)
    table = found.table.set_index("hypothesis")
    assert table.loc["peak", "behind"] and not table.loc["trough", "behind"]
    assert set(table.index) == {"any_shape", "any_shape_pairs", "trough", "peak"}
    assert any("peak is behind" in line for line in found.told)
    curves = response(found, fits["trough"]).set_index(["source", "time"])
    free, own = curves.loc["any_shape"], curves.loc["trough"]
    inside = (own["median"] >= free["lower_90"]) & (own["median"] <= free["upper_90"])
    # the shape is that of the trough, which put it in, within its band nearly everywhere
    assert inside[(own.index > 2.0) & (own.index < 60.0)].mean() > 0.7
    bottom = free["median"].idxmax()
    assert 8.0 < bottom < 35.0 and free.loc[bottom, "lower_90"] > 0.45


@pytest.fixture(scope="module")
def dosed(base):
    """Every other session has a drug that raises the peak to 2.7 times what it was."""
    sessions = base.sessions.assign(
        drug=np.where(base.sessions["session"] == "2", "active", "placebo")
    )
    study = base.with_tables({"sessions": sessions})
    claims = {
        name: resolved(
            replace(
                claims_of(base)[name],
                effects={**claims_of(base)[name].effects, "peak": "drug"},
                priors={"peak_effect": Prior.normal(0.0, 0.5)},
                reference={"drug": "placebo"},
            ),
            study,
        )
        for name in ("trough", "peak")
    }
    known = {"choice_rest": -0.3, "choice_rest_sd[1|subject]": 0.5, "choice_gain_trough": 1.2}
    known |= {"peak_effect[drug[active]]": 1.0}
    return claims, simulate(claims["trough"], study, seed=3, truth=known | DENSE)[0]


def test_what_the_trace_follows_bends_the_response(dosed) -> None:
    claims, study = dosed
    claim, wide = any_shape(claims["trough"], study)
    rows = wide.observations.merge(study.sessions, on=["subject", "session"])
    active = rows["drug"] == "active"
    for k in range(1, BUMPS + 1):
        expected = np.where(active, rows[f"after_{k}"], 0.0)
        assert rows[f"after_{k}_by_1"].to_numpy() == pytest.approx(expected)
    # its prior is that of the gain times that of the effect
    gain, name = Choice.gain.prior, "choice_rest_effect[after_3_by_1]"
    assert claim.priors[name] == Prior.normal(0.0, 0.5 * gain.scale)
    assert "drug" not in claim.effects["choice_rest"] and "peak" not in claim.effects

    found = superposition({n: explore(m, study, seed=1) for n, m in claims.items()}, seed=1)
    table = found.table.set_index("hypothesis")
    assert not table.loc["trough", "behind"] and table.loc["peak", "behind"]
    # under placebo the response is smaller than where the drug is not told apart
    weights = Middle(found.added, found.added.thinned(400)).effects("choice_rest")
    at = [np.median(weights[f"after_{k}"]) for k in (4, 5, 6)]
    more = [np.median(weights[f"after_{k}_by_1"]) for k in (4, 5, 6)]
    assert max(at) > 0.2 and sum(more) > 0.3
    curves = response(found, explore(claims["trough"], study, seed=1)).set_index(["source", "time"])
    free, own = curves.loc["any_shape"], curves.loc["trough"]
    inside = (own["median"] >= free["lower_90"]) & (own["median"] <= free["upper_90"])
    assert inside[(own.index > 2.0) & (own.index < 60.0)].mean() > 0.7


def test_an_event_of_its_own_size_bends_the_response(base) -> None:
    """What a column of events says goes with each event, not with its session."""
    rng = np.random.default_rng(5)
    events = base.events.assign(loud=rng.normal(size=len(base.events)))
    study = base.with_tables({"events": events})
    model = claims_of(base)["trough"]
    model = resolved(replace(model, effects={**model.effects, "peak": "loud"}), study)
    _, wide = any_shape(model, study)
    # the same sum with magnitudes that are what the column says
    _, other = any_shape(
        claims_of(base)["trough"], base.with_tables({"events": events.assign(magnitude=1.0)})
    )
    assert wide.observations["after_4"].to_numpy() == pytest.approx(other.observations["after_4"])
    row = wide.observations.iloc[700]
    own = events[(events["subject"] == row["subject"]) & (events["session"] == row["session"])]
    lag = row["time"] - own["time"].to_numpy()
    reach = REACH * model.typical_spacing
    knots = np.log(reach / RANGE) + np.log(RANGE) / BUMPS * np.arange(BUMPS)
    away = (np.log(np.where(lag > 0, lag, np.nan)) - knots[3]) / (np.log(RANGE) / BUMPS)
    bump = np.where((np.abs(away) < 1) & (lag < reach), 0.5 + 0.5 * np.cos(np.pi * away), 0.0)
    spread = np.nansum(bump * own["loud"].to_numpy())
    assert row["after_4_by_1"] == pytest.approx(spread)


def test_what_a_gain_follows_is_of_rows_and_not_of_events(base) -> None:
    sessions = base.sessions.assign(drug=np.where(base.sessions["session"] == "2", "a", "b"))
    study = base.with_tables({"sessions": sessions})
    model = claims_of(base)["trough"]
    model = replace(model, effects={**model.effects, "choice_gain_trough": "drug"})
    with pytest.raises(SpecError, match="choice_gain_trough follows columns"):
        any_shape(resolved(model, study), study)


def test_a_column_of_the_study_is_no_part_of_the_response(base, models) -> None:
    """It keeps its mean at rest, whatever its name begins with."""
    rows = base.observations
    rows = rows.assign(after_lunch=2.0 + 0.3 * np.random.default_rng(2).normal(size=len(rows)))
    claims = {}
    for name in ("trough", "peak"):
        effects = dict(models[name].effects)
        effects["choice_rest"] += " + after_lunch"
        claims[name] = replace(models[name], effects=effects)
    known = {"choice_rest": -2.0, "choice_rest_effect[after_lunch]": 1.0}
    known |= {"choice_rest_sd[1|subject]": 0.3, "choice_gain_trough": 1e-3}
    wide = base.with_tables({"observations": rows})
    study = simulate(claims["trough"], wide, seed=3, truth=known | DENSE)[0]
    fits = {name: explore(claim, study, seed=1) for name, claim in claims.items()}
    curves = response(superposition(fits, seed=1), fits["trough"]).set_index(["source", "time"])
    # long after an event it is at rest, where the column has its mean: log odds of 0
    at_rest = curves.loc["any_shape"].iloc[-1]
    assert at_rest["lower_90"] < 0.5 < at_rest["upper_90"]


def test_where_nothing_is_cut_off_nothing_is_tested(base, models) -> None:
    found = superposition({"level": explore(models["level"], base, seed=1)}, seed=1)
    assert found.added is None and found.table.empty
    assert "not tested: no hypothesis cuts" in found.told[0]


def test_acts_have_no_rows(base) -> None:
    with pytest.raises(SpecError, match="acts at times of their own"):
        any_shape(Model(drive="trough", channels=[Presses()]), base)

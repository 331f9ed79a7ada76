"""Curves over session time with half and twice the prior sd: what is computed, what is said."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.backend.evidence.marginal import Marginal
from dopafit.channel.choice import Choice
from dopafit.check import curve_width as module
from dopafit.check.curve_width import curve_width
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.nuisance import with_curve_sd, with_nuisance
from dopafit.model.play import simulate
from dopafit.model.schedule import timetable
from dopafit.report.controlled import any_curve

COLUMN = "smooth(time, 15, 345, 30, 115.3)"


def sds(model: Model) -> dict[str, float]:
    return {key: prior.scale for key, prior in model.priors.items() if key.endswith("]]")}


def test_every_column_of_every_curve_is_scaled_and_nothing_else() -> None:
    own = {f"choice_rest_effect[{COLUMN}[cos2]]": Prior.normal(0, 0.3)}
    model = Model(channels=[Choice()], effects={"choice_rest": f"1 + {COLUMN}"}, priors=own)
    wider = with_curve_sd(model, 2.0)
    usual = model.parameters["choice_rest"].effect.scale
    found = sds(wider)
    assert found.pop(f"choice_rest_effect[{COLUMN}[cos2]]") == 0.6  # its own prior counts
    assert len(found) >= 3 and set(found.values()) == {2 * usual}
    rest = {k: v for k, v in wider.priors.items() if "smooth" not in k}
    assert rest == {k: v for k, v in model.priors.items() if "smooth" not in k}
    assert sds(with_curve_sd(wider, 0.5))[f"choice_rest_effect[{COLUMN}[cos2]]"] == 0.3
    plain = Model(channels=[Choice()])
    assert with_curve_sd(plain, 2.0) is plain


@pytest.fixture
def nuisance(tiny_model, tiny_world):
    return {
        name: with_nuisance(tiny_model(name), tiny_world) for name in ("no_drive", "peak", "trough")
    }


def test_leads_are_those_of_the_other_curves_and_are_kept(
    monkeypatch, nuisance, tiny_world, tmp_path
) -> None:
    seen = []

    def evidence(models, study):
        seen.append(models)
        wide = max(sds(models["no_drive"]).values())
        value = {"no_drive": 0.0, "peak": 2.0, "trough": 10.0 * wide}
        return {name: Marginal(value[name], {}) for name in models}

    monkeypatch.setattr(module, "log_evidence", evidence)
    first = with_curve_sd(nuisance["no_drive"], 1.0)
    sd = max(sds(first).values())
    table = curve_width(nuisance, tiny_world, keep=tmp_path / "kept.json")
    assert table["sd_times"].tolist() == [0.5, 2.0]
    np.testing.assert_allclose(table["events"], [max(2.0, 5 * sd), 20 * sd])
    np.testing.assert_allclose(table["trough"], [5 * sd - 2.0, 20 * sd - 2.0])
    again = curve_width(nuisance, tiny_world, keep=tmp_path / "kept.json")
    assert len(seen) == 2 and again.equals(table)
    curve_width({k: nuisance[k] for k in ("no_drive", "trough")}, tiny_world,
                keep=tmp_path / "kept.json")  # fmt: skip
    assert len(seen) == 4  # of other hypotheses, so computed
    conditions = {one.name: one for one in any_curve(table)}
    trough = conditions["trough_any_curve"]
    assert trough.value == table["trough"].min() and trough.met == (trough.value >= 4.0)


def test_without_a_curve_its_width_cannot_matter(tiny_model, tiny_world) -> None:
    table = curve_width({name: tiny_model(name) for name in ("no_drive", "trough")}, tiny_world)
    assert table.empty
    assert all(one.met and "no hypothesis has" in one.told for one in any_curve(table))


def test_a_missing_side_is_no_condition(monkeypatch, nuisance, tiny_world) -> None:
    monkeypatch.setattr(
        module, "log_evidence", lambda models, study: {name: Marginal(1.0, {}) for name in models}
    )
    table = curve_width({k: nuisance[k] for k in ("no_drive", "trough")}, tiny_world)
    assert [one.name for one in any_curve(table)] == ["events_any_curve", "trough_any_curve"]
    table = curve_width({"trough": nuisance["trough"]}, tiny_world)
    assert any_curve(table) == []


def test_events_that_do_nothing_lead_under_no_curve_and_those_that_do_under_both() -> None:
    design = timetable({"subjects": 6, "duration": 300.0, "trial_interval": 6.0}, seed=3)
    for gain, leads in ((0.0, False), (3.0, True)):
        kernel = {"trough_ratio": 0.8, "recovery_half_life": 12.0, "onset_ratio": 0.15}
        plain = Model(drive="trough", channels=[Choice()])
        truth = {"choice_rest": -1.0, "choice_gain_trough": gain, **kernel}
        study = simulate(plain, design, seed=3, truth=truth)[0]
        models = {
            name: with_nuisance(Model(drive=name, channels=[Choice()], name=name), study)
            for name in ("no_drive", "peak", "trough")
        }
        assert with_curve_sd(models["trough"], 2.0) != models["trough"]  # it has a curve
        table = curve_width(models, study)
        assert (table["events"] > 4.0).all() == leads == (table["events"] > 4.0).any()

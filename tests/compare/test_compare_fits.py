"""Rivals are compared on equal terms or not at all, and the claim behind the data wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.compare.fits import compare, unweighed
from dopafit.compare.score import score
from dopafit.core.errors import SpecError
from dopafit.fit.fit import Fit
from dopafit.fit.verdict import Diagnostic
from tests.compare.test_refit import Lines


@pytest.mark.parametrize("unit", ["trial", "session", "subject"])
def test_the_trough_is_ahead_of_the_null_on_its_own_data(tiny_fits, unit) -> None:
    found = compare(tiny_fits, unit=unit, draws=60)
    assert found.best == "trough" and found.unit == unit
    assert found.pointwise.shape == (found.n_units, 2)
    assert found.table.loc["no_drive", "elpd_diff"] < -4
    np.testing.assert_allclose(found.pointwise.sum(), found.table["elpd"])
    # neither converged: whatever the table says, it says that first
    assert found.stamp.startswith("NOT CONVERGED")
    if unit == "trial":
        assert found.distinguishable["no_drive"] and "ahead of no_drive" in found.reading[0]
    else:
        again = compare(dict(reversed(tiny_fits.items())), unit=unit, draws=60)
        assert again.table["elpd"].to_dict() == pytest.approx(found.table["elpd"].to_dict())
        assert found.n_units == {"session": 6, "subject": 3}[unit]
        assert any("3 subjects" in note for note in found.warnings)


def test_unlike_fits_are_refused_before_any_work(
    tiny_fits, tiny_model, tiny_world, fit_at, monkeypatch
) -> None:
    def costly(self, unit, *, draws=None):
        raise AssertionError("this was not to be computed")

    monkeypatch.setattr(Fit, "log_likelihood", costly)
    null = tiny_fits["no_drive"]
    part = fit_at(tiny_model("no_drive"), tiny_world.select(subjects=["s1", "s2"]), {}, draws=2)
    two = fit_at(tiny_model("no_drive", channels=[Choice(), Latency()]), tiny_world, {}, draws=2)
    blind = Latency(censored=None)
    option = fit_at(tiny_model("no_drive", channels=[Choice(), blind]), tiny_world, {}, draws=2)
    for fits, word in (
        ({"a": null, "b": part}, "different data"),
        ({"a": null, "b": two}, "different channels"),
        ({"a": two, "b": option}, "different channels"),
        ({"a": null}, "1 fit"),
    ):
        with pytest.raises(SpecError, match=word):
            compare(fits, unit="trial")
    with pytest.raises(AssertionError, match="not to be computed"):
        compare({"a": null, "b": tiny_fits["trough"]}, unit="trial")


def test_an_unknown_unit(tiny_fits) -> None:
    with pytest.raises(SpecError, match="cannot be left out"):
        compare(tiny_fits, unit="block")
    with pytest.raises(SpecError, match="after"):
        compare(tiny_fits, unit="session", after=0.5)
    for after in (0, -1, float("nan"), "half"):
        with pytest.raises(SpecError, match="after = "):
            compare(tiny_fits, unit="future", after=after)
    with pytest.raises(SpecError, match="no session has outcomes after 1000"):
        compare(tiny_fits, unit="future", after=1000.0)


def test_the_future_of_a_session_and_what_is_said_of_it(tiny_model, tiny_world, fit_at) -> None:
    fits = {
        drive: fit_at(
            tiny_model(drive, channels=[Choice()], effects={}), tiny_world, {}, draws=50, wiggle=0.1
        )
        for drive in ("trough", "no_drive")
    }
    show = Lines()
    found = compare(fits, unit="future", after=60.0, progress=show)
    half = score(fits["trough"], "future")  # sessions last 120 s
    assert found.n_units == 6 and found.subjects == half.subjects
    assert list(found.pointwise.index) == list(half.labels)
    assert half.labels[0] == "s1/placebo"
    np.testing.assert_array_equal(found.pointwise["trough"], half.result.elpd_i)
    whole = score(fits["trough"], "session")
    assert half.result.elpd > whole.result.elpd  # less is left out, and more is known
    assert "comes after its first 60 s" in str(found)
    assert "predicted from all acts before it" in str(found)
    told = [line.partition(": elpd")[0] for line in show.lines]
    assert told == [f"comparing {name}: leave one future out" for name in fits]


def test_modes_whose_weights_are_not_known_are_told(tiny_fits) -> None:
    fit = tiny_fits["trough"]
    modes = [{"share": 0.8, "values": {}}, {"share": 0.2, "values": {}}]
    apart = Diagnostic("rival modes", 1.0, "none", ok=False)
    others = tuple(item for item in fit.verdict.items if item.name != "rival modes")
    two = replace(
        fit,
        record=fit.record | {"pilot": {"modes": modes}},
        verdict=replace(fit.verdict, items=(*others, apart)),
    )
    told = list(unweighed("trough", two))
    assert len(told) == 1 and "2 modes" in told[0] and "80 % and 20 %" in told[0]
    assert list(unweighed("trough", fit)) == []

"""Rivals are compared on equal terms or not at all, and the claim behind the data wins."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.compare.fits import compare
from dopafit.core.errors import SpecError
from dopafit.fit.fit import Fit


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

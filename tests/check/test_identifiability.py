"""What the data said, told from what the prior and the conventions said."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.check.identifiability import close_pairs, identifiability
from dopafit.core.prior import Prior

NORMALS = ["trough_ratio", "recovery_half_life", "onset_ratio", "choice_rest", "choice_lapse"]


@pytest.mark.parametrize(
    ("wiggle", "status", "contraction"),
    [
        (1.0, "not informed by your data", 0.0),
        (0.8, "weakly informed", 0.36),
        (0.1, "informed", 0.99),
    ],
)
def test_contraction_is_one_minus_the_ratio_of_variances(
    tiny_model, tiny_world, fit_at, wiggle, status, contraction
) -> None:
    """Draws `wiggle` times as wide as the prior, on the scale on which effects add up."""
    model = tiny_model("trough", priors={"choice_lapse": Prior.logit_normal(0.05, 1.0)})
    fit = fit_at(model, tiny_world, {}, draws=3000, wiggle=wiggle)
    table = identifiability(fit).table.set_index("parameter")
    for name in [*NORMALS, "trough_ratio_effect[drug[precursor]]"]:
        assert table.loc[name, "contraction"] == pytest.approx(contraction, abs=0.11), name
        assert table.loc[name, "status"] == status, name
    assert table.loc["trough_ratio", "prior_sd"] == pytest.approx(0.7, rel=0.05)
    assert table.loc["choice_lapse", "prior_sd"] == pytest.approx(1.0, rel=0.05)
    assert table.loc["choice_lapse", "posterior_sd"] == pytest.approx(wiggle, rel=0.05)
    assert table.loc["time_to_peak", "status"] == "derived"


def test_shift_counts_prior_standard_deviations(tiny_model, tiny_world, fit_at) -> None:
    """The median of trough_ratio put at exp(2 * 0.7) times its prior's, on the log scale."""
    model = tiny_model("trough")
    median = float(np.exp(np.median(np.log(fit_at(model, tiny_world, {}).prior["trough_ratio"]))))
    fit = fit_at(model, tiny_world, {"trough_ratio": median * np.exp(1.4)}, draws=500, wiggle=0.01)
    table = identifiability(fit).table.set_index("parameter")
    assert table.loc["trough_ratio", "shift"] == pytest.approx(2.0, abs=0.15)
    assert table.loc["recovery_half_life", "shift"] == pytest.approx(0.0, abs=0.15)
    assert np.isnan(table.loc["peak", "shift"])


def test_the_card_of_a_fit(tiny_fits, tiny_model, tiny_world, fit_at) -> None:
    card = identifiability(tiny_fits["trough"])
    table = card.table.set_index("parameter")
    assert table.index.is_unique and not [n for n in table.index if "_group" in n]
    assert table.loc["latency_sigma", "status"] == "informed"
    assert table.loc["baseline", "status"] == "fixed by convention"
    assert "not identified" in table.loc["baseline", "convention"]
    assert table.loc["peak", "convention"].startswith("1: ")
    assert np.isnan(table.loc["peak", "contraction"])
    assert table.loc["choice_lapse", "status"] == "fixed by convention"
    assert any("correlation of choice_gain_trough" in note for note in card.notes)
    assert any("closer than the median time to trough" in note for note in card.notes)
    assert "baseline: fixed by convention" in repr(card)
    null = identifiability(tiny_fits["no_drive"])
    assert "peak" not in set(null.table["parameter"]) and "baseline" in set(null.table["parameter"])
    assert not any("correlation" in note for note in null.notes)
    held = fit_at(tiny_model("trough", fixed={"onset_ratio": 0.25}), tiny_world, {}, wiggle=0.1)
    row = identifiability(held).table.set_index("parameter").loc["onset_ratio"]
    assert row["status"] == "fixed by convention" and row["convention"].startswith("0.25: ")


def test_close_pairs(tiny_fits) -> None:
    fit = tiny_fits["trough"]
    limit, close, total = float(fit.posterior["time_to_trough"].median()), 0, 0
    for _, group in fit.study.events.groupby(["subject", "session"]):
        gaps = np.diff(np.sort(group["time"].to_numpy()))
        close, total = close + (gaps < limit).sum(), total + gaps.size
    assert close_pairs(fit) == pytest.approx(close / total) and 0 < close < total
    assert close_pairs(tiny_fits["no_drive"]) is None

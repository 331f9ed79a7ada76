"""A channel that the package does not know goes the whole way: simulated, fitted, checked, said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

import dopafit as dp
from dopafit.channel import Channel, Rows, Signature
from dopafit.channel.channel import with_columns
from dopafit.check.predict import predictive_check
from dopafit.check.residuals import LEAST, residuals
from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.play import simulate
from dopafit.report.run import run
from dopafit.report.simulated import simulate_folder

WORDS = "times until quitting, with a Weibull likelihood"


@pytest.fixture(scope="module")
def quitting():
    """Return a Weibull channel with right censoring, defined as a stranger would."""

    @dataclass(frozen=True)
    class Quitting(Channel):
        column: str = "quit"
        limit: float = 6.0

        name = "quitting"
        prefix = "quitting"
        reference = "Weibull (1951), recalled"
        outcome = "time until quitting [s]"
        words = WORDS
        latex = r"y \sim \mathrm{Weibull}(\theta, e^{\eta})"
        notation: ClassVar = {"rest": r"\alpha", "shape": r"\theta"}
        symbols: ClassVar = {"y": "time until quitting [s]"}
        signature = Signature("mean time until quitting", "s", style="bars")
        arguments = frozenset({"eta", "quit", "is_censored"})
        rest = Parameter("log scale at baseline", "ln s", Prior.normal(0, 1), varies="row")
        gain = Parameter("change of it per unit lobe", "ln s", Prior.normal(0, 1), varies="row")
        shape = Parameter("shape", "1", Prior.lognormal(1, 0.5), link="log")

        def details(self) -> tuple[str, ...]:
            return (f"watched for {self.limit:g} s",)

        def rows(self, study, at, scales) -> Rows:
            frame = at(study.observations)
            quit_ = frame[self.column].to_numpy(float)
            data = {"quit": quit_, "is_censored": (quit_ >= self.limit).astype(float)}
            return Rows(frame, data, frame["trial_number"].to_numpy(np.int64))

        def logp(self, xp: Any, eta: Any, quit: Any, is_censored: Any, shape: Any) -> Any:
            z = shape * (xp.log(quit) - eta)
            return (1 - is_censored) * (xp.log(shape / quit) + z) - xp.exp(z)

        def cumulative(self, eta, quit, is_censored, shape):
            below = -np.expm1(-((quit * np.exp(-eta)) ** shape))
            return below, np.where(is_censored > 0, 1.0, below)

        def blank(self, study):
            return with_columns(study, {self.column: 1.0})

        def simulate(self, rng, eta, data, shape):
            time = np.exp(eta) * rng.weibull(np.broadcast_to(shape, eta.shape))
            return {self.column: np.clip(time, 1e-6, self.limit)}

    yield Quitting
    del Channel._members["quitting"]


TRUTH = {"quitting_rest": 0.5, "quitting_shape": 1.7}


def test_predictive_check_and_residuals(quitting, fit_at, tiny_design) -> None:
    """Summed up as it says; the right values pass and another shape does not."""
    model = Model("no_drive", [quitting()], effects={"quitting_rest": "1"})
    study, _ = simulate(model, tiny_design, seed=2, truth=TRUTH)
    seen = study.observations["quit"]
    assert stats.kstest(seen[seen < 6], stats.weibull_min(1.7, scale=np.exp(0.5)).cdf).pvalue > 1e-3
    for shape, fits in ((1.7, True), (6.0, False)):
        fit = fit_at(model, study, TRUTH | {"quitting_shape": shape})
        check = predictive_check(fit, seed=1, draws=30)
        assert set(check.table["channel"]) == {"quitting"}
        first = check.table.iloc[0]
        assert first["y_label"] == "mean time until quitting [s]" and first["style"] == "bars"
        bands = [b for ax in dp.plot.signatures(check).axes for b in ax.collections]
        drawn = [b for b in bands if b.get_gid() == "replicates 90"]
        assert {type(b).__name__ for b in drawn} > {"LineCollection"}  # bars; residuals are a band
        placed = residuals(fit, model.channels[0], fit.thinned(10), np.random.default_rng(0))
        assert (placed.p_value > 0.01) == fits and (fits or placed.p_value == LEAST)


def test_two_of_a_kind_stand_side_by_side(quitting, fit_at, tiny_design) -> None:
    pair = [quitting(), quitting(column="other", called="late")]
    effects = {"quitting_rest": "1", "late_rest": "1"}
    model = Model("no_drive", pair, effects=effects)
    truth = TRUTH | {"late_rest": -1.0, "late_shape": 1.0}
    study, _ = simulate(model, tiny_design, seed=2, truth=truth)
    check = predictive_check(fit_at(model, study, truth), seed=1, draws=20)
    assert set(check.table["channel"]) == {"quitting", "late"}
    observed = check.table[check.table["group"] == "all"].groupby("signature")["observed"].mean()
    assert observed["late: mean time until quitting [s] by time since event"] < 0.6
    assert observed["mean time until quitting [s] by time since event"] > 0.9


def test_a_run_to_its_page(quitting, tmp_path) -> None:
    analysis = {
        "study": "made",
        "drives": [None],
        "typical_spacing": 10,
        "channels": {"quitting": {"limit": 2.0}},
        "effects": {"quitting_rest": "1"},
        "sampling": {"draws": 50, "max_draws": 50, "tune": 60, "chains": 2},
        "check": {"draws": 10},
        "seed": 3,
        "simulate": {
            "drive": "no_drive",
            "design": {"subjects": 2, "duration": 80, "cue_interval": 10, "trial_interval": 4},
            "truth": TRUTH,
        },
    }
    path = tmp_path / "analysis.yaml"
    path.write_text(yaml.safe_dump(analysis), "utf-8")
    simulate_folder(path, tmp_path / "made", seed=1)
    run(path, tmp_path / "out", progress="silent", command="dopafit run analysis.yaml")
    methods = (tmp_path / "out" / "methods.md").read_text("utf-8")
    assert WORDS in methods and "watched for 2 s" in methods and "right-censored" in methods
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "quitting residuals" in page
    checks = pd.read_csv(tmp_path / "out" / "tables" / "predictive_checks.csv")
    assert "mean time until quitting [s] by time since event" in checks.to_string()


def test_a_style_outside_the_set_is_refused() -> None:
    with pytest.raises(TypeError, match="dots"):
        replace(Signature(), style="dots")

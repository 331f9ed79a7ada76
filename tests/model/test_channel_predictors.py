"""A channel with several predictors: the drive moves the one that the channel names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import expit

from dopafit.backend.sampler.compiled import compile_layout
from dopafit.channel import Channel, Rows
from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.core.xp import softplus
from dopafit.model.claim import Model
from dopafit.model.equations import latex
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.model.schedule import timetable
from dopafit.trace.opponent import Opponent


@dataclass(frozen=True)
class Offered(Channel):
    """Take an offer or not: motivation raises what its size is worth, not the bias."""

    name = "offered"
    prefix = "offered"
    reference = "a value's gain, Zhang et al. (2009)"
    notation: ClassVar = {"rest": r"\alpha", "worth": r"\kappa"}
    arguments = frozenset({"eta", "taken", "offer"})
    moves = "worth"
    rest = Parameter("log odds at an offer of 0", "log odds", Prior.normal(0, 1), varies="row")
    gain = Parameter("change of the worth per unit lobe", "1", Prior.normal(0, 1), varies="row")
    worth = Parameter("log odds per unit offer", "1", Prior.normal(0, 1), varies="row")

    def rows(self, study, at, scales) -> Rows:
        frame = at(study.observations)
        data = {"taken": frame["taken"].to_numpy(float), "offer": frame["offer"].to_numpy(float)}
        return Rows(frame, data, frame["trial_number"].to_numpy(np.int64))

    def logp(self, xp: Any, eta: Any, taken: Any, offer: Any, worth: Any) -> Any:
        log_odds = eta + worth * offer
        return taken * log_odds - softplus(xp, log_odds)


@pytest.fixture(scope="module")
def layout():
    study = timetable({"subjects": 3, "duration": 200.0}, seed=3)
    rng = np.random.default_rng(1)
    n = len(study.observations)
    outcomes = study.observations.assign(
        taken=(rng.uniform(size=n) < 0.5).astype(float), offer=rng.uniform(-1, 2, n)
    )
    effects = {"offered_worth": "drug", "offered_rest": "1", "peak": "1"}
    model = Model(drive="trough", channels=[Offered()], effects=effects)
    return build_layout(model, study.with_tables({"observations": outcomes}))


def test_the_drive_moves_the_predictor_that_the_channel_names(layout) -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal(layout.coordinates.normals)
    h = np.exp(rng.standard_normal(layout.coordinates.halves))
    theta = layout.coordinates.theta(x, h)
    m = numpy_operations(layout.arrays)
    program, arrays = layout.program, layout.arrays
    (moved,) = program.motivation(arrays, theta, m)["offered"]
    rows = layout.rows["offered"]
    named = {
        name: float(value)
        for name, (dims, value) in layout.coordinates.named(theta, h).items()
        if not dims
    }
    effect = layout.coordinates.named(theta, h)["offered_worth_effect"][1]
    drug = (rows.frame["drug"] == "precursor").to_numpy(float)
    worth = named["offered_worth"] + drug * float(np.ravel(effect)[0])
    worth = worth + named["offered_gain_trough"] * moved[arrays["offered.read"]]
    chance = expit(named["offered_rest"] + worth * rows.data["offer"])
    expected = np.log(np.where(rows.data["taken"] > 0, chance, 1 - chance))
    assert np.ptp(moved) > 0.1  # control: the motivation moves at all
    np.testing.assert_allclose(evaluate(layout, theta)["offered"], expected, rtol=1e-10)


def test_its_gradient(layout) -> None:
    density = compile_layout(layout)
    q = 0.3 * np.random.default_rng(4).standard_normal(density.size)
    _, gradient = density(q)
    step = 1e-5 * np.eye(q.size)
    numeric = [(density(q + s)[0] - density(q - s)[0]) / 2e-5 for s in step]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6)


def test_its_equations(layout) -> None:
    text = " ".join(latex(layout.program.model))
    assert r"\eta = \alpha" in text and r"\kappa(t) = \kappa + b_- M(t)" in text
    assert Opponent.name in text or "h(t)" in text

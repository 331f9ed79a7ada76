"""Three components written outside the package by its guide work as those inside do."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.sampler.compiled import compile_layout
from dopafit.channel import Channel
from dopafit.check.predict import predictive_check
from dopafit.check.residuals import residuals
from dopafit.core.component import OUTSIDE
from dopafit.core.errors import SpecError
from dopafit.core.outside import load_components
from dopafit.drive import Drive
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.play import simulate
from dopafit.trace import Kernel
from tests.backend.claims import check_gradient, numpy_density, points

TRUTH = {
    "trough_ratio": 0.5,
    "recovery_half_life": 9.0,
    "acceleration": 0.3,
    "peak_sd[1|subject]": 0.1,
    "latency_rest": -1.5,
    "latency_gain_peak": 0.3,
}


@pytest.fixture(scope="module", autouse=True)
def mine():
    """Load the file as `--components` does, and forget it afterwards."""
    families = (Drive, Kernel, Channel)
    before = [family.members() for family in families]
    load_components(Path(__file__).with_name("mine.py"))
    yield
    for family, members in zip(families, before, strict=True):
        family._members.clear()
        family._members.update(members)
    del OUTSIDE["mine.py"]


@pytest.fixture(scope="module")
def erlang():
    return Channel.named("latency_erlang")


@pytest.fixture(scope="module")
def model(erlang):
    claim = {"kernel": "cubic", "channels": [erlang(stages=3)], "typical_spacing": 15.0}
    return Model("acceleration", effects={"latency_rest": "drug + (1 | subject)"}, **claim)


@pytest.fixture(scope="module")
def world(model, tiny_design):
    return simulate(model, tiny_design, seed=2, truth=TRUTH)[0]


@pytest.mark.parametrize("stages", [1, 2, 5])
def test_the_channel_is_scipys_gamma(erlang, stages) -> None:
    time, eta = np.array([0.02, 0.7, 2.0, 9.0]), np.array([0.3, -1.0, 0.5, -0.2])
    gamma = stats.gamma(stages, scale=np.exp(-eta) / stages)
    channel = erlang(stages=stages)
    for censored, expected in ((0.0, gamma.logpdf(time)), (1.0, gamma.logsf(time))):
        found = channel.logp(np, eta, time, np.full(4, censored))
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    below, _ = channel.cumulative(eta, time, np.zeros(4))
    np.testing.assert_allclose(below, gamma.cdf(time), rtol=1e-12)


@pytest.mark.parametrize("ratio", [0.01, 0.3, 1.0, 4.0])
def test_the_kernel_has_the_closed_form_of_a_cubic(ratio) -> None:
    """Its crossing, from the roots of a cubic by the arc cosine; its extremes, on a fine grid."""
    third = math.acos(-(1 - ratio) / (1 + ratio)) / 3
    low, middle, high = sorted(math.cos(third - 2 * math.pi * k / 3) for k in range(3))
    kernel, shape = Kernel.named("cubic")(), {"trough_ratio": ratio, "recovery_half_life": 7.0}
    marks = kernel.landmarks(**shape)
    crossing = -math.log1p(-(middle - low) / (high - low)) * 7.0 / math.log(2)
    assert float(marks["time_to_crossing"]) == pytest.approx(crossing, rel=1e-9)
    t = np.linspace(0, 150, 300001)
    h = kernel.response(t, **shape)
    assert h.max() == pytest.approx(1) and h.min() == pytest.approx(-ratio)
    assert t[h.argmax()] == pytest.approx(float(marks["time_to_peak"]), abs=1e-3)
    assert t[h.argmin()] == pytest.approx(float(marks["time_to_trough"]), abs=1e-3)


def test_the_drive_is_one_at_the_peak_and_lies_in_no_plane_of_gains() -> None:
    """It moves pursuit at the trough too: a point on the axis of the peak would be false."""
    drive = Drive.named("acceleration")()
    (moved,) = drive.motivation(np, {"level": np.array([0.0, 1.0, -0.5])}, {}, 2.0)
    assert moved[:2].tolist() == [0.0, 1.0] and moved[2] < -0.05
    assert drive.implied_gains({"gain_peak": 1.0}, {"trough_ratio": 0.5}) is None


def test_the_density_is_compiled_with_its_gradient(model, world) -> None:
    layout = build_layout(model, world)
    assert world.observations["latency_censored"].sum() > 0
    density = compile_layout(layout)
    for q in points(layout)[:3]:
        value, gradient = density(q)
        assert value == pytest.approx(numpy_density(layout, q), rel=1e-10)
        check_gradient(lambda at: density(at)[0], q, gradient)


def test_what_was_put_in_is_predicted_and_another_rest_is_not(model, world, fit_at) -> None:
    for rest, fits in ((-1.5, True), (0.0, False)):
        fit = fit_at(model, world, TRUTH | {"latency_rest": rest})
        placed = residuals(fit, model.channels[0], fit.thinned(10), np.random.default_rng(0))
        assert (placed.p_value > 0.01) == fits
    assert set(predictive_check(fit, seed=1, draws=5).table["channel"]) == {"latency"}


def test_options_are_refused_in_three_parts(erlang) -> None:
    for stages in ("three", 2.5, 0):
        with pytest.raises(SpecError, match=r"stages(.|\n)*allowed(.|\n)*to do"):
            erlang(stages=stages)


WRONG = """
from dopafit.channel.choice import Choice
from dopafit.drive.level import Level
from dopafit.trace.dynamics import Dynamics
from dopafit.trace.monophasic import Monophasic


class Waves(Dynamics):
    states = 1

    def advance(self, xp, state, gap, parameters):
        return state[7]

    def kick(self, xp, state, size, parameters):
        return (state[0] + size,)

    def read(self, xp, state, gap, parameters):
        return {"level": state[0]}


class Odd(Level):
    name = "odd"

    def motivation(self, xp, signals, unit):
        return (xp.exp(signals["lvl"]),)


class Never(Choice):
    name = "never"

    def logp(self, xp, eta, pursued, lapse=0.0):
        return 1 / 0


class Wavy(Monophasic):
    name = "wavy"
    dynamics = Waves()
"""


def in_numpy(layout):
    normals, halves = layout.coordinates.normals, layout.coordinates.halves
    return numpy_density(layout, np.zeros(normals + halves))


@pytest.mark.parametrize("evaluate", [in_numpy, compile_layout])
@pytest.mark.parametrize(
    ("claim", "wrong"),
    [
        ({"drive": "odd"}, "drive 'odd' of {path}, line 25: KeyError: 'lvl'"),
        ({"drive": "level", "channel": "never"}, "channel 'never' of {path}, line 32: ZeroDivis"),
        ({"drive": "level", "kernel": "wavy"}, "kernel 'wavy' of {path}, line 12: IndexError"),
    ],
)
def test_an_exception_in_a_component_names_it(tmp_path, tiny_design, claim, wrong, evaluate):
    path = tmp_path / "wrong.py"
    path.write_text(WRONG)
    load_components(path)
    channel = Channel.named(claim.get("channel", "choice"))("pursue")
    own = {key: claim[key] for key in claim if key != "channel"}
    layout = build_layout(Model(**own, channels=[channel]), channel.blank(tiny_design))
    with pytest.raises(SpecError) as caught:
        evaluate(layout)
    assert wrong.format(path=path) in caught.value.wrong
    assert caught.value.allowed and caught.value.todo and caught.value.__cause__
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    for family, name in ((Drive, "odd"), (Channel, "never"), (Kernel, "wavy")):
        del family._members[name]
    del OUTSIDE["wrong.py"]

"""Events that last: every way to the level against quadrature of the single response."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import jax
import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize

from dopafit.backend.sampler.compiled import Density
from dopafit.channel import press
from dopafit.channel.choice import Choice
from dopafit.channel.counts import Counts
from dopafit.channel.press import Presses
from dopafit.check.identifiability import close_pairs
from dopafit.core.errors import SpecError, StudyError
from dopafit.fit.derived import event_rate
from dopafit.fit.quadrature import integral_error
from dopafit.model.claim import Model
from dopafit.model.equations import conventions
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.model.play import simulate
from dopafit.model.stepping import Event, Offer, play
from dopafit.study import Study
from dopafit.trace.kernel import Kernel
from dopafit.trace.lasting import _weights
from tests.backend.claims import check_gradient, compare, oracle, points

KEY = {"subject": "a", "session": "1"}
TIMES = np.array([5.0, 19.9, 20.0, 20.5, 30.0, 41.0, 60.0, 61.0, 75.0, 100.0, 118.0, 119.999])
# an impulse within an infusion, two infusions that overlap, a ramp, one that outlasts the session
EVENTS = [
    (20.0, 1.0, 40.0, "constant"),
    (30.0, 0.7, 0.0, None),
    (40.0, -1.5, 35.0, "constant"),
    (50.0, 2.0, 30.0, "ramp"),
    (75.0, 0.5, np.nan, "ramp"),
    (100.0, 1.0, 50.0, "ramp"),
]


def study(events=EVENTS, times=TIMES, **columns) -> Study:
    table = pd.DataFrame(events, columns=["time", "magnitude", "duration", "shape"])
    shown = pd.DataFrame({"time": times, "pursue": np.arange(len(times)) % 2.0})
    return Study(
        "infusions",
        sessions=pd.DataFrame([KEY | {"start": 0.0, "end": 120.0}]),
        events=table.assign(**KEY, **columns),
        observations=shown.assign(**KEY),
    )


def claim(kernel: str = "opponent", drive: str = "level", **options) -> Model:
    defaults = {"channels": [Choice()], "effects": {}, "unit_magnitude": 1.0}
    return Model(drive, kernel=kernel, **(defaults | options))


def truth(layout) -> tuple[np.ndarray, dict[str, float]]:
    """The centre of the prior, as theta and as the kernel's parameters."""
    theta = np.array(layout.coordinates.loc, dtype=float)
    parameters = layout.program.model.parameters
    kernel = Kernel.named(layout.program.model.kernel)
    centre = {
        n: parameters[n].prior.location if parameters[n].prior else parameters[n].fixed
        for n in kernel.parameters
    }
    return theta, centre


def by_quadrature(response, time: float, events) -> float:
    """The response to every event, weighted by its input up to a time."""
    total = 0.0
    for start, size, duration, shape in events:
        if not duration > 0:
            total += size * float(response(time - start))
        elif time > start:

            def moved(u, start=start, ramp=shape == "ramp", length=duration):
                rate = 2 * (u - start) / length**2 if ramp else 1 / length
                return rate * float(response(time - u))

            end = min(time, start + duration)
            total += size * quad(moved, start, end, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
    return total


def signals(layout, theta) -> dict[str, np.ndarray]:
    return layout.program.signals(layout.arrays, theta, numpy_operations(layout.arrays))


@pytest.mark.parametrize("kernel", ["opponent", "opponent3", "monophasic", "jump", "two_scales"])
def test_the_level_is_the_integral_of_the_response(kernel) -> None:
    layout = build_layout(claim(kernel), study())
    theta, shape = truth(layout)
    found, member = signals(layout, theta), Kernel.named(kernel)()

    def level(events) -> np.ndarray:
        return np.array(
            [by_quadrature(lambda t: member.response(t, **shape), t, events) for t in TIMES]
        )

    np.testing.assert_allclose(found["level"], level(EVENTS), rtol=1e-10, atol=1e-12)
    # control: at once is another level
    at_once = level([(*event[:2], 0.0, None) for event in EVENTS])
    assert np.abs(found["level"] - at_once).max() > 0.05
    # the slope is the level's derivative from the left
    step = 1e-4
    near = signals(build_layout(claim(kernel), study(times=TIMES - step)), theta)["level"]
    change = (found["level"] - near) / step
    np.testing.assert_allclose(found["slope"], change, rtol=1e-3, atol=1e-4)


def test_weights_and_their_slopes_at_any_size() -> None:
    with mpmath.workdps(40), jax.enable_x64(True):
        for x in [0.0, 1e-300, 1e-9, 1e-3, 0.2, 0.25 - 1e-12, 0.25, 0.3, 2.0, 30.0, 700.0, 1e4]:
            near = mpmath.mpf(x) if x > 1e-30 else mpmath.mpf("1e-30")
            first = lambda z: -mpmath.expm1(-z) / z  # noqa: E731
            second = lambda z: (mpmath.expm1(-z) + z) / z**2  # noqa: E731
            for k, exact in ((1, first), (2, second)):
                series = [(-near) ** n / mpmath.factorial(n + k) for n in range(12)]
                value = mpmath.fsum(series) if near < 1e-2 else exact(near)
                terms = [-n * (-near) ** (n - 1) / mpmath.factorial(n + k) for n in range(1, 12)]
                slope = mpmath.fsum(terms) if near < 1e-2 else mpmath.diff(exact, near)
                ours = jax.value_and_grad(lambda z, k=k: _weights(jax.numpy, z)[k])(x)
                np.testing.assert_allclose(float(ours[0]), float(value), rtol=1e-14)
                np.testing.assert_allclose(float(ours[1]), float(slope), rtol=1e-11)
                assert float(_weights(np, np.float64(x))[k]) == pytest.approx(
                    float(value), rel=1e-14
                )


def two_sessions() -> Study:
    """The events twice: in another session they come earlier, with other kinds."""
    one = study(kind=["pump", "cue", "pump", "pump", "cue", "pump"])
    again = {
        role: table.assign(session="2", time=0.8 * table["time"] + 3.0)
        for role, table in (("events", one.events), ("observations", one.observations))
    }
    whole = {r: pd.concat([getattr(one, r), table]) for r, table in again.items()}
    sessions = pd.concat([one.sessions, one.sessions.assign(session="2")])
    return Study("two", sessions=sessions.assign(drug=["none", "drug"]), **whole)


# two rates, which differ between sessions, both signals, sizes that differ between events
RICH = claim("two_scales", "slope", effects={"peak": "kind", "decay_half_life": "drug"})


def test_one_density_by_three_ways() -> None:
    layout = build_layout(RICH, two_sessions())
    density = Density(layout)
    near = points(layout)[:3]
    assert compare(oracle(layout), density, near) == 3
    check_gradient(lambda q: density(q)[0], near[1], density(near[1])[1])


def test_durations_of_0_are_none() -> None:
    """The same layout and code, to the last bit; the study's hash names its columns too."""
    without = two_sessions()
    events = without.events.drop(columns=["duration", "shape"])
    without = without.with_tables({"events": events})
    zeros = without.with_tables({"events": events.assign(duration=0.0, shape="ramp")})
    assert zeros.hash != without.hash
    one, other = build_layout(RICH, without), build_layout(RICH, zeros)
    layouts = (one, other, build_layout(RICH, two_sessions()))
    first, second, lasts = ((each.program, *each.arrays) for each in layouts)
    assert first == second != lasts and "event_input" not in other.arrays
    assert one.arrays.keys() == other.arrays.keys()
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, other.arrays[name])


@pytest.mark.parametrize("shape", ["constant", "ramp"])
def test_a_short_input_is_an_impulse(shape) -> None:
    def level(duration) -> np.ndarray:
        layout = build_layout(
            claim(), study([(20.0, 1.3, duration, shape), (60.0, -1.0, 0.0, None)])
        )
        return signals(layout, truth(layout)[0])["level"]

    late = TIMES > 20.001
    for duration in (1e-3, 1e-5, 1e-8):
        gone = np.abs(level(duration) - level(0.0))[late].max()
        assert gone < 2 * duration
    np.testing.assert_array_equal(level(1e-10), level(0.0))


def test_nothing_of_an_input_is_left_and_a_dose_may_be_negative() -> None:
    rng = np.random.default_rng(5)
    events = [
        (t, rng.uniform(-2, 2), rng.uniform(0.1, 20), ["ramp", "constant"][int(t) % 2])
        for t in np.sort(rng.uniform(0, 60, 30))
    ]
    layout = build_layout(claim("monophasic"), study(events))
    theta, shape = truth(layout)
    assert (layout.arrays["event_input"][-1, 3], layout.arrays["event_time"].size) == (0.0, 60)
    found = signals(layout, theta)["level"]
    response = Kernel.named("monophasic")().response
    expected = [by_quadrature(lambda t: response(t, **shape), t, events) for t in TIMES]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    mirrored = build_layout(claim("monophasic"), study([(t, -m, d, s) for t, m, d, s in events]))
    np.testing.assert_array_equal(signals(mirrored, theta)["level"], -found)


@dataclass
class Fixed:
    """Everything is there from the start."""

    things: list
    duration: float = 120.0

    def begin(self):
        return self.things

    def after(self, offer, act):
        return ()


VALUES = {"trough_ratio": 0.4, "recovery_half_life": 12.0, "onset_ratio": 0.2}
VALUES |= {"choice_rest": -0.3, "choice_gain_peak": 0.8}


def test_an_open_loop_is_the_likelihoods(monkeypatch) -> None:
    seen, simulated = [], Choice.simulate

    def spy(self, rng, eta, data, **own):
        seen.extend(eta)
        return simulated(self, rng, eta, data, **own)

    monkeypatch.setattr(Choice, "simulate", spy)
    events = [
        Event(t, m, "event", max(d, 0.0) if d == d else 0.0, s or "constant")
        for t, m, d, s in EVENTS
    ]
    offers = [Offer(t, "choice") for t in TIMES]
    played = play(Fixed([*offers, *events]), claim(), VALUES, np.random.default_rng(1))
    assert len(played.events) == 6 and played.events["duration"].tolist()[0] == 40.0
    layout = build_layout(claim(), played)
    theta = layout.coordinates.theta_from_truth(VALUES, np.array(layout.coordinates.loc))
    m = numpy_operations(layout.arrays)
    moved = layout.program.motivation(layout.arrays, theta, m)
    eta = layout.program.predictor("choice", moved, layout.arrays, theta, m)
    np.testing.assert_allclose(seen, eta, rtol=1e-11, atol=1e-12)
    plain = play(Fixed([*offers, Event(3.0)]), claim(), VALUES, np.random.default_rng(1))
    assert not {"duration", "shape"} & set(plain.events)
    pool = VALUES | {"decay_half_life": 5.0, "release_share": 0.3, "refill_half_life": 9.0}
    pool = {
        k: v
        for k, v in pool.items()
        if k not in ("trough_ratio", "recovery_half_life", "onset_ratio")
    }
    with pytest.raises(SpecError, match=r"pool cannot carry events that last"):
        play(Fixed(events), claim("pool"), pool, np.random.default_rng(1))


@pytest.mark.parametrize("kernel", ["pool", "free"])
def test_kernels_that_cannot_refuse(kernel) -> None:
    with pytest.raises(SpecError, match=f"{kernel} cannot carry events that last") as error:
        build_layout(claim(kernel), study())
    assert "opponent, opponent3, two_scales" in str(error.value) and "duration" in str(error.value)
    build_layout(claim(kernel), study([(20.0, 1.0, 0.0, "ramp")]))
    build_layout(claim(kernel, "no_drive"), study())
    build_layout(claim(kernel, events=("cue",)), study(kind=["pump", "cue"] + 4 * ["pump"]))


@pytest.mark.parametrize(
    ("duration", "shape", "told"),
    [
        (-1.0, "ramp", "duration = -1"),
        (np.inf, None, "duration = inf"),
        (2.0, "rmap", "shape = rmap"),
    ],
)
def test_bad_inputs(duration, shape, told) -> None:
    with pytest.raises(StudyError, match=told) as error:
        build_layout(claim(), study([(20.0, 1.0, duration, shape)]))
    assert "at 20 s" in str(error.value)
    with pytest.raises(SpecError, match=told.split(" = ")[0]):
        Event(20.0, 1.0, "event", duration, shape or "constant")


def test_grids_begin_anew_where_an_input_ends(monkeypatch) -> None:
    base = study([(10.0, 6.0, 50.0, "ramp"), (70.0, -6.0, 12.3, "constant")])
    acts = pd.DataFrame({"time": [5.0, 40.0, 61.0, 80.0], "kind": "press"}).assign(**KEY)
    seen = pd.DataFrame({"time": [0.0, 45.0], "count": 3.0, "duration": [45.0, 60.0]})
    base = base.with_tables({"presses": acts, "observations": seen.assign(**KEY)})
    model = claim("jump", channels=[Presses(), Counts()], typical_spacing=5.0)

    def error() -> float:
        layouts = [build_layout(model, base, refine=refine) for refine in (1, 3)]
        coordinates = layouts[0].coordinates
        truth = {"presses_gain_peak": 1.0, "counts_gain_peak": 1.0}
        theta = coordinates.theta_from_truth(truth, np.array(coordinates.loc, dtype=float))
        found = integral_error(*layouts, theta[None], ["presses", "counts"])
        return max(abs(value[0]) for value in found.values())

    assert error() < 1e-3
    monkeypatch.setattr(press, "input_times", lambda events: events)
    assert error() > 1e-3


def test_an_event_that_lasts_is_one_event() -> None:
    model = claim(unit_magnitude=None, effects={"peak": "center(magnitude)"})
    brief = study([(*event[:2], 0.0, None) for event in EVENTS])
    assert event_rate(model, study()) == event_rate(model, brief)
    one, other = build_layout(model, study()), build_layout(model, brief)
    assert one.program.model == other.program.model
    sizes = one.designs["peak"].fixed[:, 0]
    assert sizes.size == 10 and set(sizes) == set(other.designs["peak"].fixed[:, 0])
    told = [line for line in conventions(model, study()) if "last" in line]
    assert told == [
        "4 of 6 events last (median 37.5 s): the magnitude is the integral of their input, which "
        "is constant meanwhile (2) or rises linearly from 0 (2)."
    ]
    assert not [line for line in conventions(model, brief) if "last" in line]


def test_pairs_are_close_from_the_end_of_an_input() -> None:
    def share(duration: float) -> float:
        data = study([(10.0, 1.0, duration, None), (100.0, 1.0, 0.0, None)])
        posterior = {"time_to_trough": pd.Series([8.0, 9.0])}
        return close_pairs(SimpleNamespace(model=claim(), study=data, posterior=posterior))

    assert (share(0.0), share(80.0), share(85.0), share(100.0)) == (0.0, 0.0, 1.0, 1.0)


def test_what_infusions_did_is_recovered() -> None:
    rng = np.random.default_rng(2)
    starts = np.sort(rng.uniform(0, 110, 12))
    events = [(t, rng.uniform(0.5, 2), rng.uniform(1, 20), "constant") for t in starts]
    model = claim("monophasic", fixed={"decay_half_life": 8.0})
    values = {"choice_rest": -1.0, "choice_gain_peak": 2.0}
    made, _ = simulate(model, study(events, np.linspace(1, 119, 600)), seed=1, truth=values)

    def gain(data: Study) -> float:
        layout = build_layout(model, data)
        theta = np.array(layout.coordinates.loc, dtype=float)
        places = [layout.coordinates.place(name) for name in values]

        def loss(own) -> float:
            theta[places] = own
            return -evaluate(layout, theta)["choice"].sum()

        return minimize(loss, [0.0, 0.0], method="BFGS").x[1]

    assert gain(made) == pytest.approx(2.0, abs=0.5)
    at_once = made.with_tables({"events": made.events.assign(duration=0.0)})
    assert gain(at_once) < 1.0

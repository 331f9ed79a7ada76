from __future__ import annotations

import itertools
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from dopafit.core.errors import SpecError
from dopafit.trace import Kernel, Opponent
from dopafit.trace.newton import residual, solve

LN2 = np.log(2)
SET = {"trough_ratio": 0.3, "recovery_half_life": 20.0, "onset_ratio": 0.1}


def log_trough_ratio(y, onset_ratio):
    """R(y, nu), the logarithm of trough depth over peak height."""
    return residual(np, np.asarray(y, dtype=float), 0.0, np.asarray(onset_ratio, dtype=float))[0]


def random_sets(n, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "peak": np.exp(rng.uniform(np.log(0.01), np.log(100), n)),
        "trough_ratio": np.exp(rng.uniform(np.log(0.005), np.log(5), n)),
        "recovery_half_life": np.exp(rng.uniform(np.log(0.1), np.log(1e4), n)),
        "onset_ratio": np.exp(rng.uniform(np.log(0.001), np.log(10), n)),
    }


def test_oracle_numbers():
    half_life = LN2 / 0.1  # kap = 1 with nu = 0.1
    marks = Opponent().landmarks(trough_ratio=0.3, recovery_half_life=half_life, onset_ratio=0.1)
    to_peak = marks["time_to_peak"]
    assert round(float(np.exp(-marks["time_to_crossing"])), 4) == 0.1014
    assert round(float(to_peak / half_life), 3) in (0.081, 0.082)  # 0.0815
    assert to_peak / half_life == pytest.approx(0.0815, abs=5e-5)
    assert round(float(marks["time_to_crossing"] / to_peak), 2) == 4.05
    assert round(float(marks["time_to_trough"] / to_peak), 2) == 8.44
    assert round(float(marks["opponent_gain"]), 2) == 2.26
    assert round(float(marks["area"] / to_peak), 2) == -4.54


@pytest.mark.parametrize(
    ("onset_ratio", "trough_ratio"),
    [(0.02, 0.034), (0.05, 0.072), (0.1, 0.117), (0.2, 0.175), (0.5, 0.254), (1, 0.299)],
)
def test_trough_ratio_of_perfect_adaptation(onset_ratio, trough_ratio):
    exact = float(np.exp(log_trough_ratio(np.log(onset_ratio / 2), onset_ratio)))
    assert round(exact, 3) == trough_ratio
    marks = Opponent().landmarks(trough_ratio=exact, onset_ratio=onset_ratio)
    assert marks["opponent_gain"] == pytest.approx(1, abs=1e-12)
    assert abs(marks["area"]) < 1e-12 * marks["time_to_trough"]


def test_largest_trough_ratio_without_net_debt():
    # x = 1 - u / nu with nu -> infinity: h = u (u_c - u) e^-u with zero area, so u_c = 2
    peak, trough = 2 - np.sqrt(2), 2 + np.sqrt(2)
    limit = np.exp(peak - trough) * trough * (trough - 2) / (peak * (2 - peak))
    assert round(limit, 4) == 0.3445
    onset = np.logspace(-3, 4, 100)
    ratio = np.exp(log_trough_ratio(np.log(onset / 2), onset))
    assert np.all(np.diff(ratio) > 0)
    assert ratio[-1] < limit == pytest.approx(ratio[-1], abs=1e-7)


@pytest.mark.parametrize(
    ("ratio", "peak", "crossing", "trough", "least", "most"),
    [
        (0.05, 1.06, 5.12, 6.94, 4.81, 6.47),
        (0.1, 1.00, 4.27, 6.15, 4.26, 5.58),
        (0.3, 0.87, 3.03, 5.05, 3.50, 4.33),
        (0.5, 0.79, 2.52, 4.62, 3.20, 3.84),
        (1, 0.67, 1.91, 4.13, 2.86, 3.30),
    ],
)
def test_bounds_of_the_landmarks(ratio, peak, crossing, trough, least, most):
    onset = np.logspace(-5, 5, 101)
    marks = Opponent().landmarks(trough_ratio=ratio, recovery_half_life=1.0, onset_ratio=onset)
    for name, bound in (("peak", peak), ("crossing", crossing), ("trough", trough)):
        times = marks[f"time_to_{name}"]
        assert np.all(np.diff(times) > 0)
        assert times[-1] == pytest.approx(bound, abs=0.0051)
    shape = marks["time_to_crossing"] / marks["time_to_peak"]
    assert [round(float(shape[-1]), 2), round(float(shape[0]), 2)] == [least, most]


def test_maximum_minimum_and_one_crossing():
    kernel, values = Opponent(), random_sets(10_000)
    marks = kernel.landmarks(**values)
    peak, trough = values["peak"], values["trough_ratio"] * values["peak"]
    order = np.stack([marks[f"time_to_{n}"] for n in ("peak", "crossing", "trough")])
    assert np.all(order[0] > 0) and np.all(np.diff(order, axis=0) > 0)
    np.testing.assert_allclose(kernel.response(order[0], **values), peak, rtol=1e-9)
    np.testing.assert_allclose(kernel.response(order[2], **values), -trough, rtol=1e-9)
    assert np.max(np.abs(kernel.response(order[1], **values)) / np.minimum(peak, trough)) < 1e-9
    # nowhere else on a fine grid is the response larger, smaller, or back through zero
    grid = np.logspace(-4, 1, 300)[:, None] * marks["time_to_trough"]
    found = kernel.response(grid, **values)
    assert np.all(found <= peak * (1 + 1e-9)) and np.all(found >= -trough * (1 + 1e-9))
    clear = np.abs(grid / order[1] - 1) > 1e-9
    assert np.all((found > 0)[clear] == (grid < order[1])[clear])


def test_response_against_mpmath():
    kernel, values = Opponent(), random_sets(12, seed=1)
    times = kernel.landmarks(**values)["time_to_trough"] * 1.7
    with mpmath.workdps(60):
        for i in range(12):
            peak, ratio, half_life, nu = (mpmath.mpf(float(v[i])) for v in values.values())
            kap = mpmath.log(2) / half_life / nu

            def unscaled(x, x_c, nu=nu):
                return x**nu * (1 - x) * (x - x_c)

            def extremes(x_c, nu=nu):
                b, root = (nu + 1) * (1 + x_c), mpmath.sqrt
                s = root(b**2 - 4 * (nu + 2) * nu * x_c)
                return [unscaled((b + sign * s) / (2 * (nu + 2)), x_c) for sign in (1, -1)]

            def miss(y, extremes=extremes, ratio=ratio):
                top, bottom = extremes(1 / (1 + mpmath.exp(-y)))
                return mpmath.log(-bottom / top) - mpmath.log(ratio)

            y = mpmath.findroot(miss, mpmath.mpf(float(solve(np, np.log(float(ratio)), float(nu)))))
            assert abs(y - solve(np, np.log(float(ratio)), float(nu))) < 1e-12 * (1 + abs(y))
            x_c = 1 / (1 + mpmath.exp(-y))
            x = mpmath.exp(-kap * mpmath.mpf(float(times[i])))
            exact = peak * unscaled(x, x_c) / extremes(x_c)[0]
            got = kernel.response(times[i], **{k: v[i] for k, v in values.items()})
            assert abs(got / exact - 1) < 1e-11


def test_response_is_the_sum_of_its_exponentials():
    kernel = Opponent()
    values = {k: v for k, v in random_sets(200, seed=2).items() if k != "peak"}
    coefficients, rates = kernel.exponentials(np, **values)
    t = np.linspace(0.05, 3, 40)[:, None] * kernel.landmarks(**values)["time_to_trough"]
    terms = np.stack([c * np.exp(-r * t) for c, r in zip(coefficients, rates, strict=True)])
    missed = np.abs(terms.sum(0) - kernel.response(t, **values))
    assert np.all(missed <= 1e-12 * np.abs(terms).sum(0))


def test_before_and_at_the_event_nothing_happens():
    found = Opponent().response(np.array([-5.0, -1e-9, 0.0, 1.0]), **SET)
    assert np.all(found[:3] == 0) and found[3] > 0


def test_area_against_quadrature():
    kernel, values = Opponent(), random_sets(25, seed=3)
    marks = kernel.landmarks(**values)
    for i in range(25):
        one = {k: float(v[i]) for k, v in values.items()}
        times = [0.0, *(float(marks[f"time_to_{n}"][i]) for n in ("peak", "crossing", "trough"))]
        times += [times[-1] + f * one["recovery_half_life"] for f in (1, 5, 20, 60)]
        parts = [
            quad(lambda t, one=one: float(kernel.response(t, **one)), a, b, epsrel=1e-11)[0]
            for a, b in itertools.pairwise(times)
        ]
        size = np.abs(parts).sum()
        assert marks["area"][i] == pytest.approx(sum(parts), abs=1e-8 * size)
        assert np.sign(marks["area"][i]) == np.sign(1 - marks["opponent_gain"][i])


@settings(deadline=None, max_examples=40)
@given(
    scale=st.floats(1e-4, 1e4),
    ratio=st.floats(0.005, 5),
    onset=st.floats(0.001, 10),
    peak=st.floats(1e-3, 1e3),
)
def test_units_do_not_matter(scale, ratio, onset, peak):
    kernel = Opponent()
    values = {"trough_ratio": ratio, "onset_ratio": onset}
    t = np.array([0.1, 1.0, 10.0])
    one = kernel.response(t, recovery_half_life=5.0, **values)
    other = kernel.response(t * scale, peak=peak, recovery_half_life=5.0 * scale, **values)
    floor = 1e-12 * max(1.0, ratio)
    np.testing.assert_allclose(other / peak, one, rtol=1e-9, atol=floor)


def test_landmarks_broadcast_over_draws():
    draws = {k: v.reshape(2, 3) for k, v in random_sets(6, seed=4).items()}
    marks = Opponent().landmarks(**draws | {"peak": 1.0})
    assert {v.shape for v in marks.values()} == {(2, 3)}
    single = Opponent().landmarks(**{k: float(v[1, 2]) for k, v in draws.items()} | {"peak": 1.0})
    assert all(marks[k][1, 2] == pytest.approx(float(v), rel=1e-13) for k, v in single.items())


@pytest.mark.parametrize("name", ["peak", *SET])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, "much", np.array([1.0, -2.0])])
def test_bad_parameters_are_refused_by_name(name, value):
    values = {**SET, name: value}
    with pytest.raises(SpecError, match=name):
        Opponent().response(1.0, **values)
    with pytest.raises(SpecError, match=name):
        Opponent().landmarks(**values)


def test_it_is_a_component():
    assert Kernel.named("opponent") is Opponent
    assert list(Opponent.parameters) == ["peak", *SET]
    assert Opponent.parameters["peak"].fixed == 1 and Opponent.parameters["peak"].convention
    assert Opponent() == Opponent() and hash(Opponent()) == hash(Opponent())
    with pytest.raises(SpecError, match="opponent"):
        Kernel.named("oponent")


def test_import_is_cheap():
    code = (
        "import sys, dopafit.trace; "
        "heavy = {'numba', 'scipy', 'pytensor', 'pandas'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

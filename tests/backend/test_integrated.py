"""Integrals over a subject's own coordinates, held against closed forms and quadrature."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.special import expit, logsumexp

import dopafit.backend.evidence.estimate as estimates
from dopafit.backend.evidence.conditional import Peak, find_peak
from dopafit.backend.evidence.estimate import around_modes, estimate, log_weights
from dopafit.backend.evidence.given import sessions_given
from dopafit.backend.evidence.integrated import Integrated, integrate_subjects
from dopafit.backend.evidence.proposals import log_mean
from dopafit.backend.evidence.subjects import find_subjects
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.study import Study
from tests.conftest import TINY_TRUTH

SESSIONS = {"a": [3, 5], "b": [4, 2, 6], "c": [5]}
"""Trials of every session of every subject."""
BY_SUBJECT = "(1 | subject)"
BY_SESSION = "(1 | subject) + (1 | subject:session)"


def study(sessions: dict[str, list[int]] = SESSIONS, seed: int = 0, **columns) -> Study:
    """Subjects whose latencies and choices differ; `columns` hold one value a subject."""
    rng = np.random.default_rng(seed)
    keys = [(s, str(k + 1)) for s, counts in sessions.items() for k in range(len(counts))]
    table = pd.DataFrame(keys, columns=["subject", "session"]).assign(start=0.0, end=1000.0)
    trials = []
    for (subject, session), count in zip(keys, itertools.chain(*sessions.values()), strict=True):
        level = rng.normal(0.3, 0.8) + 0.2 * int(session)
        for i in range(count):
            trials.append(
                {"subject": subject, "session": session, "time": 5.0 * i + 1.0, "item": f"i{i % 2}"}
                | {"pursue": float(rng.random() < expit(level))}
                | {"latency": np.exp(level + 0.5 * rng.standard_normal())}
            )
    subjects = pd.DataFrame({"subject": list(sessions)} | columns)
    return Study(
        "s", subjects=subjects, sessions=table, observations=pd.DataFrame(trials), simulated=True
    )


def lay_out(channel, effect: str, data: Study) -> Layout:
    return build_layout(Model("no_drive", [channel], {f"{channel.prefix}_rest": effect}), data)


def integrals(layout: Layout, x: np.ndarray, h: np.ndarray, count: int, seed: int = 0):
    """The estimate at a point, as log A by subject and log B by session, and its subjects."""
    subjects = find_subjects(layout)
    given = sessions_given(layout, subjects)(x, h)
    start = np.zeros(subjects.shape)
    own = np.where(subjects.own >= 0, x[subjects.own], 0.0)
    found = estimate(given, subjects, start, own, np.random.default_rng(seed), count)
    names = len(subjects.names)
    return found.log_value[:names], found.log_value[names:], subjects, found


def normal_oracle(layout: Layout, x: np.ndarray, h: np.ndarray, left_out: str = "") -> dict:
    """Log density of each subject's log latencies, all deviations integrated out."""
    rows = layout.rows["latency"].frame
    y = np.log(layout.rows["latency"].data["latency"])
    theta = layout.coordinates.theta(x, h)
    values = {name: theta[place] for name, place in layout.program.places.items()}
    sds = {
        label: h[k]
        for k, (_, part, label) in enumerate(layout.coordinates.half_names)
        if part == "sd"
    }
    found = {}
    for subject, own in rows.groupby("subject"):
        own = own[own["subject"] + "/" + own["session"] != left_out]
        same = own["session"].to_numpy()[:, None] == own["session"].to_numpy()
        cov = sds["1|subject"] ** 2 + np.exp(2 * values["latency_sigma"]) * np.eye(len(own))
        cov = cov + sds.get("1|subject:session", 0.0) ** 2 * same
        mean = np.full(len(own), -values["latency_rest"])
        jacobian = y[own.index].sum()
        found[subject] = (
            stats.multivariate_normal(mean, cov).logpdf(y[own.index]) - jacobian
            if len(own)
            else 0.0
        )
    return found


@pytest.mark.parametrize("effect", [BY_SUBJECT, BY_SESSION])
def test_normal_integrals_have_their_closed_form(effect) -> None:
    layout = lay_out(Latency(), effect, study())
    rng = np.random.default_rng(1)
    for _ in range(3):
        x = rng.standard_normal(layout.coordinates.normals)
        h = rng.uniform(0.3, 1.5, layout.coordinates.halves)
        log_a, log_b, subjects, _ = integrals(layout, x, h, 4000)
        expected = normal_oracle(layout, x, h)
        np.testing.assert_allclose(log_a, [expected[n] for n in subjects.names], atol=0.04)
        for session, value in zip(subjects.sessions, log_b, strict=True):
            rest = normal_oracle(layout, x, h, session)[session.partition("/")[0]]
            assert value == pytest.approx(rest, abs=0.04)
        assert log_b[subjects.sessions.index("c/1")] == 0.0  # nothing of this subject is left


def test_a_wrong_integral_is_seen() -> None:
    """Control: the density at the mode, or without the spread, is not the integral."""
    layout = lay_out(Latency(), BY_SUBJECT, study())
    x, h = np.zeros(layout.coordinates.normals), np.full(layout.coordinates.halves, 0.8)
    log_a, *_, found = integrals(layout, x, h, 4000)
    expected = normal_oracle(layout, x, 0.8 * h)
    assert np.abs(log_a - list(expected.values())).min() > 0.04
    assert (found.effective > 1000).all() and not found.own_mode.any()


# ---------------------------------------------------------------- choices, by quadrature
PAIR = {"a": [25, 25], "b": [10, 30, 10]}


class ByGrid:
    """Everything of choices with one deviation a subject, on a grid of population value and sd."""

    def __init__(self, layout: Layout) -> None:
        frame = layout.rows["choice"].frame
        session = frame["subject"] + "/" + frame["session"]
        counts = pd.DataFrame({"s": session, "y": layout.rows["choice"].data["pursued"]})
        counts = counts.groupby("s", sort=False)["y"].agg(["sum", "count"])
        self.sessions = list(counts.index)
        self.subjects = ["a", "b"]
        self.x, self.h = np.linspace(-3, 3, 41), np.linspace(0.02, 4, 60)
        self.z = np.linspace(-6, 6, 241)
        scale = layout.coordinates.scale[layout.coordinates.place("choice_rest")]
        eta = scale * self.x[:, None, None] + self.h[:, None] * self.z
        hits = counts["sum"].to_numpy()[:, None, None, None]
        total = counts["count"].to_numpy()[:, None, None, None]
        self.log_lik = hits * eta - total * np.logaddexp(0, eta)  # (session, x, h, z)
        self.prior = -0.5 * self.x[:, None] ** 2 - 0.5 * self.h**2
        self.log_z = -0.5 * self.z**2 - logsumexp(-0.5 * self.z**2)

    def subject(self, name: str, without: str = "") -> np.ndarray:
        """Log p(y_i | phi) on the grid."""
        own = [i for i, s in enumerate(self.sessions) if s[0] == name and s != without]
        return logsumexp(self.log_lik[own].sum(axis=0) + self.log_z, axis=-1)

    def total(self, without: str = "") -> float:
        parts = [self.subject(n, without) for n in self.subjects if n != without]
        return float(logsumexp(self.prior + sum(parts)))

    def draws(self, layout: Layout, rng, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact posterior draws of x and h, (draw, ...)."""
        log_p = self.prior + sum(self.subject(n) for n in self.subjects)
        p = np.exp(log_p - logsumexp(log_p)).ravel()
        at = np.unravel_index(rng.choice(p.size, count, p=p), log_p.shape)
        x, own = np.zeros((count, layout.coordinates.normals)), find_subjects(layout).own
        x[:, layout.coordinates.unit[layout.coordinates.place("choice_rest")] - 1] = self.x[at[0]]
        for i, name in enumerate(self.subjects):
            mine = [k for k, s in enumerate(self.sessions) if s[0] == name]
            log_p = self.log_lik[mine].sum(axis=0)[at] + self.log_z
            noise = rng.gumbel(size=log_p.shape)
            x[:, own[i, 0]] = self.z[np.argmax(log_p + noise, axis=1)]
        return x, self.h[at[1]][:, None]


@pytest.fixture(scope="module")
def choices() -> Layout:
    return lay_out(Choice(), BY_SUBJECT, study(PAIR))


def test_few_inner_draws_are_exact_in_the_mean_if_one_is_the_posterior_s_own(choices) -> None:
    """Given phi, the mean of B / A over own draws of z is right with three draws, else not."""
    grid, rng, repeats = ByGrid(choices), np.random.default_rng(2), 4000
    subjects, (i, j) = find_subjects(choices), (25, 30)
    x = np.zeros(choices.coordinates.normals)
    x[choices.coordinates.unit[choices.coordinates.place("choice_rest")] - 1] = grid.x[i]
    given = sessions_given(choices, subjects)(x, grid.h[[j]])
    peak, _ = find_peak(given, subjects, np.zeros(subjects.shape), np.ones(5))
    proposal, own = around_modes(peak), np.empty((repeats, *subjects.shape))
    log_lik = grid.log_lik[:, i, j]
    for k, sessions in enumerate(([0, 1], [2, 3, 4])):
        noise = rng.gumbel(size=(repeats, grid.z.size))
        own[:, k, 0] = grid.z[np.argmax(log_lik[sessions].sum(axis=0) + grid.log_z + noise, axis=1)]
    others = proposal.draw(rng, 3 * repeats)
    size = len(subjects.names)
    owner = [*range(size), *subjects.subject]
    a = np.array([grid.subject(n)[i, j] for n in subjects.names])
    b = [grid.subject(s[0], s)[i, j] for s in subjects.sessions]
    exact = np.append(np.zeros(size), b) - a[owner]

    def mean_ratio(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_w = log_weights(subjects, proposal, blocks, given(blocks))
        log_value = log_mean(log_w.reshape(repeats, 3, -1).swapaxes(0, 1))
        log_b = np.where(np.arange(len(owner)) < size, 0.0, log_value)
        ratio = np.exp(log_b - log_value[:, owner] - exact)
        return ratio.mean(axis=0), ratio.std(axis=0) / np.sqrt(repeats)

    blocks = others.copy()
    blocks[::3] = own
    found, error = mean_ratio(blocks)
    assert (np.abs(found - 1) < 4 * error).all() and error.max() < 0.05
    assert (mean_ratio(others)[0] > 1 + 8 * error).all()


def test_leaving_out_is_exact_for_two_subjects(choices) -> None:
    grid = ByGrid(choices)
    x, h = grid.draws(choices, np.random.default_rng(5), 300)
    x, h = x.reshape(2, 150, -1), h.reshape(2, 150, -1)
    found = integrate_subjects(choices, x, h, seed=1, draws=None, count=100)
    assert found.draws == (300, 300) and found.lost == 0
    assert found.subjects == ("a", "b") and list(found.sessions) == grid.sessions
    whole = grid.total() - logsumexp(grid.prior)
    for unit in ("session", "subject"):
        labels = found.sessions if unit == "session" else found.subjects
        result = found.loo(unit)
        exact = [grid.total() - grid.total(label) for label in labels]
        np.testing.assert_allclose(result.elpd_i, exact, atol=0.1)
        assert not result.bad.any() and not found.unreliable(unit).any()
    assert whole < found.loo("subject").elpd  # each is predicted by the other


def test_more_inner_draws_change_nothing(choices) -> None:
    x, h = (v[None] for v in ByGrid(choices).draws(choices, np.random.default_rng(5), 100))
    results = [integrate_subjects(choices, x, h, seed=1, count=count) for count in (100, 200)]
    again = integrate_subjects(choices, x, h, seed=1, count=100)
    assert np.array_equal(again.log_session, results[0].log_session)  # whatever the threads do
    some = integrate_subjects(choices, x, h, seed=1, draws=60)
    assert some.draws == (60, 100) and some.log_subject.shape == (1, 60, 2)
    for unit in ("session", "subject"):
        one, other = (result.loo(unit).elpd_i for result in results)
        assert 0 < np.abs(one - other).max() < 0.1


def test_without_own_coordinates_nothing_is_integrated() -> None:
    layout = lay_out(Choice(), "item", study())
    x = np.random.default_rng(1).standard_normal((2, 60, layout.coordinates.normals))
    h = np.ones((2, 60, layout.coordinates.halves))
    found = integrate_subjects(layout, x, h, seed=1)
    assert not found.doubled.any() and (found.inner_k == 0).all()
    theta = layout.coordinates.theta(x, h)
    rows = np.array([[evaluate(layout, t)["choice"] for t in chain] for chain in theta])
    frame = layout.rows["choice"].frame
    assert found.known.tolist() == [True] * 5 + [False]
    for k, name in enumerate(found.sessions):
        mine = (frame["subject"] + "/" + frame["session"] == name).to_numpy()
        expected = rows[..., mine].sum(axis=-1)
        np.testing.assert_allclose(found.log_session[..., k], expected, atol=1e-9)


# ---------------------------------------------------------------- modes
def test_modes_do_not_depend_on_where_the_search_starts(choices) -> None:
    subjects = find_subjects(choices)
    x = np.zeros(choices.coordinates.normals)
    given = sessions_given(choices, subjects)(x, np.array([1.3]))
    kept = subjects.without(np.array([1, -1]))
    starts = (np.zeros(subjects.shape), np.array([[40.0], [-25.0]]))
    ends = [find_peak(given, subjects, start, kept) for start in starts]
    assert all(ended for _, ended in ends)
    for k in range(2):

        def cost(z: np.ndarray, k: int = k) -> float:
            blocks = np.zeros((1, *subjects.shape))
            blocks[0, k] = z
            mine = (subjects.subject == k) & (kept > 0)
            return float(0.5 * z @ z - given(blocks)[0, mine].sum())

        best = optimize.minimize(cost, np.zeros(1), method="BFGS")
        for end, _ in ends:
            peak = end.peak(kept)
            assert peak.mode[k] == pytest.approx(best.x, abs=0.01)
            bend = (cost(best.x + 1e-3) - 2 * best.fun + cost(best.x - 1e-3)) / 1e-6
            assert 1 / peak.covariance[k, 0, 0] == pytest.approx(bend, rel=0.05)


def test_curvature_of_many_places_is_the_closed_form() -> None:
    """Of a normal likelihood: one step from anywhere ends at the mode."""
    layout = lay_out(Latency(), BY_SESSION, study())
    subjects = find_subjects(layout)
    x, h = np.zeros(layout.coordinates.normals), np.array([0.7, 0.4])
    given = sessions_given(layout, subjects)(x, h)
    start = np.random.default_rng(1).standard_normal(subjects.shape)
    every = np.ones(len(subjects.sessions))
    peak = find_peak(given, subjects, np.where(subjects.own >= 0, start, 0.0), every)[0].peak(every)
    sd = np.exp(layout.coordinates.theta(x, h)[layout.program.places["latency_sigma"]])
    for i, counts in enumerate(SESSIONS.values()):
        loads = np.zeros((sum(counts), subjects.shape[1]))
        loads[:, 0] = h[0]
        loads[np.arange(len(loads)), 1 + np.repeat(np.arange(len(counts)), counts)] = h[1]
        precision = np.eye(subjects.shape[1]) + loads.T @ loads / sd**2
        np.testing.assert_allclose(np.linalg.inv(peak.covariance[i]), precision, atol=2e-3)


# ---------------------------------------------------------------- owners
def test_who_owns_what() -> None:
    data = study(site=["north", "north", "south"])
    effect = "(1 | subject) + (1 | subject:session) + (1 | item) + (1 | site)"
    layout = lay_out(Choice(), effect, data)
    subjects, c = find_subjects(layout), layout.coordinates
    labels = {c.unit[i] - 1: e.label for i, e in enumerate(c.entries) if e.role == "group"}
    own = [[labels[k] for k in row if k >= 0] for row in subjects.own]
    # a site with one person is that person's own; items and the other site are shared
    assert own[0] == ["1|subject[a]", "1|subject:session[a:1]", "1|subject:session[a:2]"]
    assert set(own[2]) == {"1|subject[c]", "1|subject:session[c:1]", "1|site[south]"}
    assert subjects.sessions == ("a/1", "a/2", "b/1", "b/2", "b/3", "c/1")
    alone = [[s if s < 0 else subjects.sessions[s] for s in row] for row in subjects.alone]
    assert alone[0] == [-1, "a/1", "a/2", -1] and alone[2] == ["c/1"] * 3 + [-1]
    touched = [
        subjects.own[i][t[t >= 0]] for i, t in zip(subjects.subject, subjects.touched, strict=True)
    ]
    assert [labels[k] for k in touched[1]] == ["1|subject[a]", "1|subject:session[a:2]"]
    assert subjects.of_subject.tolist() == [[0, 1, -1], [2, 3, 4], [5, -1, -1]]


def test_sums_by_session_are_the_likelihood(choices) -> None:
    subjects = find_subjects(choices)
    x, h = np.full(choices.coordinates.normals, 0.3), np.array([0.9])
    rows = evaluate(choices, choices.coordinates.theta(x, h))["choice"]
    frame = choices.rows["choice"].frame
    expected = pd.Series(rows).groupby(frame["subject"] + "/" + frame["session"]).sum()
    found = sessions_given(choices, subjects)(x, h)(x[subjects.own][None])[0]
    np.testing.assert_allclose(found, expected[list(subjects.sessions)], rtol=1e-12)


# ---------------------------------------------------------------- what cannot be trusted
def two_hills(apart: float):
    """A likelihood of two narrow hills; the search from 0.1 finds the right one of them."""

    def evaluate(blocks: np.ndarray) -> np.ndarray:
        hills = [stats.norm.logpdf(blocks[..., 0], at, 0.05) for at in (apart, -apart)]
        return np.repeat(logsumexp(hills, axis=0), [2, 3], axis=1)

    return evaluate


@pytest.mark.parametrize("apart, poor", [(1.0, True), (0.0, False)])
def test_a_second_hill_is_seen_by_few_effective_draws(choices, apart, poor) -> None:
    subjects = find_subjects(choices)
    start, own = np.full(subjects.shape, 0.9 * apart), np.full(subjects.shape, -apart)
    rng = np.random.default_rng(0)
    found = estimate(two_hills(apart), subjects, start, own, rng, 100)
    few = found.effective < estimates.LEAST_EFFECTIVE
    assert few[:2].all() == poor and few.any() == poor
    assert found.doubled == poor and found.own_mode.any() == poor


def test_units_with_few_effective_draws_or_a_heavy_tail_are_named() -> None:
    shape = (2, 100)
    log_session = np.random.default_rng(0).normal(size=(*shape, 5))
    effective = np.full((*shape, 7), 80.0)
    effective[0, :11, 3] = 20.0  # session a/2 at more than a twentieth of the draws
    effective[0, :9, 4] = 20.0
    k = np.array([0.1, 0.1, 0.1, 0.1, 0.1, np.nan, 0.1])
    found = Integrated(
        ("a", "b"), ("a/1", "a/2", "b/1", "b/2", "b/3"), np.array([0, 0, 1, 1, 1]),
        log_session[..., :2], log_session, log_session[..., :2], log_session,
        effective, k, 100, (200, 200), np.zeros(shape, bool), np.zeros((*shape, 5), bool), 0,
        np.ones(5, bool),
    )  # fmt: skip
    assert found.unreliable("session").tolist() == [False, True, False, True, False]
    assert found.unreliable("subject").tolist() == [False, False]
    bad_subject = dataclasses.replace(found, inner_k=np.array([0.9, 0.1, *k[2:]]))
    assert bad_subject.unreliable("session")[:2].all()  # A is part of its sessions' scores
    assert bad_subject.unreliable("subject").tolist() == [True, False]


def test_a_peak_in_some_places_and_another_given_those() -> None:
    """The kept places have the other's normal; the rest its own, conditional on them."""
    rng = np.random.default_rng(3)
    roots = rng.standard_normal((2, 4, 3, 3))
    one, other = (Peak(rng.standard_normal((4, 3)), r @ r.transpose(0, 2, 1)) for r in roots)
    kept = np.array([[True, True, False], [True, True, True], [False, True, True], [False] * 3])
    found = one.given_places(other, kept)
    for i, k in enumerate(kept):
        inside = np.ix_(k, k)
        np.testing.assert_allclose(found.mode[i, k], other.mode[i, k])
        np.testing.assert_allclose(found.covariance[i][inside], other.covariance[i][inside])
        ours, theirs = (np.linalg.inv(p.covariance[i]) for p in (found, one))
        np.testing.assert_allclose(ours[~k], theirs[~k], rtol=1e-6, atol=1e-6)
        # the mean of the rest at the kept places' mode
        away = found.mode[i] - one.mode[i]
        np.testing.assert_allclose(theirs[~k] @ away, 0, atol=1e-6)


def test_peaks_that_differ_between_subjects(tiny_model, tiny_world, fit_at) -> None:
    """Where a subject's kernel is its own too; against quadrature over peak and rest."""
    fit = fit_at(tiny_model("trough"), tiny_world, TINY_TRUTH, draws=1)
    layout, c = fit.layout, fit.layout.coordinates
    x, h = fit.coordinates["x"].values[0, 0], fit.coordinates["h"].values[0, 0].copy()
    for k, (name, part, _) in enumerate(c.half_names):
        if part == "sd":
            h[k] = {"peak": 0.6, "choice_rest": 1.0}.get(name, 1e-9)
    log_a, log_b, subjects, found = integrals(layout, x, h, 2000)
    assert found.found and subjects.names == ("s1", "s2", "s3")
    owner = {c.unit[i] - 1: e.parameter for i, e in enumerate(c.entries) if e.role == "group"}
    places = [
        [owner[k] for k in row].index(n) for row in subjects.own for n in ("peak", "choice_rest")
    ]
    nodes = np.linspace(-4.5, 4.5, 73)
    grid = np.array(list(itertools.product(nodes, nodes)))
    weight = stats.norm.logpdf(grid).sum(axis=1) + 2 * np.log(nodes[1] - nodes[0])
    blocks = np.zeros((len(grid), *subjects.shape))
    for i in range(3):
        blocks[:, i, places[2 * i : 2 * i + 2]] = grid
    log_lik = sessions_given(layout, subjects)(x, h)(blocks)
    for i in range(3):
        mine = np.flatnonzero(subjects.subject == i)
        whole = log_lik[:, mine].sum(axis=1)
        assert log_a[i] == pytest.approx(logsumexp(weight + whole), abs=0.05)
        for session in mine:
            rest = logsumexp(weight + whole - log_lik[:, session])
            assert log_b[session] == pytest.approx(rest, abs=0.05)


def test_a_session_off_the_map_leaves_what_is_said_without_it(choices) -> None:
    subjects = find_subjects(choices)
    given = sessions_given(choices, subjects)(np.zeros(choices.coordinates.normals), np.ones(1))

    def cliff(blocks: np.ndarray) -> np.ndarray:
        found = given(blocks).copy()
        found[:, 0] = -np.inf
        return found

    start, kept = np.zeros(subjects.shape), subjects.without(np.array([0, -1]))
    one, other = (find_peak(each, subjects, start, kept) for each in (given, cliff))
    assert one[1] and other[1]
    np.testing.assert_array_equal(one[0].peak(kept).mode, other[0].peak(kept).mode)

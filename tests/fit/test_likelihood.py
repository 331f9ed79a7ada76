"""The pieces of leave-one-out are the likelihood, cut along trials or sessions."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.core.errors import SpecError
from dopafit.model.numpy_operations import evaluate


def test_trials_add_up_to_sessions_and_both_to_the_whole(tiny_fits) -> None:
    for fit in tiny_fits.values():
        trial, trials = fit.log_likelihood("trial", draws=3)
        session, sessions = fit.log_likelihood("session", draws=3)
        assert trial.shape == (2, 3, len(trials)) and len(sessions) == 6
        assert len(set(trials)) == len(trials) > len(sessions) == len(set(sessions))
        assert sessions[0] == "s1/placebo" and trials[0].startswith("s1/placebo/")
        owner = np.array([sessions.index(one.rpartition("/")[0]) for one in trials])
        for k in range(len(sessions)):
            summed = trial[..., owner == k].sum(axis=-1)
            np.testing.assert_allclose(summed, session[..., k], rtol=1e-12, atol=1e-10)
        kept = fit.theta[:, [0, 29, 59]]  # the ends and the middle, of 60 draws
        for place in np.ndindex(2, 3):
            parts = evaluate(fit.layout, kept[place])
            assert set(parts) == {"choice", "latency", "presses"}
            whole = sum(rows.sum() for rows in parts.values())
            assert session[place].sum() == pytest.approx(whole, rel=1e-12)


def test_a_session_holds_its_own_rows(tiny_fit) -> None:
    theta, layout = tiny_fit.theta[0, 0], tiny_fit.layout
    session, names = tiny_fit.log_likelihood("session", draws=1)
    parts = evaluate(layout, theta)
    for k, name in enumerate(names):
        mine = 0.0
        for prefix, rows in parts.items():
            frame = layout.rows[prefix].frame
            mine += rows[(frame["subject"] + "/" + frame["session"] == name).to_numpy()].sum()
        assert session[0, 0, k] == pytest.approx(mine, rel=1e-12)


def test_the_rivals_share_their_units(tiny_fits) -> None:
    labels = {f.log_likelihood("trial", draws=1)[1][i] for f in tiny_fits.values() for i in (0, -1)}
    one, two = (f.log_likelihood("trial", draws=1)[1] for f in tiny_fits.values())
    assert one == two and len(labels) == 2


def test_draws_are_all_or_some(tiny_fit) -> None:
    everything = tiny_fit.log_likelihood("session")[0]
    assert everything.shape[:2] == (2, 60)
    assert np.array_equal(tiny_fit.log_likelihood("session", draws=500)[0], everything)
    few = tiny_fit.log_likelihood("session", draws=2)[0]
    assert np.array_equal(few, everything[:, [0, -1]])


def test_an_unknown_unit(tiny_fit) -> None:
    with pytest.raises(SpecError, match="did you mean 'session'"):
        tiny_fit.log_likelihood("sesion")

"""Chains go on in the same place until the verdict passes or the budget ends."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.backend.sampler.draw import SamplerSettings
from dopafit.core.errors import SpecError
from dopafit.fit import sampling
from dopafit.fit.fit import fit
from dopafit.fit.looks import LASTING, Looks, budget, looks_text
from dopafit.fit.modes import VISITS, judge_modes, largest_weights, nearest_mode
from dopafit.fit.verdict import Diagnostic, Verdict
from dopafit.model.analysis import Sampling

OPTIONS = {"seed": 4, "draws": 60, "max_draws": 240, "tune": 100, "chains": 2, "progress": "silent"}


@pytest.fixture(scope="module")
def gone_on(tiny_model, tiny_world):
    """Return a fit that went to its budget: 240 draws of two chains cannot pass."""
    return fit(tiny_model("no_drive"), tiny_world, **OPTIONS)


def test_no_draw_is_discarded(gone_on, tiny_model, tiny_world) -> None:
    # the same fit, ended at its first look
    first = fit(tiny_model("no_drive"), tiny_world, **OPTIONS | {"max_draws": 60})
    assert first.posterior.sizes["draw"] == 60 and gone_on.posterior.sizes["draw"] == 240
    for name in ("x", "h"):
        assert np.array_equal(gone_on.coordinates[name][:, :60], first.coordinates[name])
    assert [one["draws"] for one in gone_on.record["looks"]] == [60, 120, 240]
    assert gone_on.record["looks"][0] == first.record["looks"][0]
    sizes = [one["ess"] for one in gone_on.record["looks"]]
    assert len(set(sizes)) == 3  # each look judges all draws so far


def test_the_record_says_how_far_and_why(gone_on) -> None:
    text = looks_text(gone_on.record)
    assert text.startswith("looks at draws per chain: 60 (") and text.endswith("at most 240")
    assert text in repr(gone_on)
    assert gone_on.record["settings"]["max_draws"] == 240
    advice = " ".join(item.advice for item in gone_on.verdict.failures)
    assert "max_draws" in advice and "seed" not in advice
    assert looks_text({}) == "" == looks_text({"looks": [], "settings": {}})


def verdict(*failed: str) -> Verdict:
    items = [Diagnostic(name, 1.0, "x", False) for name in failed]
    items = items or [Diagnostic("R-hat", 1.0, "x", True)]
    return Verdict(not failed, tuple(items))


@pytest.mark.parametrize(
    ("failed", "ends"),
    [
        ((), True),
        (("R-hat",), False),
        (("bulk ESS", "rival modes", "quadrature"), False),
        (("R-hat", "divergences"), True),
        (("chains",), True),
    ],
)
def test_only_what_no_draw_can_mend_ends_early(failed, ends, monkeypatch) -> None:
    settings = SamplerSettings(draws=60, max_draws=240)
    one = Looks(None, None, None, settings, {})
    monkeypatch.setattr(one, "judge", lambda tree: (None, None, None, verdict(*failed)))
    assert one(None)[0] is ends


def test_what_lasts_is_a_check_that_exists(gone_on) -> None:
    assert LASTING <= {item.name for item in gone_on.verdict.items}


def test_the_budget() -> None:
    assert budget(500) == 4000 and budget(9000) == 9000
    # an analysis file and a call mean the same, old files included
    assert Sampling(draws=1000).max_draws == 4000 == Sampling().max_draws
    assert Sampling(draws=9000).max_draws == 9000 and Sampling(max_draws=700).max_draws == 700


def test_draws_that_memory_cannot_hold(tiny_fit, tiny_model, tiny_world, monkeypatch) -> None:
    monkeypatch.setattr(sampling, "run", None)
    monkeypatch.setattr(sampling, "free_memory", lambda: 10**7)
    with pytest.raises(SpecError, match="GB of memory") as caught:
        fit(tiny_model("no_drive"), tiny_world, **(OPTIONS | {"max_draws": 1_000_000}))
    assert "max_draws up to about" in caught.value.allowed and "max_draws" in caught.value.todo
    monkeypatch.setattr(sampling, "free_memory", lambda: None)  # not known: nothing is refused
    sampling.check_room(SamplerSettings(max_draws=1_000_000), tiny_fit.layout)


def test_one_mode_is_no_rival() -> None:
    found = judge_modes([1.0], None)
    assert found.ok and found.value == 0 and not found.where and not found.advice


@pytest.mark.parametrize(
    ("stay", "ok"), [(0.9, True), (0.9995, False), (1.0, False)], ids=["pass", "seldom", "never"]
)
def test_two_modes_need_chains_that_pass_between_them(stay, ok) -> None:
    """A chain that leaves its mode with probability 1 - stay; two of three chains start in one."""
    rng = np.random.default_rng(1)
    flips = rng.uniform(size=(3, 2000)) > stay
    nearest = (np.cumsum(flips, axis=1) + np.array([[0], [1], [0]])) % 2
    found = judge_modes([0.7, 0.3], nearest)
    assert found.ok is ok and found.value == 1
    assert "Laplace 70 %" in found.where and f"{(nearest == 0).mean():.0%}"[:-1] in found.where
    assert bool(found.advice) is not ok
    if not ok:
        assert "max_draws" in found.advice and "seed" not in found.advice


def test_the_weight_that_a_mode_could_have() -> None:
    rng = np.random.default_rng(1)
    often = (rng.uniform(size=(4, 2000)) < 0.01).astype(int)
    one, other = largest_weights([0.7, 0.3], often)
    assert 0.01 < other < 0.02 and 0.99 < one <= 1.0  # the draws say it, not Laplace
    stuck = np.repeat([[0], [0], [0], [1]], 500, axis=1)
    assert largest_weights([0.9, 0.1], stuck)[1] >= 0.25
    assert largest_weights([0.9, 0.1], np.zeros((4, 500), dtype=int)) == [1.0, 0.1]


def test_a_mode_that_its_chain_left_for_good_is_not_missed() -> None:
    assert judge_modes([0.9, 0.1], np.zeros((4, 500), dtype=int)).ok
    assert VISITS == 100


def test_the_nearest_mode() -> None:
    places = np.array([[0.0, 0.0], [3.0, 0.0]])
    draws = np.array([[[1.0, 5.0], [2.0, -5.0]]])
    assert nearest_mode(places, draws).tolist() == [[0, 1]]

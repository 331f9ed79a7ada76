"""Power scaling against a posterior whose scaled versions are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.evidence.power_scaling import power_sensitivity
from dopafit.channel.choice import Choice
from dopafit.check.identifiability import identifiability
from dopafit.check.sensitivity import COLUMNS, effect_sensitivity, log_parts, sensitivity
from dopafit.fit.effects import contrast_effects, effect_draws, lobe_effects
from dopafit.model.claim import Model


def conjugate(prior: float, data: float, *, tau: float = 1.0, error: float = 1.0):
    """Return mean and sd of a normal mean whose prior and likelihood are raised to powers."""
    precision = prior / tau**2 + data / error**2
    return (data * 2.0 / error**2) / precision, precision**-0.5  # observed 2, prior around 0


def distance(one, other, low: float, high: float) -> float:
    """Cumulative Jensen-Shannon distance of two normals over a range, the larger of both sides."""
    grid = np.linspace(low, high, 20001)
    found = []
    for side in (stats.norm.cdf, stats.norm.sf):
        p, q = side(grid, *one), side(grid, *other)
        m = 0.5 * (p + q)
        keep = (p > 1e-300) & (q > 1e-300)
        part = np.zeros_like(p)
        part[keep] = p[keep] * np.log2(p[keep] / m[keep]) + q[keep] * np.log2(q[keep] / m[keep])
        found.append(np.sqrt(max(part.sum(), 0.0) / (p + q).sum()))
    return max(found)


@pytest.mark.parametrize(("tau", "error"), [(1.0, 1.0), (0.5, 2.0), (20.0, 0.5)])
def test_sensitivity_of_a_normal_mean(tau, error) -> None:
    here = conjugate(1, 1, tau=tau, error=error)
    draws = stats.norm(*here).ppf((np.arange(20000) + 0.5) / 20000)
    draws = np.random.default_rng(0).permutation(draws).reshape(4, 5000)
    parts = {
        "prior": stats.norm.logpdf(draws, 0, tau),
        "data": stats.norm.logpdf(2.0, draws, error),
    }
    for part, log_part in parts.items():
        found = power_sensitivity(draws[None], log_part)[0]
        powers = [{"prior": 1.0, "data": 1.0} | {part: alpha} for alpha in (0.99, 1.01)]
        ends = draws.min(), draws.max()
        low, high = (distance(here, conjugate(**p, tau=tau, error=error), *ends) for p in powers)
        expected = 0.5 * (-low / np.log2(0.99) + high / np.log2(1.01))
        assert found == pytest.approx(expected, rel=0.1, abs=0.004), part
    # unit and sign of a quantity change nothing
    for other in (1000.0 * draws, -draws):
        again = power_sensitivity(other[None], parts["data"])[0]
        assert again == pytest.approx(power_sensitivity(draws[None], parts["data"])[0], rel=1e-6)


def test_nothing_is_said_where_nothing_can_be() -> None:
    rng = np.random.default_rng(1)
    draws = np.stack([rng.standard_normal((4, 200)), np.full((4, 200), 2.0)])
    flat = power_sensitivity(draws, np.zeros((4, 200)))
    assert flat[0] == 0.0 and np.isnan(flat[1])
    few = power_sensitivity(draws[:, :, :50], rng.standard_normal((4, 50)))
    assert np.isnan(few).all()
    assert np.isnan(power_sensitivity(draws, np.full((4, 200), np.nan))).all()


def test_the_prior_that_is_scaled_is_that_of_the_population(tiny_world, fit_at) -> None:
    """Against SciPy, up to a constant: values, effects and the spread, but no member of a group."""
    model = Model("peak", [Choice()], effects={"choice_rest": "(1 | subject)", "peak": "1"})
    fit = fit_at(model, tiny_world, {}, draws=10, wiggle=0.7)
    log_prior, log_lik = log_parts(fit, np.arange(10))
    expected = np.zeros(log_prior.shape)
    for name, parameter in model.parameters.items():
        if parameter.prior is not None:
            value = fit.posterior[name].values
            prior = parameter.prior
            if prior.family == "half_normal":
                expected += stats.halfnorm.logpdf(value, scale=prior.scale)
            else:
                link = np.log(value) if parameter.link == "log" else value
                expected += stats.norm.logpdf(link, prior.link_location, prior.scale)
    spread = fit.posterior["choice_rest_sd"].values[..., 0]
    expected += stats.halfnorm.logpdf(spread, scale=model.parameters["choice_rest"].spread.scale)
    np.testing.assert_allclose(log_prior - log_prior[0, 0], expected - expected[0, 0], atol=1e-9)
    trials, _ = fit.log_likelihood("trial")
    np.testing.assert_allclose(log_lik, trials.sum(axis=-1))


def test_prior_against_data_is_named(tiny_world, fit_at, monkeypatch) -> None:
    """A prior that pulls as hard as the data one way, and data that say nothing the other."""
    from dopafit.check import sensitivity as module

    model = Model("no_drive", [Choice()], effects={"choice_rest": "1"})
    fit = fit_at(model, tiny_world, {}, draws=400, wiggle=0.3)
    x = fit.posterior["choice_rest"].values
    for prior, data, words in (
        (-20.0 * (x - 3) ** 2, -20.0 * (x + 3) ** 2, "prior and data disagree"),
        (-20.0 * (x - 3) ** 2, 0.0 * x, "prior weighs more than the data"),
        (0.0 * x, -20.0 * (x + 3) ** 2, "low"),
    ):
        monkeypatch.setattr(module, "log_parts", lambda fit, kept, p=prior, d=data: (p, d))
        assert sensitivity(fit).loc["choice_rest", "sensitivity"] == words
        card = identifiability(fit).table.set_index("parameter")
        assert card.loc["choice_rest", "sensitivity"] == words
        assert card.loc["baseline", "sensitivity"] == ""


def test_few_draws_leave_the_card_without_sensitivity(tiny_fits) -> None:
    card = identifiability(tiny_fits["trough"]).table
    assert (card["sensitivity"] == "").all() and card["prior_sensitivity"].isna().all()


def test_sizes_of_effects_are_scaled_too(tiny_world, tiny_model, fit_at, monkeypatch) -> None:
    from dopafit.check import sensitivity as module

    model = tiny_model("trough", channels=[Choice()], effects={"choice_rest": "drug"})
    fit = fit_at(model, tiny_world, {"choice_gain_trough": 1.0}, draws=400, wiggle=0.3)
    sizes = [*lobe_effects(fit), *contrast_effects(fit)]
    draws = effect_draws(fit, fit.thinned(2000))
    assert [e["median"] for e in sizes] == pytest.approx(np.median(draws, axis=1))
    # a prior that pulls on the gain moves the size at the trough, the data the drug's
    gain = fit.posterior["choice_gain_trough"].values
    drug = fit.posterior["choice_rest_effect"].values[..., 0]
    parts = -2.0 * (gain - 3) ** 2, -2.0 * (drug + 3) ** 2
    monkeypatch.setattr(
        module, "log_parts", lambda fit, kept: tuple(part[:, kept] for part in parts)
    )
    lobe, contrast = effect_sensitivity(fit)
    assert lobe["sensitivity"] == "prior weighs more than the data"
    assert contrast["sensitivity"] == "low" and contrast["data_sensitivity"] > 0.05
    few = fit_at(model, tiny_world, {}, draws=5, wiggle=0.3)
    assert effect_sensitivity(few) == [dict.fromkeys(COLUMNS)] * 2
    none = fit_at(tiny_model("no_drive", effects={}), tiny_world, {}, draws=400, wiggle=0.3)
    assert effect_sensitivity(none) == []

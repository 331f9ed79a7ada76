"""What a run may claim: its comparison, and the conditions that follow from its fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dopafit.check.identifiability import identifiability
from dopafit.check.sensitivity import effect_sensitivity
from dopafit.check.separable import SEPARABLE, separable
from dopafit.compare.claim import COMPARED, NOT_COMPUTED, Claim, Condition, decide
from dopafit.compare.loo import Comparison
from dopafit.drive.drive import DEPTH, GAIN_BELOW, RECTIFIER
from dopafit.fit.derived import implied_gains, kernel_shape
from dopafit.fit.effects import TROUGH as LOBE
from dopafit.fit.effects import contrast_effects, lobe_effects
from dopafit.fit.fit import Fit
from dopafit.fit.quantities import gain_draws
from dopafit.model.formula import used_columns
from dopafit.model.rivals import NEITHER, TROUGH, absent
from dopafit.report.said.limits import FAR
from dopafit.trace.kernel import Kernel

__all__ = ["answered", "conditions", "kept"]

LIGHT = 0.025
"""Weight below which a mode may say what it likes."""

SURE = 0.95
"""Probability of a positive gain at which it is called positive, in one channel."""


def answered(
    fits: Mapping[str, Fit],
    comparison: Comparison,
    *,
    timed: bool,
    smallest: Mapping[str, float],
    others: Iterable[Condition] = (),
) -> tuple[Claim, list[dict[str, Any]]]:
    """Return what a comparison may claim, and sizes of effects.

    Parameters
    ----------
    fits : mapping of str to Fit
        Those compared.
    comparison : Comparison
        Of these fits.
    timed : bool
        Whether every resting predictor was given a curve over session time where it can have one.
    smallest : mapping of str to float
        Smallest effect of interest by channel.
    others : iterable of Condition
        What controls found; conditions that follow from fits and comparison are found anew.

    Returns
    -------
    Claim
    list of dict
        Of every fit, as from `lobe_effects` and `contrast_effects`, each with its sensitivity.
    """
    ranked = comparison.ranked(fits)
    effects = [effect for fit in ranked.values() for effect in _effects(fit)]
    models = {name: fit.model for name, fit in ranked.items()}
    drives = {n: [m.drives[c.prefix] for c in m.channels] for n, m in models.items()}
    claim = decide(
        comparison.pointwise,
        comparison.subjects,
        {name: model.family for name, model in models.items()},
        without=next((name for name, model in models.items() if not model.moved), None),
        converged=comparison.table["converged"].to_dict(),
        missing=absent((drives[name], model.kernel) for name, model in models.items()),
        others=[*others, *conditions(ranked, effects, timed=timed, smallest=smallest)],
    )
    if comparison.unit == "trial":
        told = "scores of trials take the acts of others as known, so they support no claim"
        scored = ("ahead_of_no_drive", "ahead_of_each_no_trough_rival", "none_ahead")
        found = (
            replace(c, met=False, told=told) if c.name in scored else c for c in claim.conditions
        )
        claim = Claim.of(found, these_only=claim.these_only)
    return claim, effects


def _effects(fit: Fit) -> list[dict[str, Any]]:
    sizes = (*lobe_effects(fit), *contrast_effects(fit))
    return [a | b for a, b in zip(sizes, effect_sensitivity(fit), strict=True)]


def conditions(
    fits: Mapping[str, Fit],
    effects: Iterable[Mapping[str, Any]],
    *,
    timed: bool,
    smallest: Mapping[str, float],
) -> list[Condition]:
    """Return the conditions that follow from fits; those that cannot be computed are absent.

    Parameters
    ----------
    fits : mapping of str to Fit
        As ranked, best first.
    effects : iterable of mapping
        From `lobe_effects`.
    timed, smallest
        As in `answered`.
    """
    moved = [fit for fit in fits.values() if fit.model.moved]
    trough = [fit for fit in moved if fit.model.family == TROUGH]
    free = [fit for fit in moved if fit.model.family == NEITHER and _free(fit)]
    claimed = {fit.hypothesis: fit for fit in (*moved[:1], *trough[:1])}  # what a claim rests on
    chances = {fit.hypothesis: _chances(fit) for fit in free}
    found = [
        _separable(claimed.values(), timed),
        _encompassing_gain(chances),
        _prior_shift([*trough, *free]),
        _modes_agree([*trough, *free], chances),
        _trough_effect_small(trough, list(effects), smallest),
    ]
    return [condition for condition in found if condition is not None]


def _free(fit: Fit) -> bool:
    """Whether what is above and what is below baseline have effects of their own."""
    drives = (fit.model.drives[channel.prefix] for channel in fit.model.channels)
    return any(d.rectified and d.reads_above and d.reads_below and len(d.gains) > 1 for d in drives)


def _chances(fit: Fit) -> dict[str, float]:
    """Return by channel the probability that the effect at the trough is positive."""
    draws = gain_draws(fit)
    return (draws[GAIN_BELOW] > 0).groupby(draws["channel"]).mean().to_dict()


def _limit(chances: Mapping[str, float]) -> float:
    """Return the probability asked of one of several channels, any of which would do."""
    return 1.0 - (1.0 - SURE) / len(chances)


def _separable(fits: Iterable[Fit], timed: bool) -> Condition | None:
    shares = {}
    for fit in fits:
        for channel in fit.model.channels:
            formula = fit.model.effects.get(f"{channel.prefix}_{channel.moves}", "1")
            if not timed and "time" not in used_columns(formula):
                told = f"no term for time on task in {channel.prefix}_{channel.moves}"
                return Condition("separable", False, None, SEPARABLE, told)
        for row in separable(fit).itertuples():
            shares[f"{row.channel} in {fit.hypothesis}"] = row.r_squared
    shares = {where: share for where, share in shares.items() if np.isfinite(share)}
    if not shares:
        return None
    worst = max(shares, key=lambda where: shares[where])
    told = f"share of the motivation's variance that other terms explain, largest: {worst}"
    return Condition("separable", shares[worst] <= SEPARABLE, shares[worst], SEPARABLE, told)


def _encompassing_gain(chances: Mapping[str, Mapping[str, float]]) -> Condition | None:
    if not chances:
        return None
    fit = min(chances, key=lambda name: max(chances[name].values()))
    told = ", ".join(f"{channel} {chance:.3f}" for channel, chance in chances[fit].items())
    value, limit = max(chances[fit].values()), _limit(chances[fit])
    told = f"probability of a positive gain under {fit}: {told}"
    return Condition("encompassing_gain", value > limit, value, limit, told)


def _prior_shift(fits: list[Fit]) -> Condition | None:
    shifts, shallow = {}, []
    for fit in fits:
        card = identifiability(fit, scaling=False).table.set_index("parameter")
        for name in _headline(fit) & set(card.index):
            shifts[f"{name} in {fit.hypothesis}"] = abs(float(card.loc[name, "shift"]))
        if (ratio := _trough_ratio(fit)) is not None and ratio < RECTIFIER:
            shallow.append(f"{fit.hypothesis} ({ratio:.3g})")
    if not shifts:
        return None
    worst = max(shifts, key=lambda name: shifts[name])
    told = f"prior standard deviations of the largest shift, {worst}"
    if shallow:
        told += f"; trough shallower than the rectifier is soft ({RECTIFIER:g} peaks): "
        told += ", ".join(shallow)
    return Condition("prior_shift", shifts[worst] < FAR and not shallow, shifts[worst], FAR, told)


def _headline(fit: Fit) -> set[str]:
    """Return the names of free parameters that a claim is about: of kernel, drives and gains."""
    drives = [fit.model.drives[channel.prefix] for channel in fit.model.channels]
    names = {*Kernel.named(fit.model.kernel).parameters, *fit.model.gains}
    names = names.union(*(drive.parameters for drive in drives))
    return {name for name in names if fit.model.parameters[name].prior is not None}


def _trough_ratio(fit: Fit) -> float | None:
    """Return the median depth of one unit event's trough [peak]; None where there is none."""
    values = {name: fit.posterior[name].values for name in _headline(fit)}
    shape = kernel_shape(fit.model, values, (fit.posterior.sizes["chain"], 1))
    ratio = _depth(fit, shape)
    return None if ratio is None else float(np.median(ratio))


def _depth(fit: Fit, shape: Mapping[str, Any]) -> np.ndarray | None:
    """Return the depth of one unit event's trough [peak] at some shapes, if there is one."""
    return Kernel.named(fit.model.kernel)().unit_event(np, **shape).get(DEPTH)


def _modes_agree(fits: list[Fit], chances: Mapping[str, Mapping[str, float]]) -> Condition | None:
    told = []
    for fit in fits:
        modes = fit.record.get("pilot", {}).get("modes")
        if modes is None:
            return None
        weighed = all(item.ok for item in fit.verdict.items if item.name == "rival modes")
        if not weighed:
            told.append(f"{fit.hypothesis}: the chains do not weigh its modes")
        elif len(modes) > 1:
            found = chances.get(fit.hypothesis, {})
            sure = [channel for channel, chance in found.items() if chance > _limit(found)]
            told += _otherwise(fit, modes, sure)
    if not fits:
        return None
    return Condition("modes_agree", not told, len(told), 0, "; ".join(told) or "none does")


def _otherwise(fit: Fit, modes: list[Mapping[str, Any]], sure: list[str]) -> Iterator[str]:
    """Name the modes without a trough to speak of, or without a positive gain in these channels."""
    for i, mode in enumerate(modes, start=1):
        if mode.get("most", 1.0) < LIGHT:
            continue
        values = {name: np.array([value]) for name, value in mode["values"].items()}
        shape = kernel_shape(fit.model, values, (1,))
        ratio = _depth(fit, shape)
        gains = (implied_gains(fit.model, values, channel, shape) or {} for channel in sure)
        against = any(gain[GAIN_BELOW][0] <= 0 for gain in gains if gain)
        if against or (ratio is not None and ratio[0] < RECTIFIER):
            yield f"{fit.hypothesis}: mode {i}, with {100 * mode['share']:.0f} % of the mass"


def _trough_effect_small(
    fits: list[Fit], effects: list[Mapping[str, Any]], smallest: Mapping[str, float]
) -> Condition | None:
    bounds = {}
    for fit in fits:
        for channel in fit.model.channels:
            prefix = channel.prefix
            if not fit.model.drives[prefix].gains:
                continue
            mine = [e for e in effects if e["hypothesis"] == fit.hypothesis]
            size = [e["bound"] for e in mine if e.get("at") == LOBE and e["channel"] == prefix]
            if not size or prefix not in smallest:
                told = f"{NOT_COMPUTED}: nothing says which effect on {prefix} would be small"
                return Condition("trough_effect_small", False, told=told)
            bounds[f"{prefix} in {fit.hypothesis}"] = size[0], smallest[prefix]
    if not bounds:
        return None
    worst = max(bounds, key=lambda where: bounds[where][0] / bounds[where][1])
    value, limit = bounds[worst]
    told = f"95 % upper bound of the trough's effect, largest: {worst}"
    return Condition("trough_effect_small", value < limit, value, limit, told)


def kept(claim: Claim) -> list[Condition]:
    """Return what controls found before, which a new comparison does not change."""
    return [
        c
        for c in claim.conditions
        if c.name not in COMPARED and not c.told.startswith(NOT_COMPUTED)
    ]

"""Sizes of effects on the outcomes' own scale, for a subject in the middle of the population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from dopafit.channel import Channel
from dopafit.core.arguments import takes
from dopafit.drive.drive import DEPTH, LEVEL
from dopafit.fit.fit import Fit
from dopafit.model.layout.coordinates import natural
from dopafit.model.numpy_operations import numpy_operations
from dopafit.trace.kernel import Kernel

__all__ = ["contrast_effects", "effect_draws", "lobe_effects"]

DRAWS = 2000

PROBABILITY, BOUND = 0.95, 0.95
"""Of the intervals, equal-tailed, and of the upper bound of a size whatever its sign."""

PEAK, TROUGH = "peak", "trough"


@takes(fit=Fit)
def lobe_effects(fit: Fit) -> list[dict[str, Any]]:
    """Return what behaviour is like at the top and the bottom of one unit event, beside rest.

    Only for drives that read the level and nothing else, at the lobes that move them, and for
    channels that say what is typical of a predictor. Covariates have their mean over the rows,
    factors their reference level.

    Parameters
    ----------
    fit : Fit
        A fit.

    Returns
    -------
    list of dict
        Plain data: `hypothesis`, `channel`, `at` (``"peak"`` or ``"trough"``), `words`, `unit`,
        `change` (how `median`, `lower`, `upper` tell the difference: in points, as a ratio less 1,
        or in the unit), `before`, `after` (medians), and `bound`, which 95 % of the draws' sizes
        do not exceed.
    """
    sizes = _lobe_sizes(Middle(fit, fit.thinned(DRAWS)))
    return [told | _summary(change) for told, change in sizes]


@takes(fit=Fit)
def contrast_effects(fit: Fit) -> list[dict[str, Any]]:
    """Return the effects of the study's own factors, each level against its reference.

    Parameters
    ----------
    fit : Fit
        A fit.

    Returns
    -------
    list of dict
        As from `lobe_effects`, with `parameter`, `level` and `against` instead of `at`. What adds
        to a channel's predictor at rest is told on the outcome's scale, times and ratios of the
        response as a ratio, others on the scale on which they add up.
    """
    sizes = _contrast_sizes(Middle(fit, fit.thinned(DRAWS)))
    return [told | _summary(change) for told, change in sizes]


def effect_draws(fit: Fit, theta: np.ndarray) -> np.ndarray:
    """Return draws of the effects of `lobe_effects`, then of `contrast_effects`.

    Parameters
    ----------
    fit : Fit
        A fit.
    theta : array, (draw, entry)
        Parameter vectors.

    Returns
    -------
    array, (effect, draw)
    """
    middle = Middle(fit, theta)
    changes = [change for _, change in (*_lobe_sizes(middle), *_contrast_sizes(middle))]
    return np.array([np.broadcast_to(change, len(theta)) for change in changes])


def _lobe_sizes(middle: Middle) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield what behaviour is like at each lobe, and draws of how far that is from rest."""
    model = middle.fit.model
    for channel in model.channels:
        drive = model.drives[channel.prefix]
        if channel.typical_words is None or not drive.gains or drive.needs != (LEVEL,):
            continue
        rest = middle.typical(channel)
        for at, level in middle.lobes(drive.reads_above, drive.reads_below).items():
            there = middle.typical(channel, middle.moved(channel, level))
            told, change = middle.told(channel, rest, there)
            yield told | {"at": at}, change


def _contrast_sizes(middle: Middle) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield each level of the study's factors against its reference, and draws of its effect."""
    fit = middle.fit
    moved = {f"{c.prefix}_{own}": (c, own) for c in fit.model.channels for own in ("rest", c.moves)}
    for name, design in fit.layout.designs.items():
        effects = middle.effects(name)
        for label, against in design.contrasts.items():
            if not against:
                continue
            effect, parameter = effects[label], fit.model.parameters[name]
            channel, own = moved.get(name, (None, ""))
            if channel is not None and channel.typical_words is not None:
                sizes = middle.typical(channel), middle.typical(channel, more={own: effect})
                told, size = middle.told(channel, *sizes)
            else:
                change = "ratio" if parameter.link == "log" else "difference"
                size = np.expm1(effect) if parameter.link == "log" else effect
                unit = parameter.unit if parameter.link == "identity" else "logit"
                told = {"hypothesis": fit.hypothesis, "change": change, "words": parameter.meaning}
                told |= {"channel": channel.prefix} if channel is not None else {}
                told |= {"unit": "" if change == "ratio" else unit}
            yield told | {"parameter": name, "level": label, "against": against}, size


class Middle:
    """Draws of what is true of a subject in the middle of the population."""

    def __init__(self, fit: Fit, theta: np.ndarray) -> None:
        self.fit, self.program = fit, fit.layout.program
        self.theta = theta.T
        self.operations = numpy_operations(fit.layout.arrays)

    def effects(self, name: str) -> dict[str, np.ndarray]:
        """Return a parameter's fixed effects by label, on its link scale, (draw,)."""
        entries = enumerate(self.fit.layout.coordinates.entries)
        mine = (i for i, e in entries if e.parameter == name and e.role == "effect")
        return dict(zip(self.fit.layout.designs[name].columns, self.theta[list(mine)], strict=True))

    def value(self, name: str, more: Any = 0.0) -> Any:
        """Return a parameter's natural value at mean covariates, with `more` on its link scale."""
        design, parameter = self.fit.layout.designs.get(name), self.fit.model.parameters[name]
        if design is None and parameter.prior is None:
            return float(parameter.fixed)
        link = self.theta[self.program.places[name]] + more
        if design is not None:
            effects, contrasts = self.effects(name), design.contrasts
            for label, mean in zip(design.columns, design.fixed.mean(axis=0), strict=True):
                link = link + (0.0 if label in contrasts else mean) * effects[label]
        return natural(parameter, link)

    def lobes(self, above: bool, below: bool) -> dict[str, Any]:
        """Return the levels at the lobes of one unit event that are asked for, if it has them."""
        unit = self.program.unit_event(self.theta, self.operations)
        goes_below = Kernel.named(self.fit.model.kernel).goes_below and DEPTH in unit
        found = {PEAK: 1.0} if above else {}
        return found | ({TROUGH: -unit[DEPTH]} if below and goes_below else {})

    def moved(self, channel: Channel, level: Any) -> Any:
        """Return what a level adds to a channel's predictor."""
        drive = self.fit.model.drives[channel.prefix]
        m, unit = self.operations, self.program.unit_event(self.theta, self.operations)
        own = {name: self.program.population(name, self.theta, m) for name in drive.parameters}
        motivation = drive().motivation(np, {LEVEL: level}, unit, **own)
        gains = (self.value(f"{channel.prefix}_{gain}") for gain in drive.gains)
        return sum(gain * part for gain, part in zip(gains, motivation, strict=True))

    def after(self, channel: Channel, time: np.ndarray) -> np.ndarray:
        """Return what one unit event adds to a channel's predictor after a time, (time, draw)."""
        kernel = Kernel.named(self.fit.model.kernel)()
        names = [name for name in kernel.parameters if name not in Kernel.elsewhere]
        shape = {n: self.program.population(n, self.theta, self.operations) for n in names}
        level = kernel.response(time[:, None], peak=1.0, **shape)
        return self.moved(channel, level)

    def typical(
        self, channel: Channel, moved: Any = 0.0, more: Mapping[str, Any] = MappingProxyType({})
    ) -> Any:
        """Return the channel's typical outcome, (draw,), with `more` on some parameters' links."""
        prefix, names = channel.prefix, channel.active()
        own = {n: self.value(f"{prefix}_{n}", more.get(n, 0.0)) for n in names}
        own[channel.moves] = own[channel.moves] + moved
        return channel.typical(own.pop("rest"), **own)

    def told(self, channel: Channel, before: Any, after: Any) -> tuple[dict[str, Any], Any]:
        """Return two typical outcomes, and draws of how far they differ."""
        how = channel.typical_words
        change = after / before - 1.0 if how.change == "ratio" else after - before
        told = {
            "hypothesis": self.fit.hypothesis,
            "channel": channel.prefix,
            "words": f"{channel.called}: {how.words}" if channel.called else how.words,
            "unit": how.unit,
            "change": how.change,
            "before": float(np.median(before)),
            "after": float(np.median(after)),
        }
        return told, change


def _summary(change: np.ndarray) -> dict[str, float]:
    tail = (1.0 - PROBABILITY) / 2
    quantiles = {"median": 0.5, "lower": tail, "upper": 1.0 - tail}
    found = {name: float(np.quantile(change, share)) for name, share in quantiles.items()}
    return found | {"bound": float(np.quantile(np.abs(change), BOUND))}

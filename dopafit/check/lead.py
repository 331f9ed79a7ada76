"""By how much what events do leads what goes on without them, and a trough what has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dopafit.backend.evidence.proposals import log_mean
from dopafit.fit.fit import Fit
from dopafit.model.claim import Model
from dopafit.model.rivals import NO_TROUGH, TROUGH

__all__ = ["Lead", "events_lead", "members", "models_of", "trough_lead"]

Lead = Callable[[Mapping[str, float]], float]
"""From log marginal likelihoods by hypothesis to a difference [nats]."""


def models_of(hypotheses: Mapping[str, Model | Fit]) -> dict[str, Model]:
    """Return the models of hypotheses, some of which may have been fitted."""
    return {name: h.model if isinstance(h, Fit) else h for name, h in hypotheses.items()}


def events_lead(models: Mapping[str, Model]) -> Lead | None:
    """Return by how much the best hypothesis in which events move something leads the others.

    Parameters
    ----------
    models : mapping of str to Model
        All that are compared.

    Returns
    -------
    Lead or None
        None where there is nothing to hold against each other.
    """
    moved = [name for name, model in models.items() if model.moved]
    idle = [name for name in models if name not in moved]
    if not moved or not idle:
        return None
    return lambda value: max(map(value.__getitem__, moved)) - max(map(value.__getitem__, idle))


def trough_lead(models: Mapping[str, Model]) -> Lead | None:
    """Return by how much the trough family, mixed equally, leads the best without a trough.

    Parameters and returns are those of `events_lead`.
    """
    trough, plain = (members(models, family) for family in (TROUGH, NO_TROUGH))
    if not trough or not plain:
        return None

    def lead(value: Mapping[str, float]) -> float:
        mixed = log_mean(np.array([value[name] for name in trough]))
        return float(mixed - max(value[name] for name in plain))

    return lead


def members(models: Mapping[str, Model], family: str) -> list[str]:
    """Return the names of the hypotheses of a family."""
    return [name for name, model in models.items() if model.family == family]

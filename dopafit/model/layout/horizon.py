"""How far back a read looks for events, where the trace is a sum over pairs of the two."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.trace.dynamics import Pairs
from dopafit.trace.gaps import pair_counts
from dopafit.trace.kernel import Kernel

__all__ = ["MOST_PAIRS", "pair_horizon"]

MOST_PAIRS = 20_000_000
"""Pairs of a read and an event before it: 0.6 gigabytes, and about half a second a gradient."""


def pair_horizon(model: Model, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return `pair_horizon` [s], (1,), where a model's trace is a sum over pairs; else nothing.

    Raises
    ------
    SpecError
        The horizon is to be estimated, or there are too many pairs.
    """
    kernel = Kernel.named(model.kernel)
    if not (model.moved and isinstance(kernel.dynamics, Pairs)):
        return {}
    name = kernel.dynamics.horizon
    horizon = model.parameters[name].fixed
    if horizon is None:
        raise SpecError(
            f"priors: {name} of the kernel {kernel.name} cannot be estimated",
            allowed=f"a fixed {name} [s], for it decides which events a read sees",
            todo=f"leave the prior out, or write fixed: {{{name}: ...}}",
        )
    found = {"pair_horizon": np.array([horizon])}
    _, count = pair_counts(arrays | found)
    if count.sum() > MOST_PAIRS:
        raise SpecError(
            f"the kernel {kernel.name} makes {count.sum():,} pairs of a read and an event less "
            f"than {horizon:g} s before it",
            allowed=f"up to {MOST_PAIRS:,} pairs",
            todo=f"fix a smaller {name}, correct typical_spacing, give presses as counts, or take "
            "another kernel",
        )
    return found

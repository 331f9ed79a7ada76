"""Behaviour drawn from a model with given parameters, events as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from dopafit.channel import Channel, Rows
from dopafit.channel.thinning import LIMIT
from dopafit.core.arguments import takes
from dopafit.core.errors import SpecError
from dopafit.core.seed import generator
from dopafit.model.claim import Model
from dopafit.model.layout.coordinates import Coordinates, in_range
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.numpy_operations import numpy_operations
from dopafit.model.program import Operations, named_if_it_fails
from dopafit.model.turns import Turns
from dopafit.study.study import Study

__all__ = ["Replicator", "draw_population", "simulate"]

GRID = 10
"""How much finer than the likelihood's the grid is on which the press rate is interpolated."""


@dataclass(frozen=True)
class Replicator:
    """Draws replicated behaviour for one model and study.

    Parameters
    ----------
    layout : Layout
        A layout made with ``simulation=True``.
    """

    layout: Layout

    @cached_property
    def _operations(self) -> Operations:
        return numpy_operations(self.layout.arrays)

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self.layout)

    @classmethod
    def of(cls, model: Model, study: Study) -> Replicator:
        """Lay the model out for replication of the study's own rows."""
        return cls(build_layout(model, study, refine=GRID, simulation=True))

    def draw(
        self, theta: np.ndarray, rng: np.random.Generator, *, limit: int = LIMIT
    ) -> dict[str, pd.DataFrame]:
        """Draw every channel once.

        Parameters
        ----------
        theta : array, (entry,)
            Parameter vector in this layout's coordinates.
        rng : Generator
            Source of randomness.
        limit : int
            Most acts of one channel.

        Returns
        -------
        dict of str to DataFrame
            What `Channel.draw` returns: for a trial-wise channel its outcome columns, one row per
            row of the layout; for acts `subject`, `session`, `time` [s].
        """
        layout, m = self.layout, self._operations
        program, arrays = layout.program, layout.arrays
        moved = program.motivation(arrays, theta, m)
        entry = {Coordinates.key(e): i for i, e in enumerate(layout.coordinates.entries)}

        def one(channel: Channel, eta: np.ndarray, rows: Rows, own: Any) -> pd.DataFrame:
            names = {t: f"{channel.prefix}_rest_effect[{t}]" for t in channel.extra_terms()}
            terms = {t: theta[entry[name]] for t, name in names.items()}
            with named_if_it_fails(type(channel)):
                return channel.draw(rng, eta, rows, own, terms, limit)

        def some(channel: Channel, eta: np.ndarray, rows: Rows, own: Any) -> Mapping[str, Any]:
            if type(channel).draw is Channel.draw:  # a frame for every few rows takes its time
                return channel.simulate(rng, eta, rows.data, **own)
            return one(channel, eta, rows, own)

        drawn = {}
        for channel in program.model.channels:
            prefix = channel.prefix
            if prefix not in self._turns.names:
                eta, options = program.arguments(prefix, moved, arrays, theta, m)
                drawn[prefix] = one(channel, np.array(eta), layout.rows[prefix], options)
        return drawn | self._turns.draw(theta, moved, m, some)


def draw_population(
    coordinates: Coordinates, rng: np.random.Generator, truth: Mapping[str, float] | None = None
) -> tuple[np.ndarray, dict[str, float]]:
    """Draw one theta: values, effects and spreads from `truth` or, failing that, the prior.

    Group deviations are always drawn, with the standard deviations so obtained.

    Returns
    -------
    theta : array, (entry,)
    values : dict
        Every quantity by its summary name, natural scale.
    """
    truth = dict(truth or {})
    x, h = coordinates.prior_draws(rng, ())
    for i, (name, part, label) in enumerate(coordinates.half_names):
        key = f"{name}_{part}[{label}]" if part == "sd" else name
        if key in truth:
            h[i] = in_range(key, truth[key], "identity")
            if h[i] < 0:
                raise SpecError(
                    f"truth: {key} = {truth[key]!r}",
                    allowed="a number, 0 or above",
                    todo="give a standard deviation, 0 for no spread, or leave it out",
                )
    theta = coordinates.theta_from_truth(truth, coordinates.theta(x, h))
    labels = coordinates.labels()
    values: dict[str, float] = {}
    for name, (dims, value) in coordinates.named(theta, h).items():
        if not dims:
            values[name] = float(value)
        else:
            values |= {
                f"{name}[{t}]": float(v) for t, v in zip(labels[dims[0]], value, strict=True)
            }
    return theta, values


@takes(model=Model, design=Study, truth=(Mapping, NoneType))
def simulate(
    model: Model,
    design: Study,
    *,
    seed: int,
    truth: Mapping[str, float] | None = None,
    limit: int = LIMIT,
) -> tuple[Study, dict[str, float]]:
    """Simulate the model's channels over a study's subjects, sessions, events and trial times.

    Parameters
    ----------
    model : Model
        The claim; its channels say which columns and presses are filled in.
    design : Study
        Supplies everything but the behaviour.
    seed : int
        Source of randomness.
    truth : mapping of str to float, optional
        Parameter values by summary name; the rest are drawn from the prior.
    limit : int
        Most acts of one channel.

    Returns
    -------
    study : Study
        Labelled simulated.
    truth : dict
        Every value the data were made with.

    Raises
    ------
    SpecError
        A name in `truth` that the model does not have.
    FitError
        The parameters imply more acts than the limit.
    """
    blank = design
    for channel in model.channels:
        blank = channel.blank(blank)
    replicator = Replicator.of(model, blank)
    theta, values = draw_population(
        replicator.layout.coordinates, generator(seed, "simulate/population"), truth
    )
    for name in truth or {}:
        if name not in values:
            wrong = f"truth: {name!r} is not a quantity of this model"
            raise SpecError(wrong, given=name, known=[k for k in values if "_group[" not in k])
    drawn = replicator.draw(theta, generator(seed, "simulate/behaviour"), limit=limit)
    study = blank
    for channel in model.channels:
        study = channel.filled(study, drawn[channel.prefix])
    return replace(study, simulated=True), values

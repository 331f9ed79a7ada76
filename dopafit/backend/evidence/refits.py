"""A fit without one unit, and what it says of that unit: exact where reweighting cannot be trusted.

The unit's rows are taken out of the data that the compiled code runs over; coordinates and code
stay. So the posterior's own shape and draws start and scale the chains, and few draws do: they are
of the shared coordinates, and the subject's own are integrated out as
`dopafit.backend.evidence.integrated` does. A subject left out is met with the prior that its
population is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dopafit.backend.codegen.tables import prepare
from dopafit.backend.diagnostics import effective_size, largest_r_hat
from dopafit.backend.evidence.integrated import integrate_subjects
from dopafit.backend.evidence.proposals import log_mean
from dopafit.backend.evidence.subjects import find_subjects
from dopafit.backend.geometry.blocks import Blocks, find_blocks
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.pilot import LARGEST
from dopafit.backend.geometry.reparametrisation import Reparametrisation, scaled_gains
from dopafit.backend.geometry.search import measured_mode, population_values
from dopafit.backend.sampler.compiled import Density, Sampled
from dopafit.backend.sampler.draw import SamplerSettings, run
from dopafit.backend.sampler.engine import Target
from dopafit.core.seed import integer_seed
from dopafit.model.layout.layout import Layout
from dopafit.model.layout.part import with_rows

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["CHAINS", "Refit", "Refits"]

CHAINS, TUNE, FIRST, MOST = 2, 200, 200, 1600
"""Chains; draws of each for adaptation, at the first look, and at the last."""

SCORED = 400
"""Draws of a chain at most over which the unit's density is averaged, evenly spread."""

INNER = 100
"""Draws of the subject's own coordinates."""

ENOUGH = 0.1
"""Monte Carlo error of a unit's score at which draws are enough, unless another is asked for."""

R_HAT = 1.05
"""Largest R-hat of population values and of the unit's density."""

DIVERGING = 0.01
"""Largest share of divergent draws."""


@dataclass(frozen=True)
class Refit:
    """What a fit without a unit says of it.

    Parameters
    ----------
    value, error : float
        Log predictive density, and its Monte Carlo standard error.
    draws : int
        Draws in all chains.
    r_hat : float
        The largest of population values and of the unit's density.
    divergences : int
    fine : bool
        Whether it may be believed.
    """

    value: float
    error: float
    draws: int
    r_hat: float
    divergences: int
    fine: bool


class Refits:
    """Fits without units, one by one; may be asked by several threads at once.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    x, h : array, (chain, draw, ...)
        Draws of the posterior that knows all units.
    after : float, optional
        Where sessions are cut; see `dopafit.backend.evidence.subjects.find_subjects`.
    """

    def __init__(
        self, layout: Layout, x: np.ndarray, h: np.ndarray, *, after: float | None = None
    ) -> None:
        self.layout, self.subjects = layout, find_subjects(layout, after)
        self.points = np.concatenate([x, np.log(h)], axis=-1).reshape(-1, x.shape[-1] + h.shape[-1])
        self.density = Density(layout)
        self.watched = population_values(layout.coordinates)
        self.watched[layout.coordinates.normals :] = True
        coordinates, middle = layout.coordinates, self.points.mean(axis=0)
        dense = self.density.size <= LARGEST
        owners = Blocks(np.arange(self.density.size), ()) if dense else find_blocks(layout)
        if owners.shared.size > LARGEST:  # each keeps its own scale
            change = Reparametrisation(coordinates, middle)
        else:
            variance = self.points[:, : coordinates.normals].var(axis=0)
            measure = partial(Arrowhead.measure, blocks=owners)
            scaled = self.density.scaled
            change = measured_mode(coordinates, scaled, middle, variance, measure).change
        self.change = replace(change, gains=scaled_gains(layout, change.centring))

    def rows(self, unit: str, place: int) -> dict[str, np.ndarray]:
        """Return which rows belong to a unit, by channel."""
        owner, of_row = self.subjects.subject, self.subjects.of_row
        if unit == "subject":
            return {name: owner[part] == place for name, part in of_row.items()}
        part = np.flatnonzero(self.subjects.scored)[place]
        return {name: each == part for name, each in of_row.items()}

    def target(self, left_out: dict[str, np.ndarray]) -> Target:
        """Return what is sampled without some rows."""
        part = with_rows(self.layout, {name: ~rows for name, rows in left_out.items()})
        density = Sampled(self.density.replaced(prepare(part.arrays)), self.change)
        c = self.layout.coordinates

        def start(seed: int, rank: int) -> np.ndarray:
            picked = np.random.default_rng(seed).integers(len(self.points))
            return density.change.from_model(self.points[picked])

        shapes = {"x": (c.normals,), "h": (c.halves,)}
        return Target(density.size, shapes, density.density, density.expand, start)

    def without(
        self, unit: str, place: int, *, seed: int, cores: int | None = None, error: float = ENOUGH
    ) -> Refit:
        """Return what a fit without a unit says of it.

        Parameters
        ----------
        unit : {"session", "subject", "future"}
        place : int
            Which one, in the order of the scores.
        seed : int
            Source of its draws.
        cores : int, optional
            Chains that run at a time; all cores unless given.
        error : float
            Monte Carlo error at which draws are enough.
        """
        name = f"refit/{self.layout.program.model.hypothesis}/{unit}/{place}"
        settings = SamplerSettings(
            draws=FIRST, max_draws=MOST, tune=TUNE, chains=CHAINS, cores=cores,
            seed=integer_seed(seed, name),
        )  # fmt: skip
        found: list[Refit] = []

        def enough(tree: xr.DataTree) -> bool:
            if self._r_hat(tree) <= R_HAT:
                found[:] = [self._scored(unit, place, tree, seed)]
            return bool(found) and found[0].fine and found[0].error <= error

        tree = run(self.target(self.rows(unit, place)), settings, enough=enough)
        # the last look asks nobody
        last = not found or found[0].draws < CHAINS * tree["posterior"].sizes["draw"]
        return self._scored(unit, place, tree, seed) if last else found[0]

    def _r_hat(self, tree: xr.DataTree) -> float:
        x, h = (tree["posterior"][name].values for name in ("x", "h"))
        watched = np.concatenate([x, np.log(h)], axis=-1)[..., self.watched]
        return largest_r_hat(watched.transpose(2, 0, 1))

    def _scored(self, unit: str, place: int, tree: xr.DataTree, seed: int) -> Refit:
        """Integrate the unit's subject over the draws of a fit without the unit."""
        part = place if unit == "subject" else np.flatnonzero(self.subjects.scored)[place]
        subject = place if unit == "subject" else int(self.subjects.subject[part])
        one = self.subjects.only(subject)
        if unit == "subject":
            one = replace(one, scored=np.zeros(len(one.sessions), bool))
        layout = with_rows(self.layout, self.rows("subject", subject))
        x, h = (tree["posterior"][name].values for name in ("x", "h"))
        given = integrate_subjects(
            layout, x, h, seed=seed, draws=SCORED, count=INNER, subjects=one, own=False
        )
        if unit == "subject":
            log_p, weak = given.log_subject[..., 0], given.unreliable("subject")[0]
        else:
            mine = self.subjects.of_subject[subject] == part
            log_p = given.log_session[..., mine[: len(one.sessions)]][..., 0]
            weak = given.unreliable(unit)[mine[: len(one.sessions)][one.scored]][0]
        value = float(log_mean(log_p.ravel()))
        share = np.exp(log_p - value)
        size = effective_size(share)
        error = float(share.std() / np.sqrt(size)) if size > 0 else float("inf")
        r_hat = max(largest_r_hat(log_p[None]), self._r_hat(tree))
        divergences = int(tree["sample_stats"]["diverging"].values.sum())
        draws = x.shape[0] * x.shape[1]
        fine = not weak and r_hat <= R_HAT and divergences <= DIVERGING * draws
        return Refit(value, error, draws, r_hat, divergences, bool(fine))

"""One claim met one study: draws, verdict, and all that is needed to go on from there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dopafit.backend.diagnostics import CONVERGENCE, summary
from dopafit.backend.sampler.backends import require_backend
from dopafit.backend.sampler.draw import Interrupted, SamplerSettings
from dopafit.backend.store import read_tree, write_tree
from dopafit.core.arguments import PATH, require, takes
from dopafit.core.component import OUTSIDE
from dopafit.core.errors import DopafitError, FitError
from dopafit.core.seed import generator, integer_seed
from dopafit.core.shown import Shown
from dopafit.fit.derived import name_draws
from dopafit.fit.looks import Looks, budget, looks_text
from dopafit.fit.progress import Progress, auto_progress
from dopafit.fit.sampling import check_room, draw, prepared
from dopafit.fit.stored import contradiction
from dopafit.fit.verdict import Verdict
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.study.archive import study_from_bytes, study_to_bytes
from dopafit.study.study import Study

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Fit", "fit"]

FORMAT = 2
DEEP = (AttributeError, RecursionError, OverflowError)
"""What text of the wrong form raises inside a reader, beside the usual."""

PROBABILITY = 0.9
"""Probability of the intervals in summaries (equal-tailed)."""


@dataclass(frozen=True, eq=False)
class Fit(Shown):
    """The posterior of one model given one study.

    Parameters
    ----------
    model : Model
        The claim, resolved over the study: with the unit of magnitude and the reference levels.
    study : Study
        The data.
    posterior : Dataset, dims (chain, draw, ...)
        Every quantity on its natural scale.
    coordinates : Dataset, dims (chain, draw, ...)
        The standard coordinates that were sampled.
    sample_stats : Dataset
        The sampler's own record.
    verdict : Verdict
        Whether the fit may be believed.
    seed : int
        The seed everything was drawn with.
    record : dict
        Sampler settings, versions, times.
    """

    model: Model
    study: Study
    posterior: xr.Dataset
    coordinates: xr.Dataset
    sample_stats: xr.Dataset
    verdict: Verdict
    seed: int
    record: dict[str, Any]

    @property
    def hypothesis(self) -> str:
        """Name of the hypothesis that was fitted."""
        return self.model.hypothesis

    @cached_property
    def layout(self) -> Layout:
        """The model laid out over the study; built on first use."""
        return build_layout(self.model, self.study)

    @cached_property
    def theta(self) -> np.ndarray:
        """Parameter vectors, (chain, draw, entry)."""
        return self.layout.coordinates.theta(
            self.coordinates["x"].values, self.coordinates["h"].values
        )

    def thinned(self, draws: int) -> np.ndarray:
        """Return about `draws` parameter vectors, evenly spread over all chains, (draw, entry)."""
        flat = self.theta.reshape(-1, self.theta.shape[-1])
        return flat[np.unique(np.linspace(0, len(flat) - 1, min(draws, len(flat))).astype(int))]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a quantity: mean, sd, median, 90 % equal-tailed interval, R-hat, ESS."""
        table = summary(self.posterior, PROBABILITY)
        if self.verdict.approximation:  # of draws that are no chain these say nothing
            table[list(CONVERGENCE)] = np.nan
        return table

    @cached_property
    def prior(self) -> xr.Dataset:
        """4,000 draws of every quantity from the prior."""
        rng = generator(self.seed, f"prior/{self.hypothesis}")
        x, h = self.layout.coordinates.prior_draws(rng, (1, 4000))
        return name_draws(self.layout, self.study, x, h)

    def log_likelihood(
        self, unit: str, *, draws: int | None = None
    ) -> tuple[np.ndarray, list[str]]:
        """Return the log likelihood by leave-out unit, all channels summed.

        Parameters
        ----------
        unit : {"trial", "session"}
            What is left out together.
        draws : int, optional
            Use about this many draws per chain; all unless given.

        Returns
        -------
        array, (chain, draw, unit)
        list of str
            Labels of the units.
        """
        from dopafit.fit.likelihood import unit_log_likelihood

        return unit_log_likelihood(self, unit, draws=draws)

    def to_datatree(self, *, unit: str = "trial", predictive: int = 200) -> xr.DataTree:
        """Return the fit as ArviZ takes it.

        Parameters
        ----------
        unit : {"trial", "session"}
            What `log_likelihood` has one value of, per channel: what is left out by ``az.loo``.
        predictive : int
            Number of replicates in `posterior_predictive`, spread evenly over the draws.

        Returns
        -------
        DataTree
            Groups `posterior`, `prior`, `posterior_predictive`, `log_likelihood` (one variable a
            channel; ``az.loo`` takes its name as ``var_name``), `log_prior`, `observed_data` and
            `sample_stats`. Outcomes have one value a trial; acts at times of their own are counted
            by session. Attributes hold the verdict.

        Raises
        ------
        SpecError
            An unknown unit.

        Examples
        --------
        >>> import arviz as az  # doctest: +SKIP
        >>> az.plot_trace(fit.to_datatree(), var_names=["trough_ratio"])
        """
        from dopafit.fit.datatree import datatree

        return datatree(self, unit=unit, predictive=predictive)

    # ------------------------------------------------------------------ save and load
    def save(self, path: str | Path) -> Path:
        """Write the fit, its model and its data to one netCDF file.

        Raises
        ------
        FitError
            The file cannot be written.
        """
        attributes = {
            "dopafit_format": FORMAT,
            "model": json.dumps(self.model.to_dict(), sort_keys=True),
            "model_hash": self.model.hash,
            "study_hash": self.study.hash,
            "verdict": json.dumps(self.verdict.to_dict()),
            "seed": str(self.seed),
            "record": json.dumps(self.record),
        }
        groups = {
            "posterior": self.posterior,
            "coordinates": self.coordinates,
            "sample_stats": self.sample_stats,
        }
        return write_tree(Path(path), groups, attributes, study_to_bytes(self.study))

    @classmethod
    def load(cls, path: str | Path) -> Fit:
        """Read a fit; it predicts, compares and draws figures like the day it was made.

        Raises
        ------
        FitError
            No such file, not a fit, made by a newer format, or changed since it was written.
        """
        require("Fit.load: path", path, *PATH)
        groups, attributes, blob = read_tree(Path(path))
        if str(attributes.get("dopafit_format")) != str(FORMAT):
            raise FitError(
                f"{path} is not a fit of format {FORMAT}",
                allowed=f"format {FORMAT}",
                todo="fit again, or read it with the version of dopafit that wrote it",
            )
        changed = {
            "allowed": "a fit as it was saved: model, data and verdict those of the draws",
            "todo": "the file was changed or damaged; restore it from a copy, or fit again",
        }
        try:
            model = Model.from_dict(json.loads(attributes["model"]))
            study = study_from_bytes(blob)
            verdict = Verdict.from_dict(json.loads(attributes["verdict"]))
            seed, record = int(attributes["seed"]), dict(json.loads(attributes["record"]))
            hashes = str(attributes["model_hash"]), str(attributes["study_hash"])
        except (DopafitError, LookupError, TypeError, ValueError, *DEEP) as error:
            raise FitError(f"{path} cannot be read: {error}", **changed) from error
        for what, have, want in (
            ("model", model.hash, hashes[0]),
            ("study", study.hash, hashes[1]),
        ):
            if have != want:
                raise FitError(
                    f"{path}: the {what} in the file does not match its checksum", **changed
                )
        if wrong := contradiction(verdict, *groups.values()):
            raise FitError(f"{path}: {wrong}", **changed)
        return cls(model, study, *groups.values(), verdict, seed, record)

    def _table_shown(self) -> pd.DataFrame:
        rows = self.summary
        keep = rows[~rows["parameter"].str.contains("_group")] if "parameter" in rows else rows
        shown = ["median", "lower", "upper", "mean", "sd", "r_hat", "ess_bulk"]
        return keep.set_index("parameter")[shown]

    def __repr__(self) -> str:
        lines = [f"Fit: {self.hypothesis} on {self.study.name!r}, {self.verdict.stamp}"]
        if self.study.simulated:
            lines.append("SIMULATED DATA")
        lines += [f"warning: {text}" for text in self.record.get("warnings", ())]
        if seen := looks_text(self.record):
            lines.append(seen)
        lines.append(f"median and {PROBABILITY:.0%} equal-tailed interval, mean and sd")
        lines.append(self._table_shown().to_string(float_format=lambda v: f"{v:.4g}"))
        return "\n".join(lines)


@takes(model=Model, study=Study, progress=(Progress, str))
def fit(
    model: Model,
    study: Study,
    *,
    seed: int,
    draws: int = 500,
    max_draws: int | None = None,
    tune: int = 300,
    chains: int = 4,
    cores: int | None = None,
    target_accept: float = 0.9,
    sampler: str = "nutpie",
    backend: str = "numba",
    progress: Progress | str = "auto",
) -> Fit:
    """Draw from the posterior of a model given a study, and judge the draws.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The data.
    seed : int
        One seed; everything follows from it.
    draws : int
        Draws per chain at the first look. Where the verdict asks for more, the same chains go on
        to twice as many, and so on; all draws are kept.
    max_draws : int, optional
        Draws per chain at which sampling ends at the latest; unless given 4,000, or `draws` if
        that is more.
    tune, chains : int
        Draws spent on adaptation per chain; number of chains.
    cores : int, optional
        Chains run at a time; all cores unless given.
    target_accept : float
        Mean acceptance that the step size aims at.
    sampler : {"nutpie", "pymc"}
        Whose No-U-Turn sampler draws. "pymc" is an independent check: PyMC's own, on the model of
        `to_pymc`, from PyMC's starting points. It makes `draws` per chain, one chain after another.
    backend : {"numba", "jax"}
        What computes the log density. "jax" is meant for a graphics processor and needs JAX
        (``pip install "dopafit[jax]"``); the posterior is the same.
    progress : Progress or str
        "auto", "terminal", "notebook", "log" or "silent".

    Returns
    -------
    Fit
        Check `fit.verdict` before anything else. Stopped by Ctrl-C after at least 50 draws, the
        fit made so far, whose verdict then says so.

    Raises
    ------
    SpecError
        The model does not fit the study, or a setting is not allowed.
    FitError
        The sampler could not run, or was stopped before there was anything to keep; JAX is asked
        for and missing.
    """
    show = auto_progress(mode=progress) if isinstance(progress, str) else progress
    settings = SamplerSettings(
        draws=draws,
        max_draws=budget(draws) if max_draws is None and sampler == "nutpie" else max_draws,
        tune=tune,
        chains=chains,
        cores=cores,
        target_accept=target_accept,
        sampler=sampler,
        backend=backend,
        seed=integer_seed(seed, f"sampling/{model.hypothesis}"),
    )
    require_backend(backend)
    show.phase("laying out", model.hypothesis)
    layout = build_layout(model, study)
    show.done(layout.size)
    notes: dict[str, Any] = {}
    check_room(settings, layout)
    looks = Looks(layout, model, study, settings, notes)
    label, stopped = model.hypothesis, False
    try:
        tree = draw(
            lambda: prepared(layout, settings, seed, label=label, progress=show, notes=notes),
            settings,
            label=label,
            progress=show,
            look=looks,
        )
    except Interrupted as stop:
        if stop.partial is None:
            raise
        tree, stopped = stop.partial, True
    *draws_made, verdict = looks.judge(tree, stopped=stopped)
    record = {
        "settings": settings.to_dict(),
        "components": dict(OUTSIDE),
        "interrupted": stopped,
        "pilot": {k: v for k, v in notes.items() if k != "places"},
        "looks": looks.record,
        "rows": {name: len(rows) for name, rows in layout.rows.items()},
        "excluded": {name: rows.excluded for name, rows in layout.rows.items()},
        "warnings": list(layout.warnings),
        **{k: v for k, v in tree.attrs.items() if isinstance(v, (str, int, float))},
    }
    made = Fit(layout.program.model, study, *draws_made, verdict, seed, record)
    made.__dict__["layout"] = layout
    return made

"""A fit as ArviZ takes it: a tree with the groups that its functions look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from dopafit.core.seed import generator
from dopafit.fit.likelihood import channel_log_likelihood, unit_labels
from dopafit.model.play import Replicator
from dopafit.study.sessions import session_names

if TYPE_CHECKING:
    from dopafit.fit.fit import Fit

__all__ = ["datatree"]

MANY = 1_000_000
"""Acts of one channel at which a replicate is given up."""


def datatree(fit: Fit, *, unit: str, predictive: int) -> xr.DataTree:
    """Return a fit as a tree; see `Fit.to_datatree`."""
    replicates, observed = _replicates(fit, predictive)
    groups = {
        "posterior": fit.posterior,
        "prior": fit.prior,
        "posterior_predictive": replicates,
        "log_likelihood": _log_likelihood(fit, unit),
        "log_prior": _log_prior(fit),
        "observed_data": observed,
        "sample_stats": fit.sample_stats,
    }
    tree = xr.DataTree.from_dict(groups)
    library = {k: v for k, v in fit.record.items() if k.startswith("inference_library")}
    tree.attrs = library | {
        "hypothesis": fit.hypothesis,
        "model_hash": fit.model.hash,
        "study_hash": fit.study.hash,
        "verdict": fit.verdict.stamp,
        "simulated": int(fit.study.simulated),
    }
    return tree


def _log_likelihood(fit: Fit, unit: str) -> xr.Dataset:
    found = xr.Dataset()
    for name, (values, labels) in channel_log_likelihood(fit, unit).items():
        dim = f"{name}_{unit}"
        array = xr.DataArray(values, dims=("chain", "draw", dim), coords={dim: labels})
        found[name] = array.assign_attrs(unit=f"log density of all rows of one {unit}")
    return found.assign_coords(chain=fit.posterior["chain"], draw=fit.posterior["draw"])


def _log_prior(fit: Fit) -> xr.Dataset:
    """Return log priors of the population's values, effects and spreads, up to constants.

    On the scale on which each is normal or half-normal, as `dopafit.check.sensitivity` takes them.
    How members of a group spread is part of the model, and not its prior.
    """
    coordinates = fit.layout.coordinates
    x, h = fit.coordinates["x"].values, fit.coordinates["h"].values
    of_x, of_h = -0.5 * x**2, -0.5 * (h / coordinates.arrays["half_scale"]) ** 2
    parts: dict[str, list[np.ndarray]] = {}
    rows = zip(coordinates.entries, coordinates.unit, coordinates.spread, strict=True)
    for entry, place, spread in rows:
        if entry.role in ("population", "effect") and (place or spread):
            name = entry.parameter + ("_effect" if entry.role == "effect" else "")
            parts.setdefault(name, []).append(
                of_x[..., place - 1] if place else of_h[..., spread - 1]
            )
    for k, (name, part, _) in enumerate(coordinates.half_names):
        if part == "sd":
            parts.setdefault(f"{name}_sd", []).append(of_h[..., k])
    variables: dict[str, Any] = {}
    for name, values in parts.items():
        dims = fit.posterior[name].dims
        joined = values[0] if len(dims) == 2 else np.stack(values, axis=-1)
        variables[name] = (dims, joined)
    labels = {d: fit.posterior[d] for dims, _ in variables.values() for d in dims}
    return xr.Dataset(variables, coords=labels)


def _replicates(fit: Fit, draws: int) -> tuple[xr.Dataset, xr.Dataset]:
    """Return replicated behaviour, and what was observed in the same form.

    One value a trial; acts at times of their own are counted by session.
    """
    chains, made = fit.theta.shape[:2]
    kept = np.unique(np.linspace(0, made - 1, min(made, -(-draws // chains))).astype(int))
    rng = generator(fit.seed, f"datatree/{fit.hypothesis}")
    replicator = Replicator.of(fit.model, fit.study)
    forms = {c.prefix: _Form(fit, c) for c in fit.model.channels}
    found: dict[str, list[np.ndarray]] = {name: [] for name in forms}
    for theta in fit.theta[:, kept].reshape(-1, fit.theta.shape[-1]):
        for name, outcome in replicator.draw(theta, rng, limit=MANY).items():
            found[name].append(forms[name].values(outcome))
    replicates, observed = xr.Dataset(), xr.Dataset()
    for name, form in forms.items():
        values = np.stack(found[name]).reshape(chains, kept.size, -1)
        dims = ("chain", "draw", form.dim)
        replicates[name] = xr.DataArray(values, dims=dims, coords=form.coords, attrs=form.attrs)
        seen = form.values(form.channel.observed(fit.study, fit.layout.rows[name]))
        observed[name] = xr.DataArray(seen, dims=form.dim, coords=form.coords, attrs=form.attrs)
    places = {"chain": fit.posterior["chain"].values, "draw": fit.posterior["draw"].values[kept]}
    return replicates.assign_coords(places), observed


class _Form:
    """How a channel's outcomes lie along one dimension."""

    def __init__(self, fit: Fit, channel: Any) -> None:
        self.channel, prefix = channel, channel.prefix
        self._rows = fit.layout.rows[prefix]
        self._counted = channel.signature.per_minute
        unit = "session" if self._counted else "trial"
        self.dim = f"{prefix}_{unit}"
        index, labels = unit_labels(fit.layout, unit)
        self._order = np.argsort(index[prefix], kind="stable")
        own = index[prefix][self._order]
        self._labels = [labels[i] for i in (np.unique(own) if self._counted else own)]
        told = "acts counted by session" if self._counted else "one outcome a trial"
        self.attrs = {"row": told, "unit": "" if self._counted else channel.signature.unit}
        self.coords: dict[str, Any] = {self.dim: self._labels}
        if not self._counted:
            time = self._rows.frame["time"].to_numpy(float)[self._order]
            self.coords[f"{prefix}_time"] = (self.dim, time, {"unit": "s"})

    def values(self, outcome: pd.DataFrame) -> np.ndarray:
        """Return one number for each label."""
        numbers = self.channel.values(outcome, self._rows)
        if not self._counted:
            return numbers[self._order]
        owner = session_names(outcome)
        place = {label: i for i, label in enumerate(self._labels)}
        index = owner.map(place).to_numpy(float)
        known = np.isfinite(index)
        count = len(self._labels)
        return np.bincount(index[known].astype(int), numbers[known], minlength=count)

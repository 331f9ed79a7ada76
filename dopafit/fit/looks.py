"""Looks at the draws while the chains wait, whether they are enough or the chains go on.

Only the verdict decides, that is diagnostics of convergence and Monte Carlo error; never what the
draws say about the claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.backend.sampler.draw import SamplerSettings
from dopafit.fit.derived import name_draws
from dopafit.fit.judge import judge_draws
from dopafit.fit.modes import judge_modes, largest_weights, nearest_mode
from dopafit.fit.quadrature import quadrature_check
from dopafit.fit.verdict import Diagnostic, Verdict
from dopafit.model.analysis_file import BUDGET
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout
from dopafit.study.study import Study

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Looks", "budget", "looks_text"]

LASTING = frozenset({"chains", "finite", "divergences", "step size", "step size ratio"})
"""Checks that stay failed however long the chains go on: counts whose limit is 0, and what tuning
has fixed."""


def budget(draws: int) -> int:
    """Return the largest number of draws per chain where only the first look is given."""
    return max(BUDGET, draws) if isinstance(draws, Integral) else BUDGET  # the settings refuse it


@dataclass(eq=False)
class Looks:
    """Judges draws, and remembers what every look saw.

    Parameters
    ----------
    layout : Layout
    model : Model
    study : Study
    settings : SamplerSettings
    notes : dict
        What the pilot found, once it has: ``modes`` and ``places``.
    """

    layout: Layout
    model: Model
    study: Study
    settings: SamplerSettings
    notes: Mapping[str, Any]
    record: list[dict[str, Any]] = field(init=False, default_factory=list)
    _latest: tuple[int, Any] | None = field(init=False, default=None)

    def __call__(self, tree: xr.DataTree) -> tuple[bool, str]:
        """Return whether sampling may end here, and what the draws show in words."""
        verdict = self.judge(tree)[-1]
        lasting = any(item.name in LASTING for item in verdict.failures)
        return verdict.converged or lasting, verdict.stamp.partition(": ")[2]

    def judge(
        self, tree: xr.DataTree, *, stopped: bool = False
    ) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset, Verdict]:
        """Return posterior, coordinates, statistics and verdict of the draws so far.

        Parameters
        ----------
        tree : DataTree
            As `dopafit.backend.sampler.draw.run` returns it.
        stopped : bool
            Whether the fit was stopped by hand: then its draws are no conclusion.
        """
        draws = tree["posterior"].sizes["draw"]
        if self._latest is not None and self._latest[0] == draws and not stopped:
            return self._latest[1]
        coordinates = tree["posterior"].to_dataset()[["x", "h"]]
        x, h = coordinates["x"].values, coordinates["h"].values
        posterior = name_draws(self.layout, self.study, x, h)
        stats = tree["sample_stats"].to_dataset()
        finer = quadrature_check(self.layout, self.model, self.study, coordinates)
        extra = [self._modes(x, h), *finer]
        if stopped:
            extra.append(_stopped(draws, self.settings.max_draws))
        verdict = judge_draws(posterior, stats, extra=extra)
        self.record.append(_seen(draws, verdict))
        self._latest = draws, (posterior, coordinates, stats, verdict)
        return self._latest[1]

    def _modes(self, x: np.ndarray, h: np.ndarray) -> Diagnostic:
        shares = [mode["share"] for mode in self.notes["modes"]]
        if len(shares) < 2:
            return judge_modes(shares, None)
        from dopafit.backend.geometry.search import population_values

        which = population_values(self.layout.coordinates)
        draws = np.concatenate([x, np.log(h)], axis=-1)[..., which]
        nearest = nearest_mode(self.notes["places"][:, which], draws)
        for mode, most in zip(self.notes["modes"], largest_weights(shares, nearest), strict=True):
            mode["most"] = most
        return judge_modes(shares, nearest)


def looks_text(record: Mapping[str, Any]) -> str:
    """Return one line on how far the chains went, and why."""
    looks, most = record.get("looks") or [], record.get("settings", {}).get("max_draws")
    if not looks or most is None:
        return ""
    parts = [
        f"{one['draws']:,}" if one["ok"] else f"{one['draws']:,} ({one['text']})" for one in looks
    ]
    return f"looks at draws per chain: {', '.join(parts)}; at most {most:,}"


def _seen(draws: int, verdict: Verdict) -> dict[str, Any]:
    """Return what a look saw, in plain values."""
    values = {item.name: item.value for item in verdict.items}
    plain = lambda name: None if np.isnan(v := values.get(name, np.nan)) else float(v)  # noqa: E731
    sizes = [s for s in (plain("bulk ESS"), plain("tail ESS")) if s is not None]
    return {
        "draws": int(draws),
        "r_hat": plain("R-hat"),
        "ess": min(sizes) if sizes else None,
        "ok": verdict.converged,
        "text": "" if verdict.converged else verdict.stamp.partition(": ")[2],
    }


def _stopped(kept: int, most: int) -> Diagnostic:
    """Say that the fit was stopped by hand: its draws are no conclusion."""
    return Diagnostic(
        name="finished",
        value=float(kept),
        limit=f"draws until the criteria hold, or {most:,} per chain",
        ok=False,
        advice="the fit was stopped by hand; run it again to finish",
    )

"""May this fit be believed? Every diagnostic with its value, its limit and what to do.

Limits follow Vehtari et al. 2021 (Bayesian Analysis 16:667) for R-hat and effective sample size,
and Betancourt 2016 (arXiv:1604.00695) for the energy diagnostic; both recalled, not re-read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from dopafit.backend.diagnostics import LOG_POSTERIOR, diagnose, sampler_health
from dopafit.core.errors import FitError
from dopafit.core.shown import Shown

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Diagnostic", "Verdict", "judge", "judge_draws"]

R_HAT = 1.01
ESS_PER_CHAIN, ESS_LEAST = 100, 400
E_BFMI = 0.3
MIN_DRAWS = 100  # per chain: two halves of fifty, the least that R-hat can compare
# A trajectory cut at the largest depth is slow, not wrong; its harm shows in R-hat and ESS. Up to
# one in a hundred is therefore let pass, more says the chains walk instead of travel.
MAX_DEPTH_SHARE = 0.01
STEP_LEAST, STEP_RATIO = 1e-6, 10.0

APPROXIMATE = "APPROXIMATE"
"""First word of the stamp of draws that were not sampled."""

ADVICE = {
    "chains": "run at least 2 chains (4 are better): one chain cannot show that it missed a part",
    "draws": "raise max_draws, the largest number of draws per chain",
    "quantities": "nothing was sampled; check that the model has free parameters",
    "finite": "a quantity left the range of numbers; check its prior and the data it depends on",
    "R-hat": "the chains do not agree; raise max_draws (and tune), and if it stays look for two "
    "solutions or a parameter the data do not inform",
    "bulk ESS": "too few independent draws for means; raise max_draws",
    "tail ESS": "too few independent draws for interval ends; raise max_draws",
    "divergences": "the sampler missed regions of high curvature; raise target_accept (0.95, "
    "0.99), and if they stay use tighter priors or pool less",
    "E-BFMI": "the energy moves too slowly for the tails; a group sd near 0 is the usual cause: "
    "tighten its prior or drop the group effect",
    "tree depth": "trajectories are cut short; raise maxdepth or use adaptation 'low_rank'",
    "step size": "a step this small means a chain cannot move; check priors and data for extremes",
    "step size ratio": "the chains adapted to different places; run longer tuning",
    "stuck chains": "a chain never moved; check its starting point, priors and data",
    "identical chains": "chains repeat each other and are no independent evidence; give each its "
    "own seed",
}


@dataclass(frozen=True)
class Diagnostic:
    """One check.

    Parameters
    ----------
    name : str
        What is checked, e.g. ``"R-hat"``.
    value : float
        The worst value found; NaN if it could not be computed.
    limit : str
        What would pass, e.g. ``"< 1.01"``.
    ok : bool
        Whether it passes.
    where : str
        The quantity or chain with the worst value; empty where there is none.
    advice : str
        What to do, in plain words; empty where it passes.
    """

    name: str
    value: float
    limit: str
    ok: bool
    where: str = ""
    advice: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        mark = "ok  " if self.ok else "FAIL"
        line = f"{mark} {self.name}: {_number(self.value)}{place}, limit {self.limit}"
        return line if self.ok else f"{line}\n     {self.advice}".rstrip()


@dataclass(frozen=True)
class Verdict(Shown):
    """The checks of one fit taken together.

    Parameters
    ----------
    items : tuple of Diagnostic
        Every check made.
    converged : bool
        True only if there are checks and all of them pass.
    approximation : str
        Name of the approximation that the draws come from; empty where they were sampled.

    Raises
    ------
    FitError
        `converged` contradicts the items.
    """

    converged: bool
    items: tuple[Diagnostic, ...]
    approximation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(self.items))
        if self.converged != _all_pass(self.items):
            raise FitError(
                f"verdict: converged = {self.converged} contradicts its diagnostics",
                allowed="converged only if there are diagnostics and all of them are ok",
                todo="read the verdict from the fit, or fit again",
            )

    @property
    def failures(self) -> tuple[Diagnostic, ...]:
        """The checks that did not pass."""
        return tuple(item for item in self.items if not item.ok)

    @property
    def table(self) -> pd.DataFrame:
        """One row per check: name, value, limit, ok, where, advice."""
        columns = list(Diagnostic.__dataclass_fields__)
        return pd.DataFrame([[getattr(i, c) for c in columns] for i in self.items], columns=columns)

    @property
    def stamp(self) -> str:
        """One short line for a figure."""
        if self.converged:
            known = {i.name: i.value for i in self.items}
            parts = []
            if "R-hat" in known:  # rounded outwards: the stamp may not promise more than holds
                parts.append(f"R-hat <= {math.ceil(known['R-hat'] * 1000 - 1e-9) / 1000:.3f}")
            ess = [known[n] for n in ("bulk ESS", "tail ESS") if n in known]
            if ess:
                parts.append(f"ESS >= {math.floor(min(ess))}")
            if "divergences" in known:
                parts.append(f"{known['divergences']:.0f} divergences")
            return f"converged ({', '.join(parts)})" if parts else "converged"
        if self.approximation:
            return self._approximate
        shown = [_short(item) for item in self.failures[:3]]
        more = len(self.failures) - len(shown)
        text = ", ".join(shown) or "nothing was checked"
        return f"NOT CONVERGED: {text}" + (f" and {more} more" if more else "")

    @property
    def usable(self) -> bool:
        """Whether the draws are good for exploring: converged, or an approximation whose k is."""
        return self.converged or any(i.name == "Pareto k" and i.ok for i in self.items)

    @property
    def _approximate(self) -> str:
        k = [f", Pareto k {i.value:.2f}" for i in self.items if i.name == "Pareto k"]
        size, usable = "".join(k), "for exploring only" if self.usable else "NOT USABLE"
        return f"{APPROXIMATE} ({self.approximation}{size}): {usable}"

    def __str__(self) -> str:
        head = "converged" if self.converged else "NOT CONVERGED"
        head = self._approximate if self.approximation else head
        return "\n".join([head, *(f"  {line}" for i in self.items for line in str(i).split("\n"))])

    __repr__ = __str__

    def _table_shown(self) -> pd.DataFrame:
        return self.table.set_index("name")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, unrounded; a value that is no number becomes a string."""
        items = [
            {
                "name": i.name,
                "value": i.value if math.isfinite(i.value) else str(i.value),
                "limit": i.limit,
                "ok": i.ok,
                "where": i.where,
                "advice": i.advice,
            }
            for i in self.items
        ]
        found = {"converged": self.converged, "diagnostics": items}
        return found | ({"approximation": self.approximation} if self.approximation else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Verdict:
        """Read what `to_dict` wrote.

        Raises
        ------
        FitError
            Fields are missing, or the verdict contradicts its diagnostics.
        """
        try:
            items = tuple(
                Diagnostic(
                    name=str(d["name"]),
                    value=float(d["value"]),
                    limit=str(d["limit"]),
                    ok=_truth(d["ok"]),
                    where=str(d["where"]),
                    advice=str(d["advice"]),
                )
                for d in values["diagnostics"]
            )
            return cls(_truth(values["converged"]), items, str(values.get("approximation", "")))
        except (KeyError, TypeError, ValueError) as error:
            raise FitError(
                f"this is no stored verdict: {error!r}",
                allowed="converged and diagnostics, as Verdict.to_dict writes them",
                todo="fit again; the file was changed or damaged",
            ) from None


def judge(
    table: pd.DataFrame,
    health: Mapping[str, Any],
    *,
    chains: int,
    extra: Iterable[Diagnostic] = (),
) -> Verdict:
    """Judge a fit by its diagnostics.

    What was not recorded counts as failed: absence of a warning is no evidence.

    Parameters
    ----------
    table : pandas.DataFrame
        What `dopafit.backend.diagnostics.diagnose` returns.
    health : mapping
        What `dopafit.backend.diagnostics.sampler_health` returns.
    chains : int
        Chains that were asked for; fewer in the draws is a failure.
    extra : iterable of Diagnostic
        Checks made elsewhere, e.g. the error of a quadrature.

    Returns
    -------
    Verdict
    """
    sampled = table[table["kind"] == "sampled"]
    moved = (table["kind"] != "fixed") & (table["quantity"] != LOG_POSTERIOR)
    found = min(int(chains), int(health.get("chains") or 0))
    need = max(ESS_LEAST, ESS_PER_CHAIN * int(chains))
    draws = float(health.get("draws") or 0)
    least = max(2, int(chains))
    items = [
        _item("chains", found, f">= {least}", lambda v: v >= least),
        _item("draws", draws, f">= {MIN_DRAWS} per chain", lambda v: v >= MIN_DRAWS),
        _item("quantities", int(moved.sum()), ">= 1", lambda v: v >= 1),
        _count("finite", "draws not finite", table, "bad_draws"),
        _worst("R-hat", sampled, "r_hat", f"< {R_HAT}", lambda v: v < R_HAT, largest=True),
        _worst("bulk ESS", sampled, "ess_bulk", f"> {need}", lambda v: v > need, largest=False),
        _worst("tail ESS", sampled, "ess_tail", f"> {need}", lambda v: v > need, largest=False),
        _count("stuck chains", "stuck chains", table, "stuck_chains"),
        _count("identical chains", "identical chains", table, "identical_chains"),
        _item("divergences", health.get("divergences"), "= 0", lambda v: v == 0),
        _per_chain("E-BFMI", health.get("e_bfmi"), f"> {E_BFMI}", lambda v: v > E_BFMI),
        _item(
            "tree depth",
            health.get("max_depth_share"),
            f"<= {MAX_DEPTH_SHARE} of draws at the largest depth",
            lambda v: v <= MAX_DEPTH_SHARE,
        ),
        *_steps(health.get("step_size")),
        *extra,
    ]
    return Verdict(_all_pass(items), tuple(items))


def judge_draws(
    posterior: xr.Dataset,
    sample_stats: xr.Dataset | None,
    *,
    chains: int | None = None,
    extra: Iterable[Diagnostic] = (),
) -> Verdict:
    """Diagnose and judge draws.

    Parameters
    ----------
    posterior, sample_stats : xarray.Dataset
        Draws and sampler statistics with dims (chain, draw, ...).
    chains : int, optional
        Chains that were asked for; by default those that are there.
    extra : iterable of Diagnostic
        Checks made elsewhere.

    Returns
    -------
    Verdict
    """
    count = posterior.sizes.get("chain", 0) if chains is None else chains
    table = diagnose(posterior, sample_stats)
    return judge(table, sampler_health(sample_stats), chains=count, extra=extra)


def _all_pass(items: Sequence[Diagnostic]) -> bool:
    return bool(items) and all(item.ok for item in items)


def _item(
    name: str, value: Any, limit: str, passes: Callable[[float], bool], where: str = ""
) -> Diagnostic:
    """Check one number; None (not recorded) and NaN fail."""
    number = math.nan if value is None else float(value)
    ok = not math.isnan(number) and bool(passes(number))
    advice = "" if ok else ADVICE[name]
    if value is None:
        where, advice = "not recorded", f"the sampler did not record this; {ADVICE[name]}"
    return Diagnostic(name, number, limit, ok, where, advice)


def _worst(
    name: str,
    sampled: pd.DataFrame,
    column: str,
    limit: str,
    passes: Callable[[float], bool],
    *,
    largest: bool,
) -> Diagnostic:
    """Check the worst quantity; one NaN is worse than any number."""
    if sampled.empty:
        return _item(name, math.nan, limit, passes, "no quantity moved")
    values = sampled[column].astype(float)
    missing = values.isna()
    if missing.any():
        place = missing.idxmax()
    else:
        place = values.idxmax() if largest else values.idxmin()
    return _item(name, values.loc[place], limit, passes, str(sampled.loc[place, "quantity"]))


def _count(name: str, label: str, table: pd.DataFrame, column: str) -> Diagnostic:
    """Check that a count is zero in every quantity; `where` names the first that has one."""
    counts = table[column].astype(int)
    where = "" if not counts.any() else str(table.loc[counts.idxmax(), "quantity"])
    value = counts.max() if len(counts) else None
    return _item(name, value, f"no {label}", lambda v: v == 0, where)


def _per_chain(
    name: str, values: Sequence[float] | None, limit: str, passes: Callable[[float], bool]
) -> Diagnostic:
    """Check the smallest value over chains."""
    if not values:
        return _item(name, None, limit, passes)
    worst = min(range(len(values)), key=lambda i: _low(values[i]))
    return _item(name, values[worst], limit, passes, f"chain {worst + 1}")


def _steps(values: Sequence[float] | None) -> list[Diagnostic]:
    """Check that no chain's step size collapsed and that chains adapted alike."""
    small = _per_chain("step size", values, f"> {STEP_LEAST:g}", lambda v: v > STEP_LEAST)
    ratio: float | None = None
    if values:
        usable = all(math.isfinite(v) and v > 0 for v in values)
        ratio = max(values) / min(values) if usable else math.nan
    limit = f"<= {STEP_RATIO:g} between chains"
    return [small, _item("step size ratio", ratio, limit, lambda v: v <= STEP_RATIO)]


def _low(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _number(value: float) -> str:
    if math.isnan(value):
        return "not known"
    return f"{value:.0f}" if abs(value) < 1e9 and value == round(value) else f"{value:.4g}"


def _short(item: Diagnostic) -> str:
    place = f" ({item.where})" if item.where else ""
    if item.name == "divergences" and item.value > 0:
        return f"{item.value:.0f} divergence{'' if item.value == 1 else 's'}"
    if item.name == "R-hat" and not math.isnan(item.value):
        digits = 2 if item.value >= 1.015 else 3  # 1.01 would look like a pass
        return f"R-hat {item.value:.{digits}f}{place}"
    if item.name == "finite" and item.value > 0:
        return f"{item.value:.0f} draws not finite{place}"
    if item.name == "rival modes":
        return f"{item.value + 1:.0f} modes that the chains do not weigh"
    if item.name == "chains" and item.value == 1:
        return "cannot be judged from a single chain"
    return f"{item.name} {_number(item.value)}{place}"

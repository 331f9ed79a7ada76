"""Judge draws: every diagnostic against its limit, and what to do where it fails.

Limits follow Vehtari et al. 2021 (Bayesian Analysis 16:667) for R-hat and effective sample size,
and Betancourt 2016 (arXiv:1604.00695) for the energy diagnostic; both recalled, not re-read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from dopafit.backend.diagnostics import LOG_POSTERIOR, diagnose, sampler_health
from dopafit.fit.verdict import Diagnostic, Verdict, all_pass

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ADVICE", "judge", "judge_draws"]

R_HAT = 1.01
ESS_PER_CHAIN, ESS_LEAST = 100, 400
E_BFMI = 0.3
MIN_DRAWS = 100  # per chain: two halves of fifty, the least that R-hat can compare
# A trajectory cut at the largest depth is slow, not wrong; its harm shows in R-hat and ESS. Up to
# one in a hundred is therefore let pass, more says the chains walk instead of travel.
MAX_DEPTH_SHARE = 0.01
STEP_LEAST, STEP_RATIO = 1e-6, 10.0

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
    return Verdict(all_pass(items), tuple(items))


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
    """
    count = posterior.sizes.get("chain", 0) if chains is None else chains
    table = diagnose(posterior, sample_stats)
    return judge(table, sampler_health(sample_stats), chains=count, extra=extra)


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

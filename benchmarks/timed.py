"""One fit of a real study, timed and recorded: what problems C and D share."""

from __future__ import annotations

import argparse
import time
from typing import Any

from benchmarks.record import record, recorded

__all__ = ["parser", "timed_fit"]


def parser(
    doc: str,
    *,
    draws: int | None = None,
    tune: int | None = None,
    target_accept: float | None = None,
) -> argparse.ArgumentParser:
    """Return a command line with the settings of a fit, and their defaults."""
    made = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    made.add_argument("--draws", type=int, default=draws)
    made.add_argument("--tune", type=int, default=tune)
    made.add_argument("--target-accept", type=float, default=target_accept)
    return made


def timed_fit(
    problem: str, module: str, model: Any, study: Any, options: Any, *, keep: bool = True
) -> Any:
    """Fit, print, and store what was found unless told not to; return the fit."""
    import dopafit as dp

    began = time.perf_counter()
    fit = dp.fit(
        model,
        study,
        seed=1,
        draws=options.draws,
        max_draws=options.draws,
        tune=options.tune,
        target_accept=options.target_accept,
        progress="log",
    )
    seconds = time.perf_counter() - began
    print(f"{problem} {model.drive}: {seconds:.0f} s, {fit.verdict.stamp}", flush=True)
    if keep:
        found = {
            "command": f"python -m benchmarks.{module} --drive {model.drive} --draws "
            f"{options.draws} --tune {options.tune} --target-accept {options.target_accept}",
            "seconds": seconds,
            "verdict": fit.verdict.to_dict(),
            "stamp": fit.verdict.stamp,
            "gradients_per_draw": float(fit.sample_stats["n_steps"].values.mean()),
        }
        record(problem, recorded(problem) | {model.drive: found})
    return fit

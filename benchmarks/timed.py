"""One fit of a real study, timed and recorded: what problems C and D share."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

__all__ = ["parser", "timed_fit"]

RESULTS = Path(__file__).resolve().parent / "results"


def parser(doc: str, *, draws: int, tune: int) -> argparse.ArgumentParser:
    """Return a command line with the settings of a fit, and their defaults."""
    made = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    made.add_argument("--draws", type=int, default=draws)
    made.add_argument("--tune", type=int, default=tune)
    made.add_argument("--target-accept", type=float, default=0.8)
    return made


def timed_fit(
    problem: str, module: str, model: Any, study: Any, options: Any, *, record: bool = True
) -> Any:
    """Fit, print, and write what was found to ``benchmarks/results``; return the fit."""
    import dopafit as dp

    began = time.perf_counter()
    fit = dp.fit(
        model,
        study,
        seed=1,
        draws=options.draws,
        tune=options.tune,
        target_accept=options.target_accept,
        progress="log",
    )
    seconds = time.perf_counter() - began
    print(f"{problem} {model.drive}: {seconds:.0f} s, {fit.verdict.stamp}", flush=True)
    if record:
        path = RESULTS / f"{problem}.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        stored[model.drive] = {
            "command": f"python -m benchmarks.{module} --drive {model.drive} --draws "
            f"{options.draws} --tune {options.tune} --target-accept {options.target_accept}",
            "seconds": seconds,
            "verdict": fit.verdict.to_dict(),
            "stamp": fit.verdict.stamp,
            "gradients_per_draw": float(fit.sample_stats["n_steps"].values.mean()),
        }
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    return fit

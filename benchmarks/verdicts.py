"""How many sound fits pass their own verdict, at the first look and with the budget?

    python -m benchmarks.verdicts

The five drives of the bundled study, and small simulated studies each fitted with the drive it was
made with, all at the defaults. The first look of a fit is a fit of 4 x 500 draws: the same chains.
Results go to ``benchmarks/results/verdicts.json`` after every fit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.record import ROOT, record

DRIVES = ("trough", "peak", "level", "no_drive", "encompassing")
DESIGN = {"subjects": 10, "duration": 400.0, "cue_interval": 25.0, "trial_interval": 8.0}
TRUTH = {
    "trough_ratio": 0.5,
    "recovery_half_life": 15.0,
    "onset_ratio": 0.15,
    "choice_rest": -0.5,
    "choice_rest_sd[1|subject]": 0.6,
    "choice_gain_trough": 1.5,
    "choice_gain_peak": 1.5,
    "choice_gain_level": 1.0,
    "latency_rest": -0.3,
    "latency_rest_sd[1|subject]": 0.3,
    "latency_sigma": 0.5,
    "latency_gain_trough": 0.4,
    "latency_gain_peak": 0.4,
    "latency_gain_level": 0.3,
    "peak_sd[1|subject]": 0.3,
}


def bundled() -> Iterator[tuple[str, Any, Any]]:
    """Yield name, model and study of the bundled analysis."""
    from dopafit.model.analysis import read_analysis
    from dopafit.study.datasets import load_dataset

    analysis = read_analysis(ROOT / "analyses" / "cue-pursuit" / "made.yaml")
    study = load_dataset("cue-pursuit")
    for drive in DRIVES:
        yield f"cue-pursuit, {drive}", analysis.models[drive], study


def simulated(seeds: int) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, model and study of small studies that follow their model."""
    import dopafit as dp
    from dopafit.model.play import simulate
    from dopafit.model.schedule import timetable

    channels = [dp.Choice("pursue"), dp.Latency("latency")]
    for seed in range(1, seeds + 1):
        design = timetable(DESIGN, seed=seed, name=f"small-{seed}")
        for drive in DRIVES:
            model = dp.Model(drive=drive, channels=channels, typical_spacing=25.0)
            known = {
                name: value
                for name, value in TRUTH.items()
                if name.partition("_sd[")[0] in model.parameters
            }
            yield (
                f"small {seed}, {drive}",
                model,
                simulate(model, design, seed=seed, truth=known)[0],
            )


def one(model: Any, study: Any) -> dict[str, Any]:
    """Fit at the defaults; return what the looks saw."""
    from dopafit.fit.fit import fit

    began, used = time.monotonic(), time.process_time()
    found = fit(model, study, seed=1, progress="log")
    return {
        "looks": found.record["looks"],
        "at 4 x 500": found.record["looks"][0]["ok"],
        "passes": found.verdict.converged,
        "modes": [mode["share"] for mode in found.record["pilot"]["modes"]],
        "verdict": found.verdict.stamp,
        "seconds": round(time.monotonic() - began, 1),
        "processor": round(time.process_time() - used, 1),
    }


def main() -> None:
    """Fit them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", choices=["bundled", "simulated"])
    chosen = parser.parse_args()
    command = "python -m benchmarks.verdicts" + (
        f" --seeds {chosen.seeds}" if chosen.seeds != 2 else ""
    )
    found: dict[str, Any] = {}
    for kind, studies in (("simulated", simulated(chosen.seeds)), ("bundled", bundled())):
        if chosen.only in (None, kind):
            for name, model, study in studies:
                found[name] = one(model, study)
                print(name, found[name]["verdict"], flush=True)
                record("verdicts", {"command": command, **count(found), "fits": found})


def count(found: dict[str, Any]) -> dict[str, Any]:
    """Return how many fits pass, before and now."""
    return {
        "number": len(found),
        "pass at 4 x 500": sum(one["at 4 x 500"] for one in found.values()),
        "pass now": sum(one["passes"] for one in found.values()),
        "with more than one mode": sum(len(one["modes"]) > 1 for one in found.values()),
    }


if __name__ == "__main__":
    main()

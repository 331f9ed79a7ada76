"""How long do a first posterior and left-out scores take? Quiet machine, functions compiled.

    python -m benchmarks.engine [--hypotheses trough no_drive] [--effort FOLDER]

The bundled study with every rival (``analyses/cue-pursuit/analysis.yaml``): `explore` of 1,000
draws, the second of two in a row; then a fit, and its scores by session and subject. FOLDER is
a copy of ``analyses/effort`` with its study beside it (see `benchmarks.effort`): `explore` alone.
Results go to ``benchmarks/results/engine.json``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.record import ROOT, record, recorded


def opened(path: Path, study: Path) -> tuple[dict[str, Any], Any]:
    """Return the models of an analysis, and its study."""
    import dopafit as dp
    from dopafit.model.analysis import read_analysis

    data = dp.read_study(study)
    return read_analysis(path).claims(data), data


def explored(model: Any, study: Any) -> dict[str, Any]:
    """Explore twice, and time the second."""
    import dopafit as dp

    for seed in (1, 2):
        began = time.monotonic()
        fit = dp.explore(model, study, seed=seed)
        seconds = time.monotonic() - began
    return {"explore_seconds": round(seconds, 2), "k": round(float(fit.verdict.items[0].value), 2)}


def scored(model: Any, study: Any) -> dict[str, Any]:
    """Fit, and time the scores."""
    from dopafit.compare.score import score
    from dopafit.fit.fit import fit

    made = fit(model, study, seed=1, progress="silent")
    found: dict[str, Any] = {"converged": made.verdict.converged}
    for unit in ("session", "subject"):
        began = time.monotonic()
        result = score(made, unit, seed=1).result
        found[unit] = {
            "seconds": round(time.monotonic() - began, 1),
            "bad": int(result.bad.sum()),
            "units": len(result.elpd_i),
            "largest_k": round(float(result.pareto_k.max()), 2),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hypotheses", nargs="+", default=["trough", "no_drive"])
    parser.add_argument("--effort", type=Path)
    options = parser.parse_args()
    places = {
        "cue-pursuit": (ROOT / "analyses/cue-pursuit/analysis.yaml", ROOT / "data/cue-pursuit")
    }
    if options.effort:
        places["effort"] = (options.effort / "analysis.yaml", options.effort / "study")
    found = recorded("engine") | {"command": "python -m benchmarks.engine --effort FOLDER"}
    for name, place in places.items():
        models, study = opened(*place)
        for hypothesis in options.hypotheses:
            told = explored(models[hypothesis], study)
            if name == "cue-pursuit":
                told |= scored(models[hypothesis], study)
            found.setdefault(name, {})[hypothesis] = told
            print(name, hypothesis, told, flush=True)
            record("engine", found)


if __name__ == "__main__":
    main()

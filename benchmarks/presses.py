"""Problem D: the presses of twelve FED3 sessions, every drive, timed.

    DOPAFIT_DATA_MIRROR=FOLDER python -m benchmarks.presses

The claims of ``analyses/fed3-rebound`` (312,769 rows: presses and quadrature nodes), one fit each
with the settings given here. Results go to ``benchmarks/results/D.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "D.json"


def main() -> None:
    """Fit, print and write the results."""
    import dopafit as dp
    from dopafit.model.analysis import read_analysis
    from dopafit.report.opening import open_study

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--drive", action="append", help="these only; all unless given")
    parser.add_argument("--draws", type=int, default=600)
    parser.add_argument("--tune", type=int, default=150)
    parser.add_argument("--target-accept", type=float, default=0.8)
    options = parser.parse_args()
    analysis = read_analysis(ROOT / "analyses" / "fed3-rebound" / "analysis.yaml")
    study, _ = open_study(analysis)
    stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for drive in options.drive or list(analysis.models):
        began = time.perf_counter()
        fit = dp.fit(
            analysis.models[drive],
            study,
            seed=1,
            draws=options.draws,
            tune=options.tune,
            target_accept=options.target_accept,
            progress="log",
        )
        seconds = time.perf_counter() - began
        print(f"D {drive}: {seconds:.0f} s, {fit.verdict.stamp}", flush=True)
        stored[drive] = {
            "command": f"python -m benchmarks.presses --drive {drive} --draws {options.draws} "
            f"--tune {options.tune} --target-accept {options.target_accept}",
            "seconds": seconds,
            "verdict": fit.verdict.to_dict(),
            "stamp": fit.verdict.stamp,
            "gradients_per_draw": float(fit.sample_stats["n_steps"].values.mean()),
        }
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Does the bundled analysis find the truth again, on other simulated studies of the same kind?

    python -m benchmarks.recovery --seeds 1 2 3 4 5

For every seed a study is simulated as ``analyses/cue-pursuit/made.yaml`` says and analysed with
the same file. Recorded per seed: verdicts, the share of population truths inside the 90 % interval
of the fit of the true drive, and the comparison. Results go to
``benchmarks/results/recovery.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from typing import Any

from benchmarks.record import ROOT, record

ANALYSIS = ROOT / "analyses" / "cue-pursuit" / "made.yaml"


def one_seed(seed: int, drives: tuple[str, ...]) -> dict[str, Any]:
    """Simulate, fit every drive, and hold the true drive's fit against the truth."""
    from dopafit.compare.fits import compare
    from dopafit.fit.fit import fit
    from dopafit.model.analysis import read_analysis
    from dopafit.model.play import simulate
    from dopafit.model.schedule import timetable

    analysis = read_analysis(ANALYSIS)
    true = analysis.truth_hypothesis
    model = analysis.models[true]
    design = timetable(analysis.schedule, seed=seed, name=f"recovery-{seed}")
    study, truth = simulate(model, design, seed=seed, truth=analysis.truth)
    began, fits = time.monotonic(), {}
    for drive in drives:
        fits[drive] = fit(
            analysis.models[drive],
            study,
            seed=seed,
            progress="log",
            **analysis.sampling.model_dump(),
        )
    comparison = compare(fits, unit=analysis.unit, seed=seed)
    table = fits[true].summary.set_index("parameter")
    rows = {}
    for name, value in truth.items():
        if "_group[" in name or name not in table.index:
            continue
        row = table.loc[name]
        rows[name] = {
            "truth": value,
            "mean": float(row["mean"]),
            "lower": float(row["lower"]),
            "upper": float(row["upper"]),
            "covered": bool(row["lower"] <= value <= row["upper"]),
        }
    covered = sum(r["covered"] for r in rows.values())
    others = comparison.table.drop(index=true)
    rivals = [d for d in others.index if d != "encompassing"]
    return {
        "seed": seed,
        "seconds": time.monotonic() - began,
        "study_hash": study.hash,
        "verdicts": {d: f.verdict.stamp for d, f in fits.items()},
        "converged": {d: f.verdict.converged for d, f in fits.items()},
        "covered": covered,
        "truths": len(rows),
        "coverage": covered / len(rows),
        "trough_wins": all(
            comparison.table.loc[true, "elpd"] > comparison.table.loc[d, "elpd"] for d in rivals
        ),
        "comparison": json.loads(
            comparison.table.rename_axis("model").reset_index().to_json(orient="records")
        ),
        "parameters": rows,
    }


def main() -> None:
    """Run the seeds and write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--drives", nargs="+", default=["no_drive", "trough", "peak", "level"])
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    for seed in options.seeds:
        found = one_seed(seed, tuple(options.drives))
        results.append(found)
        total = sum(r["covered"] for r in results), sum(r["truths"] for r in results)
        seeds, drives = " ".join(map(str, options.seeds)), " ".join(options.drives)
        record(
            "recovery",
            {
                "command": f"python -m benchmarks.recovery --seeds {seeds} --drives {drives}",
                "covered": total[0],
                "truths": total[1],
                "coverage": total[0] / total[1],
                "standard_error": math.sqrt(0.9 * 0.1 / total[1]),
                "seeds": results,
            },
        )
        print(
            f"seed {seed}: {found['covered']}/{found['truths']} truths covered, "
            f"trough wins: {found['trough_wins']}, converged: {all(found['converged'].values())}, "
            f"{found['seconds']:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""The demo end to end, on the bundled study and on studies made in the same way with other seeds.

    python -m benchmarks.demo --seeds 20261122 1 2 3 4 5

For every seed a study is simulated as ``analyses/cue-pursuit/made.yaml`` says, whose kernel is not
at the centre of the default priors, and analysed by ``dopafit run`` with the demo's analysis and
that seed; 20261122 is the bundled study itself. Recorded: the claim and the conditions that were
not met, verdicts, population truths inside the 90 % intervals of the true hypothesis, minutes and
memory. Results go to ``benchmarks/results/demo.json`` after each seed; what stands there is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from benchmarks.record import ROOT, BenchmarkError, record, recorded

HERE = ROOT / "analyses" / "cue-pursuit"
BUNDLED = 20261122


def timed(*words: str | Path) -> tuple[float, float]:
    """Run dopafit; return wall-clock minutes and the largest memory [GB]."""
    began = time.monotonic()
    command = [sys.executable, "-m", "dopafit", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 3):
        raise BenchmarkError(f"dopafit {' '.join(map(str, words))} ended with {code}")
    return (time.monotonic() - began) / 60.0, usage.ru_maxrss / 1e6


def one_seed(seed: int, folder: Path) -> dict[str, Any]:
    """Simulate, run, and hold the true hypothesis against the truth."""
    import pandas as pd

    study, out = ROOT / "data" / "cue-pursuit", folder / "run"
    if seed != BUNDLED:
        study = folder / "study"
        timed("simulate", HERE / "made.yaml", "--out", study, "--seed", str(seed))
    content = yaml.safe_load((HERE / "analysis.yaml").read_text(encoding="utf-8"))
    analysis = folder / "analysis.yaml"
    changed = content | {"study": str(study), "seed": seed}
    analysis.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    minutes, memory = timed("run", analysis, "--out", out)
    answer = json.loads((out / "answer.json").read_text(encoding="utf-8"))
    verdicts = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    truths = pd.read_csv(out / "truth.csv")
    truths = truths.query("hypothesis == 'trough' and member_of == 'population'")
    compared = pd.read_csv(out / "comparison.csv")
    return {
        "seed": seed,
        "claim": answer["claim"],
        "not_met": [one["name"] for one in answer["conditions"] if not one["met"]],
        "values": {one["name"]: one["value"] for one in answer["conditions"]},
        "converged": {name: one["converged"] for name, one in verdicts.items()},
        "inside": dict(zip(truths["parameter"], truths["covered"].astype(bool), strict=True)),
        "comparison": compared.to_dict("records"),
        "minutes": minutes,
        "memory_gb": memory,
    }


def main() -> None:
    """Run the seeds that are not stored yet, and store each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[BUNDLED, 1, 2, 3, 4, 5])
    for seed in parser.parse_args().seeds:
        if str(seed) not in recorded("demo"):
            with TemporaryDirectory() as folder:
                found = one_seed(seed, Path(folder))
            record("demo", recorded("demo") | {str(seed): found})
    for found in recorded("demo").values():
        good = sum(found["converged"].values())
        print(
            f"{found['seed']}: {found['claim']}, {good} of {len(found['converged'])} converged, "
            f"not met: {', '.join(found['not_met']) or 'none'}, truths inside "
            f"{sum(found['inside'].values())} of {len(found['inside'])}, "
            f"{found['minutes']:.1f} min, {found['memory_gb']:.1f} GB"
        )


if __name__ == "__main__":
    main()

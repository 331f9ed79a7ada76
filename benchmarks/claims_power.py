"""What chance has a true effect of being ahead? Planned before the studies that are counted.

    python -m benchmarks.claims_power [--studies 20]

Studies of the classes in which events do something (`benchmarks.claims`), from numbers that are not
counted. By the nested Laplace engine and left-out subjects: is any hypothesis ahead of no drive,
and for a true trough, is its family ahead of each rival without one? The share over studies is the
power of that comparison; other conditions of a claim (controls, what is left over with time in the
session) come on top. Results go to ``benchmarks/results/claims_power.json``.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor

from benchmarks.claims import interval
from benchmarks.claims_engine import Approximate, decided
from benchmarks.claims_studies import GAIN, PILOT, TRUE, claims_of, true_study
from benchmarks.record import record

AHEAD = {"trough": {"ahead_of_no_drive", "ahead_of_each_no_trough_rival"}}


def ahead(task: tuple[str, int]) -> tuple[str, int, bool]:
    """Return whether a comparison says what is true."""
    kind, number = task
    study = true_study(kind, PILOT + number)
    models = claims_of(study)
    engine = Approximate(models, study, number)
    families = {name: model.family for name, model in models.items()}
    claim = decided(engine.left_out(engine.order), families)
    met = {one.name for one in claim.conditions if one.met}
    return kind, number, AHEAD.get(kind, {"ahead_of_no_drive"}) <= met


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=20)
    count = parser.parse_args().studies
    found: dict[str, list[bool]] = {kind: [] for kind in TRUE}
    with ProcessPoolExecutor(2) as pool:
        for kind, number, said in pool.map(ahead, [(k, i) for i in range(count) for k in TRUE]):
            found[kind].append(said)
            print(kind, number, said, flush=True)
    told = {
        kind: {"ahead": sum(said), "studies": count, "interval": interval(sum(said), count)}
        for kind, said in found.items()
    }
    command = f"python -m benchmarks.claims_power --studies {count}"
    record("claims_power", {"command": command, "gain": GAIN} | told)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

"""Time dopafit beside what a user would pick instead, on the same posterior.

    python -m benchmarks [PROBLEM] [--rival NAME] [--quick]

A, B: simulated studies, against rivals by name. C: the effort study. D: presses of FED3 devices.
E: the gradient alone, against one fused loop. Prints lines ``ratio PROBLEM RIVAL METRIC VALUE``,
dopafit over rival, and for C and D the time and the verdict of every fit; stores both in
``benchmarks/results`` and writes ``docs/speed.md``. A rival's time counts only if its posterior
means agree with dopafit's within Monte Carlo error. Stan, stanli and NumPyro get environments of
their own, made when first needed.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import effort, gradient, presses
from benchmarks.problems import PROBLEMS
from benchmarks.record import BenchmarkError
from benchmarks.sides import RIVALS, compare
from dopafit.core.errors import DopafitError

RIVALS_OF = dict.fromkeys(PROBLEMS, RIVALS) | {"C": (), "D": (), "E": (gradient.FUSED,)}
ALONE = {"C": effort.main, "D": presses.main, "E": gradient.main}
QUICK = {
    "C": ["--subjects", "40", "--draws", "100", "--tune", "100"],
    "D": ["--try", "--drive", "trough", "--draws", "50", "--tune", "50"],
    "E": ["--rows", "10000", "100000"],
}
"""What a first look takes; none of it is stored."""


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n", 1)[0]
    )
    parser.add_argument("problem", nargs="?", choices=RIVALS_OF, help="all unless given")
    parser.add_argument(
        "--rival",
        choices=(*RIVALS, gradient.FUSED),
        action="append",
        help="this one, results of others are kept; all unless given",
    )
    parser.add_argument(
        "--rival-draws",
        type=int,
        default=1000,
        help="draws, and tuning draws, of a rival's chain on A and B; 1000 is what they do by "
        "themselves",
    )
    parser.add_argument("--quick", action="store_true", help="a first look; nothing is stored")
    options = parser.parse_args()
    asked = options.rival or []
    problems = [options.problem] if options.problem else list(RIVALS_OF)
    problems = [p for p in problems if not asked or set(asked) & set(RIVALS_OF[p])]
    if not problems:
        allowed = ", ".join(RIVALS_OF[options.problem]) or "none, it is a fit of dopafit alone"
        parser.error(f"problem {options.problem} has other rivals: {allowed}")
    failed = []
    for problem in problems:
        try:
            if problem in ALONE:
                ALONE[problem](QUICK[problem] if options.quick else [])
            else:
                compare(
                    problem,
                    tuple(r for r in RIVALS if r in asked or not asked),
                    quick=options.quick,
                    size=options.rival_draws,
                    command=" ".join(["python -m benchmarks", *sys.argv[1:]]),
                )
        except (BenchmarkError, DopafitError) as error:
            # the others are worth having
            print(f"{problem}: {error}", file=sys.stderr, flush=True)
            failed.append(problem)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

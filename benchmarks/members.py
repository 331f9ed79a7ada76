"""The gradient with each kernel and each drive, over that of the opponent kernel and peak drive.

    python -m benchmarks.members [--rows 100000] [--rounds 15]

The problem of `benchmarks.gradient`. The functions take turns, so that a change of the machine's
speed meets all of them; the ratio is the median over rounds. The peak drive stands in for the
trough drive, which costs the same and which not every kernel can carry. Kernels are measured with
the peak drive, drives with the opponent kernel. Prints lines ``ratio KIND NAME VALUE``.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from benchmarks.gradient import make_layout

STANDARD = ("peak", "opponent")
"""Drive and kernel that the others are held against."""


def claims() -> list[tuple[str, str]]:
    """Return (drive, kernel) of every measurement, the standard first."""
    from dopafit.drive import Drive
    from dopafit.trace.kernel import Kernel

    drive, kernel = STANDARD
    kernels = [(drive, name) for name in Kernel.members() if name != kernel]
    drives = [(name, kernel) for name, d in Drive.members().items() if d.gains and name != drive]
    return [STANDARD, *kernels, *drives]


def seconds(densities: list[Any], points: list[np.ndarray], rounds: int) -> np.ndarray:
    """Return the time [s] of one gradient of each density in each round, the least of three."""
    found = np.empty((rounds, len(densities)))
    for i in range(rounds):
        for j, (density, q) in enumerate(zip(densities, points, strict=True)):
            calls = []
            for _ in range(3):
                began = time.perf_counter()
                density(q)
                calls.append(time.perf_counter() - began)
            found[i, j] = min(calls)
    return found


def main(argv: list[str] | None = None) -> None:
    """Measure every member and print its ratio."""
    from dopafit.backend.sampler.compiled import compile_layout

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(argv)
    densities, points = [], []
    for drive, kernel in claims():
        densities.append(compile_layout(make_layout(options.rows, drive, kernel)))
        points.append(np.random.default_rng(2).normal(0, 0.3, densities[-1].size))
        densities[-1](points[-1])
    found = seconds(densities, points, options.rounds)
    ratios = np.median(found / found[:, :1], axis=0)
    print(f"standard {' '.join(STANDARD)}: {1e3 * np.median(found[:, 0]):.3f} ms a gradient")
    for (drive, kernel), ratio in zip(claims()[1:], ratios[1:], strict=True):
        kind, name = ("kernel", kernel) if kernel != STANDARD[1] else ("drive", drive)
        print(f"ratio {kind} {name} {ratio:.3f}")


if __name__ == "__main__":
    main()

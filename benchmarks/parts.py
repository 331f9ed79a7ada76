"""Where one gradient's time goes: the generated function, cut after each of its passes.

    python -m benchmarks.parts A

Each shortened function is compiled and timed; the differences are the passes. Results go to
``benchmarks/results/parts.json``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gradient import best
from benchmarks.record import record

STARTS = ("    for c in range", "    states", "    return")


def parts(layout: Any) -> list[tuple[str, float]]:
    """Return the passes of a gradient and their times [s]."""
    from dopafit.backend.sampler.compiled import compile_layout

    density = compile_layout(layout)
    function, arrays, normals = density._call, density._arrays, density._normals
    q = np.random.default_rng(1).normal(0, 0.1, density.size)
    lines = Path(function.py_func.__code__.co_filename).read_text(encoding="utf-8").splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("def "))
    cuts = [i for i, line in enumerate(lines) if i > head and line.startswith(STARTS)]
    found: list[tuple[str, float]] = []
    before, name, seen = 0.0, "theta, priors", set()
    for cut in cuts:
        text = "\n".join([*lines[:cut], "    return prior, by_theta, w"])
        scope: dict[str, Any] = {}
        exec(compile(text.replace("cache=True", "cache=False"), "part", "exec"), scope)
        took = best(lambda call=scope["density"]: call(q, normals, *arrays), 1.5)
        found.append((name, max(took - before, 0.0)))
        before, line = took, lines[cut].strip()
        domain = line.partition("range(0, ")[2].partition(".size")[0]
        name = {"event_gap": "events", "kernel_ones": "kernel"}.get(domain, domain[:-5])
        if line.startswith("states"):
            name = "states"
        name = f"{name}, back" if name in seen else name
        seen.add(name)
    whole = best(lambda: function(q, normals, *arrays), 1.5)
    found.append(("theta, back", max(whole - before, 0.0)))
    return found


def main() -> None:
    """Measure, print and write."""
    from benchmarks.problems import PROBLEMS, build
    from dopafit.model.layout.layout import build_layout

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("problem", nargs="?", default="A", choices=sorted(PROBLEMS))
    options = parser.parse_args()
    model, study = build(PROBLEMS[options.problem])
    made = parts(build_layout(model, study))
    for name, seconds in made:
        print(f"{1e6 * seconds:10.1f} us  {name}")
    stored = {"command": " ".join(["python -m benchmarks.parts", *sys.argv[1:]])}
    stored |= {"problem": options.problem, "seconds": [list(one) for one in made]}
    record("parts", stored)


if __name__ == "__main__":
    main()

"""Is protected exceedance calibrated? Groups of subjects simulated with known frequencies.

    python -m benchmarks.selection

In half of the groups all hypotheses are equally frequent, in the others frequencies are drawn
evenly from all that are possible, as the method assumes. Subjects' evidence is exact: hypothesis k
says that measurement k of a subject's has mean `strength` and all others mean 0, with sd 1. Where
frequencies are equal each hypothesis counts as the most frequent in equal parts. Results go to
``benchmarks/results/selection.json``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp
from scipy.stats import binomtest

from benchmarks.record import record
from dopafit.compare.selection import select
from dopafit.core.seed import generator

GROUPS = 1000
DESIGNS = [(2, 10, 1.5), (2, 30, 1.5), (3, 12, 2.0), (3, 30, 1.0), (3, 30, 2.0), (5, 40, 2.0)]
"""Hypotheses, subjects, strength."""

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
PRIOR_DRAWS = 20_000


def simulated(
    size: int, subjects: int, strength: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the subjects' log evidence, and in which part each hypothesis is most frequent."""
    equal = rng.random() < 0.5
    frequency = np.full(size, 1 / size) if equal else rng.dirichlet(np.ones(size))
    follows = rng.choice(size, subjects, p=frequency)
    measured = strength * np.eye(size)[follows] + rng.standard_normal((subjects, size))
    most = frequency if equal else np.eye(size)[frequency.argmax()]
    return strength * measured, most  # a subject's own constant is left out


def calibration(size: int, subjects: int, strength: float) -> dict[str, Any]:
    """Return how often what was given a probability was so, bin by bin, and the mean risk."""
    rng = generator(12, f"selection/{size}/{subjects}/{strength}")
    among = rng.dirichlet(np.ones(size), PRIOR_DRAWS)
    told, true, risks, exact = [], [], [], []
    for _ in range(GROUPS):
        values, most = simulated(size, subjects, strength, rng)
        found = select(pd.DataFrame(values)).hypotheses
        told.append(found.table[["exceedance", "protected"]].to_numpy())
        true.append(most)
        risks.append(found.omnibus_risk)
        # the same risk without the variational step, by draws from the prior
        each = values - values.max(axis=1, keepdims=True)
        free = logsumexp(np.log(np.exp(each) @ among.T).sum(axis=0)) - np.log(PRIOR_DRAWS)
        null = np.log(np.exp(each).mean(axis=1)).sum()
        exact.append(1 / (1 + np.exp(free - null)))
    told, true = np.array(told), np.array(true)
    result: dict[str, Any] = {
        "hypotheses": size,
        "subjects": subjects,
        "strength": strength,
        "omnibus risk": {
            "variational": float(np.mean(risks)),
            "exact": float(np.mean(exact)),
            "true": float(np.mean(true.max(axis=1) < 1)),
        },
    }
    for i, name in enumerate(("exceedance", "protected")):
        chance = told[..., i]
        result[name] = {"Brier score": float(((chance - true) ** 2).mean()), "bins": []}
        for low, high in pairwise(EDGES):
            inside = (chance > low) & (chance <= high)
            if inside.any():
                counted = int(inside.sum())
                held = float(true[inside].sum())
                bound = binomtest(round(held), counted).proportion_ci(0.95)
                result[name]["bins"].append(
                    {
                        "number": counted,
                        "said": float(chance[inside].mean()),
                        "was": held / counted,
                        "interval": [float(bound.low), float(bound.high)],
                    }
                )
    return result


def main() -> None:
    """Simulate every design, print and store."""
    found = [calibration(*design) for design in DESIGNS]
    record(
        "selection",
        {"command": "python -m benchmarks.selection", "groups": GROUPS, "designs": found},
    )
    for one in found:
        print(one["hypotheses"], "hypotheses,", one["subjects"], "subjects:", one["omnibus risk"])
        for name in ("exceedance", "protected"):
            bins = ", ".join(
                f"{b['said']:.2f} said {b['was']:.2f} was ({b['number']})"
                for b in one[name]["bins"]
            )
            print(f"  {name}, Brier {one[name]['Brier score']:.4f}: {bins}")


if __name__ == "__main__":
    main()

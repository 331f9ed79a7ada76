"""Record what a published package says: random-effects selection by groupBMC.

In an environment of its own, with nothing of dopafit in it::

    python -m venv ENV && ENV/bin/pip install groupBMC==1.0 scipy==1.17.1 numpy==2.4.6
    ENV/bin/python tests/compare/group_bmc/oracle.py

The package stops after 32 steps; here it goes on until its counts stand still. Its prior count is
1 / hypotheses unless given, which is also the only one for which its null model is normalised.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from groupBMC.groupBMC import GroupBMC

CASES = {
    "two": {"subjects": 8, "shift": [1.0, 0.0], "sd": 1.0, "families": None},
    "three": {"subjects": 24, "shift": [2.0, 0.5, 0.0], "sd": 2.0, "families": None},
    "none": {"subjects": 20, "shift": [0.0, 0.0, 0.0], "sd": 0.5, "families": None},
    "five": {"subjects": 40, "shift": [1.0, 0.8, 0.0, 0.0, -1.0], "sd": 3.0, "families": None},
    "families": {"subjects": 30, "shift": [1, 1, 0, 0], "sd": 2.0, "families": [[1, 2, 3], [4]]},
}


def main() -> None:
    rng = np.random.default_rng(12)
    found = {}
    for name, case in CASES.items():
        size = len(case["shift"])
        values = rng.normal(case["shift"], case["sd"], (case["subjects"], size)).round(3)
        made = GroupBMC(values.T, partitions=case["families"], max_iter=20_000, tolerance=0.0)
        result = made.get_result()
        found[name] = {
            "evidence": values.tolist(),
            "families": case["families"],
            "counts": made.α.flatten().tolist(),
            "frequency": result.frequency_mean.tolist(),
            "exceedance": result.exceedance_probability.tolist(),
            "protected": result.protected_exceedance_probability.tolist(),
            "f1": float(made.F1()),
            "f0": float(made.F0()),
        }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in found.items())
    text = f'{{"package": "groupBMC 1.0", "cases": {{\n{lines}\n}}}}\n'
    Path(__file__).with_name("oracle.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

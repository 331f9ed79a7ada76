"""Write meaning.json: what the files beside it mean to the version of dopafit that runs this.

At commit 2e660c3 (version 0.1): ``python record.py`` with that version on the path.
"""

from __future__ import annotations

import importlib
import json
import zlib
from pathlib import Path

import numpy as np

from dopafit import read_analysis, read_study

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def homes() -> tuple:
    """Return `build_layout` and `evaluate`, wherever this version keeps them."""
    for layout, operations in (
        ("model.layout.layout", "model.numpy_operations"),
        ("model.layout", "model.machinery"),
    ):
        try:
            found = importlib.import_module(f"dopafit.{layout}")
            return found.build_layout, importlib.import_module(f"dopafit.{operations}").evaluate
        except (ImportError, AttributeError):
            continue
    raise ImportError("no build_layout in this version of dopafit")


WEIGHED = ("cue-pursuit/encompassing", "guide/level", "guide/peak", "old-words/trough")
"""Claims whose density over the bundled study is recorded; each takes seconds in plain NumPy."""


def meaning(model: object) -> dict:
    """Return what a claim says, as plain data."""
    told = {
        name: [str(p.prior), p.fixed, p.link, p.unit, str(p.effect), str(p.spread)]
        for name, p in model.parameters.items()
    }
    return {"parameters": told, "claim": model.to_dict(), "hash": model.hash}


def deviate(name: str) -> float:
    """Return a standard normal deviate that belongs to a name, whatever the order."""
    return float(np.random.default_rng(zlib.crc32(name.encode())).standard_normal())


def density(model: object, study: object) -> dict[str, float]:
    """Return the log density of every channel's outcomes, summed, at a point drawn by name."""
    build_layout, evaluate = homes()
    layout = build_layout(model, study)
    coordinates = layout.coordinates
    scales = np.array(coordinates.half_scale or [1.0])
    halves = [f"{name} {part} {label}" for name, part, label in coordinates.half_names]
    h = np.array([abs(deviate(name)) for name in halves]) * scales
    x = np.zeros(coordinates.normals)
    for entry, unit in zip(coordinates.entries, coordinates.unit, strict=True):
        if unit:
            x[unit - 1] = deviate(coordinates.key(entry))
    theta = coordinates.theta(x, h)
    return {name: float(rows.sum()) for name, rows in evaluate(layout, theta).items()}


def main() -> None:
    found = {}
    study = read_study(ROOT / "data" / "cue-pursuit")
    for path in sorted(HERE.glob("*.yaml")):
        for name, model in read_analysis(path).models.items():
            found[f"{path.stem}/{name}"] = told = meaning(model)
            if f"{path.stem}/{name}" in WEIGHED:
                told["density"] = density(model, study)
    text = json.dumps(found, indent=1, sort_keys=True)
    (HERE / "meaning.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

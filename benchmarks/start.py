"""How long until the first draw, in a fresh process: with empty caches, and with filled ones.

    python -m benchmarks.start

The bundled study with all its channels, trough drive. Cold: dopafit's and numba's caches are empty
folders; the installed packages have their bytecode, as ``make env`` and pip leave them. Warm: a
second process with the caches the first one left. Also recorded: how many functions a whole second
fit of the same claim on other data compiles. Results go to ``benchmarks/results/start.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from typing import Any

from benchmarks.record import ROOT, answer, record


def measure(began: float) -> dict[str, Any]:
    """Fit until the first draw; `began` is the wall clock [s] at which the process was started."""
    marks = {"python": time.time() - began}
    import dopafit as dp

    marks["import dopafit"] = time.time() - began
    from dopafit.backend.geometry.pilot import locate
    from dopafit.backend.sampler.compiled import compile_layout, sampling_model
    from dopafit.backend.sampler.draw import SamplerSettings, run
    from dopafit.model.analysis import read_analysis
    from dopafit.model.layout.layout import build_layout

    analysis = read_analysis(ROOT / "analyses" / "cue-pursuit" / "made.yaml")
    study = dp.read_study(ROOT / "data" / "cue-pursuit")
    model = analysis.models["trough"]
    layout = build_layout(model, study)
    marks["layout"] = time.time() - began
    density = compile_layout(layout)
    marks["compiled"] = time.time() - began
    pilot = locate(layout, density, seed=1)
    marks["located"] = time.time() - began
    run(
        sampling_model(density, pilot),
        SamplerSettings(draws=1, tune=1, chains=1, cores=1, seed=1),
    )
    marks["first draw"] = time.time() - began
    from numba.core import event

    # other data of the same shape of claim: half the subjects
    half = study.select(subjects=study.subjects["subject"][::2])
    short = {"seed": 1, "draws": 20, "tune": 20, "chains": 1, "cores": 1, "progress": "silent"}
    dp.fit(model, study, **short)
    with event.install_recorder("numba:compile") as recorder:
        dp.fit(model, half, **short)
    return {"seconds": marks, "other_data_compiles": sum(e.is_start for _, e in recorder.buffer)}


def main() -> None:
    """Measure cold, then warm."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--began", type=float, help="measure in this process and print JSON")
    options = parser.parse_args()
    if options.began:
        print(json.dumps(measure(options.began)))
        return
    found: dict[str, Any] = {"command": "python -m benchmarks.start"}
    with tempfile.TemporaryDirectory() as folder:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment |= {
            "PYTENSOR_FLAGS": f"base_compiledir={folder}/pytensor",
            "NUMBA_CACHE_DIR": f"{folder}/numba",
            "DOPAFIT_CACHE": f"{folder}/dopafit",
        }
        for name in ("cold", "warm"):
            command = [sys.executable, "-m", "benchmarks.start", "--began", repr(time.time())]
            found[name] = answer(name, command, environment)
            marks = ", ".join(f"{k} {v:.1f}" for k, v in found[name]["seconds"].items())
            print(f"{name} [s since start]: {marks}", flush=True)
    print(f"functions compiled for other data: {found['cold']['other_data_compiles']}")
    record("start", found)


if __name__ == "__main__":
    main()

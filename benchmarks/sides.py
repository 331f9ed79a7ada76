"""dopafit and its rivals on one simulated study, side by side: problems A and B."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import PROBLEMS, arrays, build
from benchmarks.record import ROOT, BenchmarkError, answer, record, recorded
from benchmarks.table import WORDS

__all__ = ["RIVALS", "compare"]

RIVALS = tuple(WORDS)
PYTHON = {"stan": "3.12", "stanli": "3.13", "numpyro": "3.13"}
"""Environments of their own: pystan's extension does not load on Python 3.13."""
AGREE = 4.5
"""Largest difference of two means, in Monte Carlo standard errors, of some fifteen compared."""


def base(version: str) -> str:
    """Return a Python of a version that is on this machine; else its number, for uv to find."""
    found = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for path in (shutil.which(f"python{version}"), *map(str, found)):
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return version


def interpreter(rival: str) -> Path:
    """Return the Python that runs a rival; its environment is made where it is missing."""
    if rival not in PYTHON:
        return Path(sys.executable)
    folder = ROOT / ".rivals" / rival
    python = folder / "bin" / "python"
    lock = ROOT / "benchmarks" / "rivals" / f"{rival}.lock"
    stamp = folder / ".ready"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        print(f"making the environment of {rival} ...", flush=True)
        uv = ROOT / ".venv" / "bin" / "uv"
        subprocess.run([uv, "venv", "-q", "--clear", "-p", base(PYTHON[rival]), folder], check=True)
        subprocess.run([uv, "pip", "sync", "-q", "--python", python, lock], check=True)
        stamp.write_text(lock.read_text())
    return python


def command(rival: str, problem: str, data: Path, target: Path, sizes: list[str]) -> list[Any]:
    """Return the command line of a contestant."""
    if rival == "dopafit":
        return [sys.executable, "-m", "benchmarks.ours", problem, target, *sizes]
    folder = ROOT / "benchmarks" / "rivals"
    if rival in ("matrix", "scan"):
        return [sys.executable, folder / "pymc_rival.py", rival, data, target, *sizes]
    name, *how = rival.split("-")
    return [interpreter(name), folder / f"{name}_rival.py", data, target, *sizes, *how]


def measure(rival: str, problem: str, data: Path, folder: Path, sizes: list[str]) -> dict[str, Any]:
    """Run a contestant; return its times, its draws and their diagnostics."""
    import xarray as xr

    from dopafit.backend.diagnostics import diagnose

    target = folder / f"{rival}.npz"
    line = command(rival, problem, data, target, sizes)
    found = answer(rival, line, os.environ | {"PYTHONWARNINGS": "ignore"})
    stored = np.load(target)
    draws = {n: stored[n] for n in stored.files}
    dims = {
        n: ("chain", "draw", *(f"{n}_{i}" for i in range(v.ndim - 2))) for n, v in draws.items()
    }
    table = diagnose(xr.Dataset({n: (dims[n], v) for n, v in draws.items()})).set_index("quantity")
    table = table[table["kind"] == "sampled"]
    found["means"] = {n: float(v.mean()) for n, v in draws.items() if v.ndim == 2}
    found["mcse"] = {n: float(table.loc[n, "mcse_mean"]) for n in found["means"]}
    found["names"] = sorted(draws)
    found["table"] = table
    return found


def score(found: dict[str, Any], names: set[str]) -> None:
    """Add effective draws, over the quantities that every contestant has."""
    stems = found["table"].index.str.partition("[").get_level_values(0)
    table = found.pop("table")[[stem in names for stem in stems]]
    least = table["ess_bulk"].idxmin()
    found |= {
        "least_ess": float(table.loc[least, "ess_bulk"]),
        "least_known": least,
        "r_hat": float(table["r_hat"].max()),
        "ess_per_second": float(table.loc[least, "ess_bulk"] / found["sample"]),
        "ess_per_gradient": float(table.loc[least, "ess_bulk"] / found["gradients"]),
        "ess_per_second_compiled": float(
            table.loc[least, "ess_bulk"] / (found["sample"] + found["compile"])
        ),
    }


def disagreement(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, float]:
    """Return the mean that differs most, and by how many Monte Carlo standard errors."""
    shared = sorted(set(one["means"]) & set(other["means"]))
    gap = [
        abs(one["means"][n] - other["means"][n]) / np.hypot(one["mcse"][n], other["mcse"][n])
        for n in shared
    ]
    return shared[int(np.argmax(gap))], float(max(gap))


def run(problem: str, rivals: tuple[str, ...], quick: bool, size: int) -> dict[str, Any]:
    """Run dopafit and its rivals one after the other, and print the ratios."""
    _, study = build(PROBLEMS[problem])
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data.npz"
        np.savez(data, **arrays(PROBLEMS[problem], study))
        for rival in ("dopafit", *rivals):
            tune, draws = (300, 1000) if rival == "dopafit" else (size, size)
            if quick:
                tune, draws = tune // 3, draws // 5
            print(f"{problem}: {rival} ...", flush=True)
            try:
                one = measure(rival, problem, data, folder, [str(tune), str(draws)])
            except BenchmarkError as error:
                if rival == "dopafit":
                    raise
                print(error, file=sys.stderr, flush=True)
                continue
            found[rival] = one | {"tune": tune, "draws": draws, "chains": 4}
    names = set.intersection(*(set(one.pop("names")) for one in found.values()))
    for one in found.values():
        score(one, names)
    ours = found["dopafit"]
    for rival in (name for name in found if name != "dopafit"):
        other = found[rival]
        other["largest_difference"] = disagreement(ours, other)
        other["beside"] = {k: ours[k] for k in ("compile", "sample", "least_ess", "r_hat")}
        if other["largest_difference"][1] > AGREE:
            print(f"{rival} has another posterior: {other['largest_difference']}; no ratio")
            continue
        other["ratios"] = {
            metric: ours[metric] / other[metric]
            for metric in ("ess_per_second", "ess_per_second_compiled", "ess_per_gradient")
        }
        for metric, value in other["ratios"].items():
            print(f"ratio {problem} {rival} {metric} {value:.2f}", flush=True)
    for name, one in found.items():
        print(
            f"{name}: compile {one['compile']:.1f} s, warm-up and draws {one['sample']:.1f} s, "
            f"least bulk ESS {one['least_ess']:.0f} ({one['least_known']}), "
            f"R-hat <= {one['r_hat']:.3f}, {one['divergences']} divergences"
        )
    return found


def compare(problem: str, rivals: tuple[str, ...], *, quick: bool, size: int, command: str) -> None:
    """Measure a problem; unless quick, store what was found beside what is known of others."""
    found = run(problem, rivals, quick, size)
    missing = [name for name in rivals if name not in found]
    if not quick:
        known = recorded(problem).get("contestants", {})
        named = {name: {"command": command} | one for name, one in found.items()}
        python = platform.python_version()
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {python}"
        record(problem, {"machine": machine, "contestants": known | named})
    if missing:
        raise BenchmarkError(f"broke down and are left out: {', '.join(missing)}")

"""`import dopafit` is cheap and changes nothing in the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 0.3  # s
HEAVY = {
    "arviz",
    "formulae",
    "jax",
    "matplotlib",
    "numba",
    "nutpie",
    "pandas",
    "pandera",
    "pydantic",
    "pymc",
    "pytensor",
    "scipy",
    "typer",
    "xarray",
}

PROBE = """
import json, logging, os, random, sys, time, warnings
def state():
    return [dict(os.environ), os.getcwd(), repr(warnings.filters), logging.root.handlers[:],
            logging.root.level, hash(random.getstate()), sys.excepthook is sys.__excepthook__]
before, start = state(), time.perf_counter()
import {module}
seconds = time.perf_counter() - start
print(json.dumps([seconds, sorted(m for m in sys.modules if "." not in m), before == state()]))
"""


def probe(module: str, folder: Path = ROOT) -> tuple[float, set[str], bool]:
    """(seconds, modules, process unchanged) of one import in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, modules, unchanged = json.loads(done.stdout)
    return seconds, set(modules), unchanged


def test_import_is_cheap():
    runs = [probe("dopafit") for _ in range(5)]
    seconds, (_, modules, unchanged) = min(run[0] for run in runs), runs[0]
    assert "dopafit" in modules
    assert modules & HEAVY == set()
    assert unchanged
    assert seconds < LIMIT


def test_control_a_heavy_import_is_seen(tmp_path):
    (tmp_path / "slow_house.py").write_text("import time, matplotlib\ntime.sleep(0.31)\n")
    seconds, modules, _ = probe("slow_house", tmp_path)
    assert seconds > LIMIT
    assert modules & HEAVY == {"matplotlib"}


def test_control_a_changed_process_is_seen(tmp_path):
    changes = {
        "env": "import os\nos.environ['XLA_FLAGS'] = '1'",
        "warn": "import warnings\nwarnings.simplefilter('ignore')",
        "seed": "import random\nrandom.seed(1)",
        "log": "import logging\nlogging.basicConfig()",
        "same": "import os\nos.environ.get('HOME')",
    }
    for name, source in changes.items():
        (tmp_path / f"house_{name}.py").write_text(source)
        assert probe(f"house_{name}", tmp_path)[2] is (name == "same")

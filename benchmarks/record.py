"""What was measured: stored as JSON, and written anew into the documentation's page."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.table import write_table

__all__ = ["ROOT", "BenchmarkError", "answer", "record", "recorded"]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


class BenchmarkError(SystemExit):
    """A measurement that could not be had, or must not count; uncaught, its message is printed."""


def answer(name: str, command: Sequence[Any], environment: Mapping[str, str] | None = None) -> Any:
    """Run a process of its own and return what its last line says, in JSON.

    Raises
    ------
    BenchmarkError
        It broke down.
    """
    made = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    if made.returncode:
        raise BenchmarkError(f"{name} broke down:\n{made.stderr[-3000:]}")
    return json.loads(made.stdout.splitlines()[-1])


def recorded(name: str) -> dict[str, Any]:
    """Return what is stored under a name; empty where nothing is."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def record(name: str, found: dict[str, Any]) -> None:
    """Store results under a name, and write ``docs/speed.md`` from all that is stored."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_table(RESULTS, ROOT / "docs" / "speed.md")

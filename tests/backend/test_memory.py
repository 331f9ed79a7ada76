from __future__ import annotations

import subprocess
import sys

import pytest

from dopafit.backend.sampler import allocator as memory

PROGRAM = """
import resource, sys
import numpy as np
from numba import njit
from dopafit.backend.sampler.allocator import keep_pages

@njit
def two(n):
    return np.zeros(n).sum() + (np.zeros(n) + np.ones(n)).sum()

if sys.argv[1] == "keep":
    assert keep_pages() and keep_pages()
two(300_000), two(300_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    two(300_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    """Fresh pages that twenty runs of a function with large arrays ask for."""
    command = [sys.executable, "-c", PROGRAM, mode]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is what is asked")
def test_an_evaluation_reuses_the_pages_of_the_one_before() -> None:
    assert faults("keep") < 1000 < faults("return")


def test_other_systems_are_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_pages.__wrapped__() is False
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert memory.keep_pages.__wrapped__() is False

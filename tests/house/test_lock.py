"""The lock pins everything by hash, names no address and covers what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")


def plain(name: str) -> str:
    """Name as registries compare it (PEP 503), extras and limits taken off."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name)[0]).lower()


def pins(lock: str) -> dict[str, str]:
    """Package name -> version."""
    found = (PIN.match(line) for line in lock.splitlines())
    return {plain(match[1]): match[2] for match in found if match}


def faults(lock: str, wanted: list[str]) -> list[str]:
    """What is wrong with a lock, one line each."""
    wrong = []
    blocks = re.split(r"\n(?=\S)", lock.strip())
    for block in blocks:
        first = block.splitlines()[0]
        if not PIN.match(first):
            wrong.append(f"not pinned: {first}")
        elif not re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", block):
            wrong.append(f"no hash: {first}")
    wrong += [f"address: {word}" for word in re.findall(r"\S*(?:://|file:|@ )\S*", lock)]
    wrong += [f"option: {line}" for line in lock.splitlines() if re.match(r"--?[a-z]", line)]
    return wrong + [f"missing: {name}" for name in wanted if plain(name) not in pins(lock)]


def wanted() -> list[str]:
    """Everything pyproject.toml asks for, the development group included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return project["project"]["dependencies"] + project["dependency-groups"]["dev"]


def test_the_lock_is_sound():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert len(pins(lock)) > 50
    assert faults(lock, wanted()) == []


def test_the_lock_holds_what_installing_needs():
    # the environment is made by uv and the package is built by hatchling: both by hash
    assert {"uv", "hatchling"} <= set(pins((ROOT / "requirements.lock").read_text("utf-8")))


GOOD = "a==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n    # via b\n"


def test_control_a_bad_lock_is_seen():
    assert faults(GOOD, ["A>=1"]) == []
    assert faults(GOOD + "b==2.0\n    # via a\n", []) == ["no hash: b==2.0"]
    assert faults(GOOD + "b>=2.0\n", []) == ["not pinned: b>=2.0"]
    assert faults(GOOD.replace("0" * 64, "0" * 63), []) == ["no hash: a==1.0 \\"]
    assert faults(GOOD, ["a", "c_d[x]>=3"]) == ["missing: c_d[x]>=3"]
    mirrored = faults("--index-url https://mirror.example/simple\n" + GOOD, [])
    assert any(line.startswith("address") for line in mirrored)
    assert any(line.startswith("option") for line in mirrored)
    assert any("file:" in line for line in faults("a @ file:///tmp/a.whl\n" + GOOD, []))

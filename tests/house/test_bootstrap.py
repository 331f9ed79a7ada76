"""What `make` says where there is no Python or no network, and that it never claims success."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Stands for a Python: says a version, makes "environments" of itself, and pip may fail.
FAKE = """#!/bin/sh
case "$*" in
  "-c "*) echo {version}; exit {old} ;;
  *"-m venv"*) rm -rf .venv; mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"pip --version"*) exit 0 ;;
  *"pip"*"-e ."*) {build} ;;
  *"pip"*) {install} ;;
esac
"""


@pytest.fixture
def place(tmp_path):
    """A checkout in a folder with a space in its name, and an empty PATH."""
    root = tmp_path / "a checkout"
    (root / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "bootstrap.sh", root / "tools")
    (root / "requirements.lock").write_text("uv==1.0 \\\n    --hash=sha256:0\n")
    (tmp_path / "bin").mkdir()
    for tool in ["sh", "rm", "mkdir", "cp", "sed", "dirname"]:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return root


def add_python(place, name, *, version="3.13.1", install="exit 0", build="exit 0"):
    """Put a stand-in for a Python on the PATH."""
    old = int(tuple(map(int, version.split("."))) < (3, 12))
    path = place.parent / "bin" / name
    path.write_text(FAKE.format(version=version, old=old, install=install, build=build))
    path.chmod(0o755)


def bootstrap(place, **env):
    """Run the script as make does."""
    return subprocess.run(
        ["sh", "tools/bootstrap.sh"],
        cwd=place,
        env={"PATH": str(place.parent / "bin"), "HOME": str(place), **env},
        capture_output=True,
        text=True,
    )


def test_no_python_at_all(place):
    done = bootstrap(place)
    assert done.returncode == 1
    assert "no Python that is new enough" in done.stderr
    assert "needed:  Python 3.12 or newer" in done.stderr
    assert "make PYTHON=" in done.stderr
    assert not (place / ".venv").exists()


def test_only_an_old_python(place):
    add_python(place, "python3", version="3.10.4")
    done = bootstrap(place)
    assert done.returncode == 1
    assert "python3 (3.10.4)" in done.stderr


def test_a_newer_python_by_its_full_name_is_found(place):
    add_python(place, "python3", version="3.9.2")
    add_python(place, "python3.12", version="3.12.7")
    done = bootstrap(place)
    assert done.returncode == 0
    assert "making .venv with python3.12 (3.12.7)" in done.stdout
    assert (place / ".venv" / ".ready").read_text().strip() == os.path.realpath(place)


def test_a_chosen_python_is_taken_or_refused(place):
    add_python(place, "python3")
    add_python(place, "mine", version="3.14.0")
    assert "with python3 (3.13.1)" in bootstrap(place).stdout
    assert "making" not in bootstrap(place).stdout
    assert "with mine (3.14.0)" in bootstrap(place, PYTHON="mine").stdout
    add_python(place, "mine", version="3.8.0")
    refused = bootstrap(place, PYTHON="mine")
    assert refused.returncode == 1
    assert "PYTHON=mine cannot be used" in refused.stderr
    assert "mine (3.8.0)" in refused.stderr
    assert "nothing at that place" in bootstrap(place, PYTHON="/no/such/python").stderr


def test_a_failed_download_is_said_and_not_called_ready(place):
    add_python(place, "python3", install="echo 'no route to host' >&2; exit 1")
    (place / ".venv").mkdir()
    (place / ".venv" / ".ready").write_text("from an earlier run")
    done = bootstrap(place)
    assert done.returncode == 1
    assert "the packages could not be installed" in done.stderr
    assert "no route to host" in done.stderr
    assert "HTTPS_PROXY" in done.stderr and "make env" in done.stderr
    assert not (place / ".venv" / ".ready").exists()


def test_a_failed_build_is_said_and_not_called_ready(place):
    add_python(place, "python3", build="exit 1")
    done = bootstrap(place)
    assert done.returncode == 1
    assert "could not be installed in place" in done.stderr
    assert not (place / ".venv" / ".ready").exists()


def test_control_a_second_run_after_a_failure_succeeds(place):
    add_python(place, "python3", install="exit 1")
    assert bootstrap(place).returncode == 1
    shutil.rmtree(place / ".venv")
    add_python(place, "python3")
    assert bootstrap(place).returncode == 0
    assert (place / ".venv" / ".ready").exists()

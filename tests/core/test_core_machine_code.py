"""Kept machine code runs only as it was written; whatever else lies there means compiling."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from numba.core.serialize import dumps

from dopafit.core import machine_code

SOURCE = """
from dopafit.core.machine_code import kept

@kept(nogil=True)
def double(x):
    return {factor} * x
"""
NAME = "dopafit_kept_example"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("DOPAFIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return machine_code.own_folder(machine_code.FOLDER)


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Return a maker of the function as a new process meets it."""

    def start(factor: int = 2):
        path = tmp_path / f"{NAME}.py"
        path.write_text(SOURCE.format(factor=factor))
        spec = importlib.util.spec_from_file_location(NAME, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, NAME, module)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        spec.loader.exec_module(module)
        return module.double

    return start


def compiled(double) -> bool:
    """Call it; return whether that took compiling."""
    assert double(21.0) == 42.0
    return sum(double.stats.cache_misses.values()) == 1


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_compiled_once(folder, started) -> None:
    first = started()
    assert compiled(first) and first(21) == 42  # two signatures, two files
    assert len(list(folder.iterdir())) == 2
    second = started()
    assert not compiled(second) and second(21) == 42
    assert sum(second.stats.cache_misses.values()) == 0
    assert started(factor=3)(21.0) == 63.0  # another source, other code


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "digest", "no code", "other"])
def test_damage_means_compiling_again(folder, started, how) -> None:
    compiled(started())
    path = only(folder)
    whole = path.read_bytes()
    size = machine_code.DIGEST

    def sealed(content: bytes) -> bytes:
        return hashlib.sha256(content).digest() + content

    key = machine_code.loads(whole[size:])[0]
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "flipped": whole[:-400] + bytes([whole[-400] ^ 1]) + whole[-399:],
            "digest": bytes(size) + whole[size:],
            "no code": sealed(b"no code"),
            "other": sealed(dumps((key + "x", machine_code.loads(whole[size:])[1]))),
        }[how]
    )
    assert compiled(started())
    assert not compiled(started())  # and is whole again


def test_altered_code_does_not_run(folder, started) -> None:
    """The machine code of another function in its place: what somebody altered ran before."""
    started(factor=3)(21.0)
    other = only(folder).read_bytes()
    only(folder).unlink()
    compiled(started())
    path = only(folder)
    path.write_bytes(other)
    assert compiled(started())
    # nor is anything unpickled that has not its digest: this would make a file
    trap = path.with_name("sprung")

    class Trap:
        def __reduce__(self):
            return Path.touch, (trap,)

    path.write_bytes(bytes(machine_code.DIGEST) + dumps(Trap()))
    assert compiled(started()) and not trap.exists()
    machine_code.loads(dumps(Trap()))
    assert trap.exists()  # control: the trap works


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_what_others_can_write_does_not_run(folder, started) -> None:
    compiled(started())
    only(folder).chmod(0o666)
    assert compiled(started())
    folder.chmod(0o777)
    assert compiled(started())  # in the user's own cache, to which it turns now
    assert not compiled(started())


def test_nowhere_to_keep_it(started, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DOPAFIT_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiled(started()) and compiled(started())


def test_the_stamp_follows_what_is_called() -> None:
    from dopafit.backend.codegen import special

    names = {special.__name__}
    for _ in range(4):
        for name in list(names):
            names |= machine_code._called(vars(sys.modules[name]))
    assert "dopafit.trace._loops" in names
    assert not any("core" in name for name in names)

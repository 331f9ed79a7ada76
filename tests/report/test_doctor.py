"""The examination of a machine: sound here, and every fault has a cure."""

from __future__ import annotations

import importlib.metadata

import pytest

from dopafit.report import doctor


def test_this_machine_is_sound():
    found = {one.name: one for one in doctor.examine()}
    assert set(found) == {
        *("Python", "cores", "temporary folder", "compiled functions", "compiling"),
        *doctor.LEAST,
    }
    assert [one.name for one in found.values() if not one.ok] == []
    assert found["numba"].found == importlib.metadata.version("numba")


@pytest.mark.parametrize("version", ["0.15.9", "0.1", "0"])
def test_an_old_package_is_named(monkeypatch, version):
    real = importlib.metadata.version
    old = lambda name: version if name == "nutpie" else real(name)  # noqa: E731
    monkeypatch.setattr(importlib.metadata, "version", old)
    monkeypatch.setattr(doctor, "_numba", lambda: doctor.Examined("compiling", "", True))
    (bad,) = [one for one in doctor.examine() if not one.ok]
    assert (bad.name, bad.found, bad.todo) == ("nutpie", version, "install nutpie 0.16 or newer")


@pytest.mark.parametrize("version", ["0.16", "0.17rc1", "1.0", "0.16.11.dev3"])
def test_control_a_new_package_passes(monkeypatch, version):
    real = importlib.metadata.version
    new = lambda name: version if name == "nutpie" else real(name)  # noqa: E731
    monkeypatch.setattr(importlib.metadata, "version", new)
    monkeypatch.setattr(doctor, "_numba", lambda: doctor.Examined("compiling", "", True))
    assert [one.name for one in doctor.examine() if not one.ok] == []


def test_a_missing_package_is_named(monkeypatch):
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    bad = [one for one in doctor.examine() if not one.ok]
    assert {one.name for one in bad} == set(doctor.LEAST)
    assert all(one.found == "not installed" and one.todo for one in bad)


def test_a_folder_that_cannot_be_written(tmp_path):
    found = doctor._writable("temporary folder", tmp_path / "none")
    assert not found.ok and str(tmp_path) in found.found and "TMPDIR" in found.todo
    assert doctor._writable("temporary folder", tmp_path).ok  # control


@pytest.mark.parametrize("fault", [lambda *a: 0.0, lambda *a: 1 / 0])
def test_a_compiler_that_is_wrong_is_found(monkeypatch, fault):
    monkeypatch.setattr("dopafit.core.machine_code.kept", lambda **_: lambda _: fault)
    found = doctor._numba()
    assert not found.ok and found.todo

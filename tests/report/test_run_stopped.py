"""A run that is stopped, killed, met by a second one or by a full disk leaves what is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress
from dopafit.report import run as running
from tests.report.test_run import ROOT, copy, tiny, typed, write  # noqa: F401, fixtures

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent the POSIX way")


class Stop(Progress):
    """Sends itself a signal when a phase opens, or once the sampler reports."""

    def __init__(self, phase: str, number: int, *, inside: bool = False) -> None:
        super().__init__()
        self.wanted, self.number, self.inside, self.sent = phase, number, inside, False
        self.opened: list[str] = []

    def _open(self, label: str) -> None:
        self.opened.append(label)
        if label.startswith(self.wanted) and not self.inside:
            signal.raise_signal(self.number)

    def _show(self, label: str, snapshot: object) -> None:
        if label.startswith(self.wanted) and self.inside and not self.sent:
            self.sent = True
            signal.raise_signal(self.number)


def unwhole(folder: Path) -> list[Path]:
    """What a process that was stopped must not leave behind."""
    return [p for p in folder.rglob("*") if ".part" in p.name or p.name == ".lock"]


@pytest.fixture
def quick(monkeypatch):
    """Leave out what follows the fits, but for its phases: other tests run it."""
    none = SimpleNamespace(
        reading=(),
        draws=0,
        best="trough",
        word="undecided",
        unlooked=True,
        ranked=lambda fits: fits,
    )
    for name in ("compare", "predictive_check", "_prior_check"):
        monkeypatch.setattr(running, name, lambda *a, **k: none)
    for name in ("write_comparison", "write_answer", "write_checks", "write_data"):
        monkeypatch.setattr(running.record, name, lambda *a, **k: None)
    monkeypatch.setattr(running, "draw_all", lambda *a, **k: 0)
    monkeypatch.setattr(running, "answered", lambda *a, **k: (none, []))
    monkeypatch.setattr(running, "controlled", lambda *a, **k: [])
    monkeypatch.setattr(running, "write_report", lambda folder: None)


@pytest.mark.parametrize(
    ("phase", "number", "inside", "kept"),
    [
        ("compiling no_drive", signal.SIGTERM, False, "trough.nc"),
        ("locating no_drive", signal.SIGHUP, False, "trough.nc"),
        ("sampling no_drive", signal.SIGTERM, True, "trough.nc"),
        ("comparing", signal.SIGTERM, False, "no_drive.nc, trough.nc"),
        ("writing", signal.SIGTERM, False, "no_drive.nc, trough.nc"),
    ],
)
def test_every_phase_can_be_stopped(
    copy,  # noqa: F811
    quick,
    monkeypatch,
    capsys,
    phase,
    number,
    inside,
    kept,
) -> None:
    if "no_drive" in phase:
        path = copy.out / "fits" / "no_drive.nc"
        path.write_bytes(path.read_bytes()[:-9])
    show = Stop(phase, number, inside=inside)
    monkeypatch.setattr(running, "auto_progress", lambda mode: show)
    before = signal.getsignal(signal.SIGTERM)
    assert typed(monkeypatch, "run", copy.path, "--out", copy.out) == 128 + number
    assert signal.getsignal(signal.SIGTERM) == before
    said = capsys.readouterr().err
    if "no_drive" in phase:  # what is replaced is not replaced in silence
        assert any(
            "setting aside no_drive" in t and "checksum is missing" in t for t in show.opened
        )
        assert (copy.out / "fits" / "no_drive.set-aside.nc").is_file()
    assert f"stopped while {phase}" in said and "Traceback" not in said
    assert f"kept in {copy.out / 'fits'}: {kept}\n" in said
    assert "run the same command again" in said
    assert unwhole(copy.out) == []
    for name in kept.split(", "):
        Fit.load(copy.out / "fits" / name)


def test_a_stopped_write_of_a_fit(copy, quick, monkeypatch, capsys) -> None:  # noqa: F811
    (copy.out / "fits" / "no_drive.nc").unlink()

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    real = os.fsync
    monkeypatch.setattr(os, "fsync", stop)
    words = ("run", copy.path, "--out", copy.out, "--progress", "silent")
    assert typed(monkeypatch, *words) == 143
    said = capsys.readouterr().err
    assert f"kept in {copy.out / 'fits'}: trough.nc" in said and unwhole(copy.out) == []
    monkeypatch.setattr(os, "fsync", real)
    assert typed(monkeypatch, *words) == 3  # the same command goes on
    assert Fit.load(copy.out / "fits" / "no_drive.nc").seed == 3


def test_a_full_disk_while_a_run_writes(copy, quick, monkeypatch, capsys) -> None:  # noqa: F811
    """Whichever file it is that has no room: three parts, status 2, no part of a file."""
    real = os.replace
    for name in ("spec.yaml", "verdict.json"):
        (copy.out / name).unlink(missing_ok=True)

        def full(source: object, target: object, name: str = name, **more: object) -> None:
            if Path(str(target)) == copy.out / name:
                raise OSError(28, "No space left on device")
            real(source, target, **more)

        monkeypatch.setattr(os, "replace", full)
        words = ("run", copy.path, "--out", copy.out, "--progress", "silent")
        assert typed(monkeypatch, *words) == 2
        said = capsys.readouterr().err
        assert "No space left on device" in said and name in said, said
        assert "allowed:" in said and "to do:" in said and "Traceback" not in said
        assert unwhole(copy.out) == []
        monkeypatch.setattr(os, "replace", real)


def test_a_second_run_is_told_and_the_first_is_unharmed(
    copy,  # noqa: F811
    quick,
    monkeypatch,
    capsys,
) -> None:
    """Also fit, compare and report; a run that is killed lets go, and its traces are removed."""
    slow = {"draws": 2000, "tune": 60, "chains": 2, "target_accept": 0.999}
    path = write(copy.base, sampling=slow)
    words = ["run", str(path), "--out", str(copy.out), "--progress", "log"]
    child = subprocess.Popen(
        [sys.executable, "-m", "dopafit.cli", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = ""
        while not line.startswith("sampling"):
            line = child.stderr.readline()
            assert line, "it ended"
        for command in (
            ("run", path, "--out", copy.out),
            ("fit", path, "--drive", "trough", "--out", copy.out),
            ("compare", copy.out),
            ("report", copy.out),  # this one is not cut short
        ):
            assert typed(monkeypatch, *command) == 2
            said = capsys.readouterr().err
            assert f"is in use: dopafit run of analysis.yaml, process {child.pid}" in said
            assert "allowed:" in said and "to do:" in said
        assert child.poll() is None
        (copy.out / "fits" / ".trough.nc.0123abcd.part").write_bytes(b"half")
    finally:
        child.kill()
        child.communicate()
    (copy.out / "figures" / ".x.png.0123abcd.part").write_bytes(b"half")
    with running.alone(copy.out, Progress(), "another"):
        assert unwhole(copy.out) == [copy.out / ".lock"]  # held anew, the traces removed

"""A folder is held by one at a time; who comes second is told by whom, and a kill lets it go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dopafit.core.errors import FitError
from dopafit.core.hold import LOCK, hold

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is held there")
ROOT = Path(__file__).parents[2]
OTHER = """
import sys
from pathlib import Path
from dopafit.core.hold import hold
with hold(Path(sys.argv[1]), "the first"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder."""
    child = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path / "out")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def test_the_second_is_told(other, tmp_path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(FitError) as caught, hold(folder, "the second"):
        pass
    wrong, allowed, todo = str(caught.value).split("\n")
    assert f"{folder} is in use: the first, process {other.pid} on" in wrong
    assert "one command at a time" in allowed and "--out" in todo
    other.communicate("")
    with hold(folder, "the second"):  # the first has ended
        assert (folder / LOCK).read_text().startswith("the second")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_holds_nothing(other, tmp_path, number) -> None:
    other.send_signal(number)
    other.wait(10)
    assert (tmp_path / "out" / LOCK).exists()  # it had no time to tidy up
    with hold(tmp_path / "out", "the second"):
        pass
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_blocks_may_be_nested_but_threads_are_others(tmp_path) -> None:
    told: list[str] = []

    def second() -> None:
        try:
            with hold(tmp_path, "thread"):
                told.append("held")
        except FitError as error:
            told.append(str(error))

    with hold(tmp_path, "outer"):
        with hold(tmp_path / "." / "x" / "..", "inner"):
            assert (tmp_path / LOCK).read_text().startswith("outer")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert len(told) == 1 and "is in use: outer" in told[0]
    second()
    assert told[1:] == ["held"] and not (tmp_path / LOCK).exists()


def test_a_folder_of_which_nothing_came_is_removed(tmp_path) -> None:
    with pytest.raises(ValueError), hold(tmp_path / "new", "run"):
        raise ValueError
    assert not (tmp_path / "new").exists()
    with hold(tmp_path / "new", "run"):
        (tmp_path / "new" / "file").touch()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["file"]


def test_where_it_cannot_be_held(tmp_path, monkeypatch) -> None:
    import fcntl

    (tmp_path / "file").touch()
    with pytest.raises(FitError, match="cannot be made"), hold(tmp_path / "file" / "out", "run"):
        pass
    os.mkfifo(tmp_path / LOCK)
    with pytest.raises(FitError, match="is no file"), hold(tmp_path, "run"):
        pass
    (tmp_path / LOCK).unlink()

    def none(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with hold(tmp_path, "run"):  # a network drive without locks: nothing is held, all goes on
        pass

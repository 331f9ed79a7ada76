from __future__ import annotations

import io
import sys
import types

import pytest

from dopafit.backend.sampler.draw import Snapshot
from dopafit.core.errors import SpecError
from dopafit.fit.progress import (
    LogProgress,
    NotebookProgress,
    Progress,
    TerminalProgress,
    auto_progress,
    describe,
    duration,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def snapshot(share, *, elapsed=10.0, divergences=(0, 0)):
    done = int(2000 * share)
    return Snapshot(
        (done, done), 2000, (share < 0.5,) * 2, divergences, (0.21, 0.4), (7 * done,) * 2, elapsed
    )


def play(progress, clock, *, steps=100, seconds=100.0):
    """Compile for 12 s, then sample in equal steps."""
    progress.phase("compiling", "trough")
    clock.now += 12
    progress.phase("sampling", "trough")
    for i in range(steps + 1):
        progress.sampling(snapshot(i / steps, elapsed=seconds * i / steps))
        clock.now += seconds / steps
    progress.done("2 x 1000 draws, 0 divergences")


def test_log_lines_are_plain_and_few():
    stream, clock = io.StringIO(), Clock()
    play(LogProgress(stream, clock=clock), clock)
    text = stream.getvalue()
    assert "\r" not in text and "\x1b" not in text and text.isascii()
    lines = text.splitlines()
    assert lines[0] == "compiling trough ..."
    assert lines[1] == "compiling trough: done [12.0 s]"
    assert lines[2] == "sampling trough ..."
    assert lines[-1].startswith("sampling trough: 2 x 1000 draws, 0 divergences [1:41]")
    assert len(lines) == 4 + 10  # one per tenth
    assert all(part in lines[5] for part in ("30%", "1200/4000 draws (tuning)", "1:10 left"))
    assert all(part in lines[-2] for part in ("100%", "(drawing)", "step 0.21-0.4", "7 leapfrogs/"))


def test_log_lines_keep_a_distance_and_never_fall_silent():
    stream, clock = io.StringIO(), Clock()
    play(LogProgress(stream, clock=clock), clock, seconds=1.0)  # faster than one line per 2 s
    assert len(stream.getvalue().splitlines()) == 4
    stream, clock = io.StringIO(), Clock()
    progress = LogProgress(stream, clock=clock)
    progress.phase("sampling", "peak")
    for _ in range(100):  # stays at 1 %
        clock.now += 1
        progress.sampling(snapshot(0.01))
    assert len(stream.getvalue().splitlines()) == 1 + 3  # every 30 s


def test_the_time_left_comes_first():
    """In a narrow terminal the end of the line is lost: not what a waiting person wants to know."""
    stream, clock = io.StringIO(), Clock()
    play(LogProgress(stream, clock=clock), clock)
    assert stream.getvalue().splitlines()[5].startswith("sampling trough: 1:10 left  ")
    stream, clock = Terminal(), Clock()
    play(TerminalProgress(stream, colour=False, clock=clock), clock)
    assert "\r\x1b[2Ksampling trough: 1:10 left  " in stream.getvalue()
    shown, clock = [], Clock()

    class Cell:
        update = staticmethod(shown.append)

    play(NotebookProgress(display=lambda text: Cell(), clock=clock), clock)
    assert any(text.splitlines()[-1].startswith("sampling trough: 1:10 left  ") for text in shown)
    look = Snapshot((300, 300), 600, (False,) * 2, (0, 0), (0.2, 0.2), (9, 9), 30.0, last=False)
    assert describe(look).startswith("30.0 s left to the next look  ")


def test_a_terminal_line_rewrites_itself():
    stream, clock = Terminal(), Clock()
    play(TerminalProgress(stream, clock=clock), clock)
    text = stream.getvalue()
    assert text.count("\n") == 2  # one line stays per phase
    assert text.count("\r\x1b[2K") == 1 + 1 + 1 + 101 + 1
    last = text.split("\r\x1b[2K")[-2]
    assert last.startswith("sampling trough: 100%") and len(last) < 120


def test_colours_only_where_wanted():
    bad = snapshot(0.7, divergences=(3, 1))
    for colour in (True, False):
        stream = Terminal()
        progress = TerminalProgress(stream, colour=colour)
        progress.phase("sampling", "peak")
        progress.sampling(bad)
        progress.done()
        assert ("\x1b[31m" in stream.getvalue()) is colour
        assert ("\x1b[2m" in stream.getvalue()) is colour
        assert "4 divergences" in stream.getvalue()


def test_a_notebook_updates_one_cell():
    shown = []

    class Cell:
        def update(self, text):
            shown.append(text)

    def display(text):
        shown.append(text)
        return Cell()

    clock = Clock()
    play(NotebookProgress(display=display, clock=clock), clock, steps=3)
    assert shown[0] == "compiling trough ..."
    assert shown[-1].splitlines() == [
        "compiling trough: done [12.0 s]",
        "sampling trough: 2 x 1000 draws, 0 divergences [2:13]",
    ]
    assert all(text.startswith("compiling trough: done") for text in shown[2:])


def test_a_notebook_uses_ipython(monkeypatch):
    calls = []

    class Handle:
        def update(self, content, *, raw):
            calls.append(("update", content, raw))

    def display(content, *, raw, display_id):
        calls.append(("display", content, raw))
        return Handle()

    class ZMQInteractiveShell:
        pass

    package, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    package.get_ipython = ZMQInteractiveShell
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    progress = auto_progress()
    assert isinstance(progress, NotebookProgress)
    progress.phase("compiling", "peak")
    progress.done()
    assert calls[0] == ("display", {"text/plain": "compiling peak ..."}, True)
    assert calls[1][0] == "update" and calls[1][2] is True


def test_silence():
    stream, clock = io.StringIO(), Clock()
    play(auto_progress(stream, "silent"), clock, steps=3)
    assert stream.getvalue() == ""


def test_the_place_decides(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert type(auto_progress(io.StringIO())) is LogProgress
    assert type(auto_progress(Terminal())) is TerminalProgress
    assert type(auto_progress(io.StringIO(), "terminal")) is TerminalProgress
    assert type(auto_progress(Terminal(), "log")) is LogProgress
    monkeypatch.setenv("TERM", "dumb")
    assert type(auto_progress(Terminal())) is LogProgress


@pytest.mark.parametrize("value, coloured", [("1", False), ("", True), (None, True)])
def test_no_color(monkeypatch, value, coloured):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    stream = Terminal()
    progress = auto_progress(stream)
    progress.phase("sampling")
    progress.sampling(snapshot(0.7, divergences=(1, 0)))
    assert ("\x1b[31m" in stream.getvalue()) is coloured


def test_an_unknown_mode():
    with pytest.raises(SpecError, match="progress 'termnal'") as caught:
        auto_progress(io.StringIO(), "termnal")
    assert "terminal" in caught.value.todo


def test_an_error_closes_the_phase():
    stream, clock = io.StringIO(), Clock()
    with pytest.raises(ZeroDivisionError), LogProgress(stream, clock=clock) as progress:
        progress.phase("compiling", "trough")
        clock.now += 3
        raise ZeroDivisionError
    assert stream.getvalue().splitlines()[-1] == "compiling trough: stopped [3.0 s]"
    progress.done()  # nothing is open any more
    assert len(stream.getvalue().splitlines()) == 2


def test_a_line_before_the_first_draw():
    empty = Snapshot((0, 0), 400, (True, True), (0, 0), (0.0, 0.0), (0, 0), 0.1)
    text = describe(empty)
    assert "0/800 draws (tuning)" in text and "left" not in text and "step" not in text
    half = Snapshot((400, 100), 400, (False, True), (1, 0), (0.2, 0.2), (1, 1), 5.0)
    assert "tuning 1 of 2 chains" in describe(half) and "1 divergence " in describe(half)
    assert "step 0.2 " in describe(half)


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0.0 s"), (4.24, "4.2 s"), (59.96, "1:00"), (187, "3:07"), (3729, "1:02:09")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_the_base_shows_nothing_and_accepts_everything():
    progress = Progress()
    progress.sampling(snapshot(0.3))
    progress.done()
    with progress as same:
        assert same is progress

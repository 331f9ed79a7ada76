"""What a waiting person sees: phases, and the sampler's state, on whatever they look at."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from dopafit.backend.sampler.draw import Snapshot
from dopafit.core.errors import SpecError

__all__ = ["LogProgress", "NotebookProgress", "Progress", "TerminalProgress", "auto_progress"]

MODES = ("auto", "terminal", "notebook", "log", "silent")
RED, DIM, PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


class Progress:
    """The events of a fit; this base shows nothing.

    Use as a context manager, so that a phase left by an error is closed:
    ``phase`` opens a phase (and closes the one before), ``sampling`` shows the sampler's state
    within it, ``done`` closes it.

    Parameters
    ----------
    clock : callable, optional
        Returns the time [s]; for tests.

    Attributes
    ----------
    latest : str
        The phase opened last, e.g. "compiling trough"; empty before the first.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._label: str | None = None
        self.latest = ""
        self._since = 0.0

    def phase(self, name: str, detail: str = "") -> None:
        """Open a phase, e.g. ``phase("compiling", "trough")``."""
        if self._label is not None:
            self.done()
        self._label, self._since = f"{name} {detail}".rstrip(), self._clock()
        self.latest = self._label
        self._open(self._label)

    def sampling(self, snapshot: Snapshot) -> None:
        """Show the sampler's state; may be passed to the sampler as its callback."""
        self._show(self._label or "sampling", snapshot)

    def done(self, text: str = "") -> None:
        """Close the open phase with its elapsed time and an optional result."""
        if self._label is None:
            return
        line = f"{self._label}: {'done' if not text else text} [{duration(self._elapsed)}]"
        self._label = None
        self._close(line)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.done("stopped" if kind is not None else "")

    @property
    def _elapsed(self) -> float:
        return self._clock() - self._since

    def _open(self, label: str) -> None:
        self._rewrite(f"{label} ...")

    def _show(self, label: str, snapshot: Snapshot) -> None:
        self._rewrite(f"{label}: {describe(snapshot)}")

    def _close(self, line: str) -> None: ...

    def _rewrite(self, text: str) -> None: ...


class LogProgress(Progress):
    """Plain lines for a file or a pipe: no carriage return, no escape sequence.

    A line is written when a tenth of the draws is passed (at most every `least` seconds), and
    otherwise every `most` seconds.

    Parameters
    ----------
    stream : text stream
        Where the lines go.
    least, most : float
        Shortest and longest time between two lines [s].
    clock : callable, optional
        Returns the time [s]; for tests.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        least: float = 2.0,
        most: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock=clock)
        self._stream, self._least, self._most = stream, least, most
        self._tenth, self._last = 0, 0.0

    def _open(self, label: str) -> None:
        self._tenth, self._last = 0, self._clock()
        self._line(f"{label} ...")

    def _show(self, label: str, snapshot: Snapshot) -> None:
        now, tenth = self._clock(), int(10 * snapshot.share)
        gap = now - self._last
        if (tenth > self._tenth and gap >= self._least) or gap >= self._most:
            self._tenth, self._last = tenth, now
            self._line(f"{label}: {describe(snapshot)}")

    def _close(self, line: str) -> None:
        self._line(line)

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class TerminalProgress(Progress):
    """One line that rewrites itself, and one line that stays per finished phase.

    Parameters
    ----------
    stream : text stream
        A terminal.
    colour : bool
        Divergences in red, times dimmed.
    clock : callable, optional
        Returns the time [s]; for tests.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock=clock)
        self._stream, self._colour = stream, colour

    def _show(self, label: str, snapshot: Snapshot) -> None:
        text = f"{label}: {describe(snapshot)}"[: self._width]
        if self._colour and sum(snapshot.divergences):
            text = f"{RED}{text}{PLAIN}"
        self._rewrite(text)

    def _close(self, line: str) -> None:
        if self._colour:
            head, bracket, tail = line.rpartition(" [")
            line = f"{head}{DIM}{bracket}{tail}{PLAIN}"
        self._rewrite(line + "\n")

    def _rewrite(self, text: str) -> None:
        self._stream.write(f"\r\x1b[2K{text}")  # back to the margin, clear the line
        self._stream.flush()

    @property
    def _width(self) -> int:
        try:
            return max(20, os.get_terminal_size(self._stream.fileno()).columns - 1)
        except (OSError, ValueError, AttributeError):
            return 119


class NotebookProgress(Progress):
    """One output cell that updates in place.

    Parameters
    ----------
    display : callable, optional
        ``display(text)`` returns a handle with ``update(text)``; IPython's by default.
    clock : callable, optional
        Returns the time [s]; for tests.
    """

    def __init__(
        self,
        *,
        display: Callable[[str], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock=clock)
        self._display = display or _ipython_display
        self._lines: list[str] = []
        self._handle: Any = None

    def _close(self, line: str) -> None:
        self._lines.append(line)
        self._rewrite("")

    def _rewrite(self, text: str) -> None:
        cell = "\n".join([*self._lines, text]).rstrip()
        if self._handle is None:
            self._handle = self._display(cell)
        else:
            self._handle.update(cell)


def auto_progress(stream: TextIO | None = None, mode: str = "auto") -> Progress:
    """Return the renderer that fits the place the output goes to.

    Parameters
    ----------
    stream : text stream, optional
        Standard error by default.
    mode : {"auto", "terminal", "notebook", "log", "silent"}
        ``"auto"`` takes the notebook in a kernel, the rewriting line on a terminal, and plain
        lines elsewhere. ``NO_COLOR`` in the environment turns colours off.

    Raises
    ------
    SpecError
        Unknown mode.
    """
    if mode not in MODES:
        raise SpecError(f"progress {mode!r} is not known", given=mode, known=MODES)
    target = sys.stderr if stream is None else stream
    if mode == "auto":
        if stream is None and _in_kernel():
            mode = "notebook"
        else:
            terminal = getattr(target, "isatty", lambda: False)()
            mode = "terminal" if terminal and os.environ.get("TERM") != "dumb" else "log"
    if mode == "silent" or target is None:
        return Progress()
    if mode == "notebook":
        return NotebookProgress()
    if mode == "terminal":
        return TerminalProgress(target, colour=not os.environ.get("NO_COLOR"))
    return LogProgress(target)


def describe(snapshot: Snapshot) -> str:
    """Return one line: time left, draws, stage, divergences, step size, cost and time so far."""
    done, total = sum(snapshot.finished), snapshot.total * len(snapshot.finished)
    tuning = sum(snapshot.tuning)
    if tuning == 0:
        stage = "drawing"
    elif tuning == len(snapshot.tuning):
        stage = "tuning"
    else:
        stage = f"tuning {tuning} of {len(snapshot.tuning)} chains"
    divergences = sum(snapshot.divergences)
    parts = []
    if snapshot.remaining is not None and not snapshot.complete:
        to = "left" if snapshot.last else "left to the next look"
        parts.append(f"{duration(snapshot.remaining)} {to}")
    parts += [
        f"{100 * snapshot.share:3.0f}%  {done}/{total} draws ({stage})",
        f"{divergences} divergence{'' if divergences == 1 else 's'}",
    ]
    steps = [s for s in snapshot.step_size if s > 0]
    if steps:
        low, high = f"{min(steps):.2g}", f"{max(steps):.2g}"
        parts.append(f"step {low}" if low == high else f"step {low}-{high}")
    if snapshot.leapfrogs_per_draw is not None:
        parts.append(f"{snapshot.leapfrogs_per_draw:.0f} leapfrogs/draw")
    parts.append(f"{duration(snapshot.elapsed)} so far")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Return ``"4.2 s"``, ``"3:07"`` or ``"1:02:09"``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _in_kernel() -> bool:
    shell = sys.modules.get("IPython")  # a kernel has imported it already
    current = shell.get_ipython() if shell is not None else None
    return type(current).__name__ == "ZMQInteractiveShell"


def _ipython_display(text: str) -> Any:
    from IPython.display import display

    class Handle:
        def __init__(self) -> None:
            self.cell = display({"text/plain": text}, raw=True, display_id=True)

        def update(self, content: str) -> None:
            self.cell.update({"text/plain": content}, raw=True)

    return Handle()

"""Errors that say what was wrong, what is allowed and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["DopafitError", "FitError", "SpecError", "StoppedError", "StudyError", "suggest"]


class DopafitError(Exception):
    """An error a user can act on; the command line prints it without a traceback.

    Parameters
    ----------
    wrong : str
        What was wrong, with the file, row, column and value where they exist.
    allowed : str
        What would have been accepted.
    todo : str
        What to do next.
    """

    def __init__(self, wrong: str, *, allowed: str = "", todo: str = "") -> None:
        self.wrong, self.allowed, self.todo = wrong, allowed, todo
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.wrong]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.todo:
            lines.append(f"  to do:   {self.todo}")
        return "\n".join(lines)


class StudyError(DopafitError):
    """The study's tables or their description cannot be used."""


class SpecError(DopafitError):
    """The model or the analysis file asks for something that does not exist."""


class FitError(DopafitError):
    """A fit could not be made, stored or read."""


class StoppedError(DopafitError):
    """The user stopped the work; what was finished is kept."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for the closest known name, else an empty string."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""

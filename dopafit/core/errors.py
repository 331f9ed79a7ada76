"""Errors that say what was wrong, what is allowed and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "DopafitError",
    "FitError",
    "SpecError",
    "StoppedError",
    "StudyError",
    "some_of",
    "suggest",
]


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
    given, known : object and iterable of str, optional
        A name that is none of those known: what to do is then to take the nearest one, if one is
        near, and unless said otherwise, all of them are allowed.
    """

    def __init__(
        self,
        wrong: str,
        *,
        allowed: str = "",
        todo: str = "",
        given: object = "",
        known: Iterable[str] | None = None,
    ) -> None:
        if known is not None:
            names = [str(name) for name in known]
            allowed = allowed or ", ".join(names)
            todo = suggest(str(given), names) or todo or "take one of those allowed"
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


def some_of(names: Iterable[str], most: int = 8) -> str:
    """Return the first names in a line, and how many there are where that is not all.

    Examples
    --------
    >>> some_of("abc", 2)
    'a, b, ... (3 in all)'
    """
    every = list(names)
    more = f", ... ({len(every)} in all)" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for a known name that is nearly the same, else nothing.

    Case, spaces and punctuation do not count; a name that shares a few letters is not proposed.

    Examples
    --------
    >>> suggest("Start time", ["start_time", "end"]), suggest("end", ["responded"])
    ("did you mean 'start_time'?", '')
    """
    wanted = str(name)
    plain = {_plain(str(k)): str(k) for k in reversed(list(known))}
    close = difflib.get_close_matches(_plain(wanted), plain, n=1, cutoff=0.7)
    if not close:  # two letters exchanged in a short name
        close = [k for k in plain if len(k) > 2 and sorted(k) == sorted(_plain(wanted))]
    # a name may be one of the words of a longer one: end, session_end
    longer = [k for k in plain.values() if _words(wanted) and _words(wanted) < _words(k)]
    best = plain[close[0]] if close else min(longer, key=len, default="")
    return f"did you mean {best!r}?" if best else ""


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum()) or name


def _words(name: str) -> set[str]:
    return {w for w in re.split(r"[\W_]+", name.casefold()) if len(w) > 2}

"""The tables of a study: names, key columns, units and what counts as missing."""

from __future__ import annotations

import re

__all__ = [
    "DEFAULTS",
    "DURATION",
    "MISSING",
    "REQUIRED",
    "SHAPE",
    "SHAPES",
    "STUDY_FILE",
    "TABLES",
    "TEXT_KEYS",
    "TIMES",
    "UNITS",
    "is_censoring",
    "is_choice",
    "is_duration",
    "is_length",
    "is_numeric",
]

STUDY_FILE = "study.yaml"

REQUIRED: dict[str, tuple[str, ...]] = {
    "subjects": ("subject",),
    "sessions": ("subject", "session", "start", "end"),
    "windows": ("subject", "session", "start", "end"),
    "events": ("subject", "session", "time", "kind", "magnitude"),
    "observations": ("subject", "session", "time"),
    "presses": ("subject", "session", "time", "kind"),
    "samples": ("subject", "session", "time"),
    "covariates": ("subject", "session", "time"),
}
TABLES = tuple(REQUIRED)

# columns a file may leave out, with the value every row then has
DEFAULTS: dict[str, dict[str, str | float]] = {
    "events": {"kind": "event", "magnitude": 1.0},
    "presses": {"kind": "press"},
}

# how long an event's input goes on [s], and how it runs meanwhile; an empty cell is the first shape
DURATION, SHAPE, SHAPES = "duration", "shape", ("constant", "ramp")

TEXT_KEYS = ("subject", "session", "kind")
TIMES = ("time", "start", "end")

# unit -> seconds, as exact decimal text
UNITS = {"s": "1", "ms": "0.001", "min": "60", "h": "3600"}

# cells that mean "not measured"; the word None stays a word, it may name a condition
MISSING = frozenset({"", "NA", "NaN", "nan", "N/A", "n/a"})

_DURATION = re.compile(r"(.+_)?latency")
_NUMERIC = frozenset({*TIMES, "magnitude", "clock_start", "value", "pursue", "choice"})


def is_duration(column: str) -> bool:
    """Tell whether a column holds a response time: ``latency`` or ``<name>_latency`` [s]."""
    return _DURATION.fullmatch(column) is not None


def is_censoring(column: str) -> bool:
    """Tell whether a column marks censored rows: ``<name>_censored`` (0 or 1)."""
    return column.endswith("_censored") and column != "_censored"


def is_choice(column: str) -> bool:
    """Tell whether a column holds a two-way choice (0 or 1)."""
    return column in ("pursue", "choice")


def is_length(role: str, column: str) -> bool:
    """Tell whether a column of a table says how long something takes [s]."""
    return is_duration(column) or (role == "events" and column == DURATION)


def is_numeric(role: str, column: str) -> bool:
    """Tell whether a column of a table by its name must hold numbers."""
    return column in _NUMERIC or is_length(role, column) or is_censoring(column)

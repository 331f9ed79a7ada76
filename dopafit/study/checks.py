"""What the tables of a study must be to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dopafit.study.checks_keys import doubled_rows, known_names, order_of_ends, overlaps
from dopafit.study.checks_lasting import lasting
from dopafit.study.checks_levels import given_twice, near_levels
from dopafit.study.checks_repeats import (
    one_timetable,
    overlapping_sessions,
    same_sessions,
    same_times,
)
from dopafit.study.checks_times import covariates_begin, inside_windows, ties
from dopafit.study.checks_units import latencies, magnitudes, spans
from dopafit.study.checks_values import censoring, thin_data
from dopafit.study.report import Finding
from dopafit.study.rows import Tables

__all__ = ["check_across"]


# a check -> the tables without which it has nothing to say
_CHECKS: dict[Callable[[Tables], Iterable[Finding]], tuple[str, ...]] = {
    order_of_ends: (),
    known_names: ("sessions",),
    doubled_rows: (),
    overlaps: ("windows",),
    inside_windows: ("sessions",),
    censoring: ("observations",),
    ties: ("events", "observations"),
    thin_data: (),
    covariates_begin: ("covariates", "sessions"),
    magnitudes: ("events",),
    lasting: ("events",),
    latencies: ("observations",),
    spans: ("sessions",),
    near_levels: (),
    given_twice: (),
    same_times: (),
    same_sessions: (),
    one_timetable: (),
    overlapping_sessions: ("sessions",),
}


def check_across(tables: Tables) -> Iterator[Finding]:
    """Return what is wrong between tables, and between the rows of a table.

    Parameters
    ----------
    tables : mapping of role to Table
        Tables that could be read; ``windows`` and ``subjects`` may be absent.
    """
    for check, needed in _CHECKS.items():
        if tables.keys() >= set(needed):
            yield from check(tables)

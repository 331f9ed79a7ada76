"""What the tables of a study must be to each other."""

from __future__ import annotations

from dopafit.study.checks_keys import doubled_rows, known_names, order_of_ends, overlaps
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


def check_across(tables: Tables) -> list[Finding]:
    """Return what is wrong between tables, and between the rows of a table.

    Parameters
    ----------
    tables : mapping of role to Table
        Tables that could be read; ``windows`` and ``subjects`` may be absent.
    """
    findings: list[Finding] = []
    for check in (
        order_of_ends,
        known_names,
        doubled_rows,
        overlaps,
        inside_windows,
        censoring,
        ties,
        thin_data,
        covariates_begin,
        magnitudes,
        latencies,
        spans,
        near_levels,
        given_twice,
        same_times,
        same_sessions,
        one_timetable,
        overlapping_sessions,
    ):
        findings += check(tables)
    return findings

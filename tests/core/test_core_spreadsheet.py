"""No cell that we write is a formula, and every cell can be read back."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.core.spreadsheet import csv_text, plain_cell, safe_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "\uff1d1"]
)
def test_what_would_run_is_text(text: str) -> None:
    assert safe_cell(text) == "'" + text and plain_cell("'" + text) == text


@pytest.mark.parametrize(
    "text", ["-1", "+2.5", "-1e-3", "a=b", "1-2", "'a", "", "rat-1", "\u22121"]
)
def test_control_numbers_and_names_stay(text: str) -> None:
    assert safe_cell(text) == plain_cell(text) == text


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("'=+-@\t\r 1.e\n\"a,"), max_size=6))
def test_every_text_comes_back_and_none_runs(text: str) -> None:
    safe = safe_cell(text)
    assert plain_cell(safe) == text
    assert safe[:1] not in tuple("=@\t\r") and (safe[:1] not in tuple("+-") or float(safe) < 9e99)


def test_tables_keep_their_numbers() -> None:
    table = pd.DataFrame(
        {
            "=name": ["=cmd|' /C calc'!A0", "-1", None],
            "value": [-1.5, np.nan, 1 / 3],
            "count": [-1, 2, 3],
            "mixed": pd.Series([-1, "-x", True], dtype=object),
            "flag": [True, False, True],
        }
    )
    head, *rows = csv.reader(io.StringIO(csv_text(table)))
    assert head == ["'=name", "value", "count", "mixed", "flag"]
    assert rows[0] == ["'=cmd|' /C calc'!A0", "-1.5", "-1", "-1", "True"]
    assert rows[1] == ["-1", "", "2", "'-x", "False"]
    assert float(rows[2][1]) == 1 / 3
    plain = table.drop(columns=["=name", "mixed"])  # control: nothing to escape, nothing changed
    assert csv_text(plain) == plain.to_csv(index=False, lineterminator="\n")

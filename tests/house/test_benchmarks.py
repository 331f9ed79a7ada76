"""The table of the documentation says what the stored results say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.problems import PROBLEMS, arrays, build
from benchmarks.table import write_table

ONE = {
    "compile": 2.0,
    "sample": 10.0,
    "least_ess": 800.0,
    "least_known": "peak_sd",
    "r_hat": 1.004,
    "chains": 4,
    "draws": 1000,
}
RIVAL = {
    "largest_difference": ["choice_rest", 2.25],
    "ratios": {"ess_per_second": 31.4, "ess_per_second_compiled": 44.5, "ess_per_gradient": 2.5},
}


def test_the_table_has_the_stored_ratios(tmp_path: Path) -> None:
    stored = {
        "machine": "2 cores",
        "contestants": {
            "dopafit": ONE | {"command": "python -m benchmarks A"},
            "stan": ONE | RIVAL | {"command": "python -m benchmarks A"},
            "scan": ONE | {"command": "python -m benchmarks A --rival scan"},
        },
    }
    (tmp_path / "A.json").write_text(json.dumps(stored))
    write_table(tmp_path, tmp_path / "speed.md")
    text = (tmp_path / "speed.md").read_text()
    assert "| Stan, written by hand | **31.4** | 44.5 | 2.5 | 2.2 MCSE |" in text
    assert "| dopafit | 2.0 | 10.0 | 800 of 4 x 1,000 | `peak_sd` | 1.004 |" in text
    # whose posterior was another, has times but no ratio
    assert "PyMC, scan | **" not in text and "PyMC, scan | 2.0" in text
    assert "Problem B" not in text
    assert text.count("`python -m benchmarks A`") == 1 and "benchmarks A --rival scan`" in text


@pytest.mark.parametrize("name", ["A"])
def test_rivals_get_the_same_data(name) -> None:
    """The merged order gives back every event and observation of every subject."""
    problem = PROBLEMS[name]
    _, study = build(problem)
    d = arrays(problem, study)
    assert len(d["y"]) == problem.subjects * problem.observations
    for s, subject in enumerate(study.subjects["subject"]):
        own = slice(d["first"][s], d["first"][s + 1])
        start = min(
            table.loc[table["subject"] == subject, "time"].min()
            for table in (study.events, study.observations)
        )
        time, row = start + np.cumsum(d["gap"][own]), d["row"][own]
        trials = study.observations[study.observations["subject"] == subject]
        events = study.events[study.events["subject"] == subject]
        np.testing.assert_allclose(time[row >= 0], trials["time"], atol=1e-9)
        np.testing.assert_allclose(time[row < 0], events["time"], atol=1e-9)
        np.testing.assert_array_equal(d["y"][row[row >= 0]], trials["pursue"])
        assert (d["subject"][row[row >= 0]] == s).all()

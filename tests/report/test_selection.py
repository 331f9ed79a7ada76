"""Where subjects were left out, a run says how frequent each hypothesis is among them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dopafit.backend.evidence.scores import LooResult
from dopafit.compare.loo import compare_loo
from dopafit.compare.selection import select
from dopafit.report.record import write_comparison

FAMILIES = {"trough": "trough", "jump": "trough", "level": "no trough"}


def compared(unit: str):
    rng = np.random.default_rng(4)
    points = pd.DataFrame(rng.normal([-10.0, -10.5, -12.0], 0.5, (24, 3)), columns=list(FAMILIES))
    results = {
        name: LooResult(v.sum(), 1.0, 1.0, v.to_numpy(), np.zeros(24), 0.7)
        for name, v in points.items()
    }
    units = [f"s{i:02d}" for i in range(24)]
    labels = {name: units for name in FAMILIES}
    fine = dict.fromkeys(FAMILIES, True)
    return points, compare_loo(results, unit=unit, labels=labels, converged=fine)


def fits():
    return {n: SimpleNamespace(model=SimpleNamespace(family=f)) for n, f in FAMILIES.items()}


def test_frequencies_stand_in_a_table_and_a_note(tmp_path) -> None:
    points, found = compared("subject")
    write_comparison(tmp_path, found, fits())
    table = pd.read_csv(tmp_path / "tables" / "selection.csv")
    exact = select(points, families=FAMILIES)
    own = table[table["of"] == "hypothesis"].set_index("name")
    assert own["protected"].to_numpy() == pytest.approx(exact.hypotheses.table["protected"])
    family = table[table["of"] == "family"].set_index("name")
    assert family.loc["trough", "frequency"] > 0.8
    told = json.loads((tmp_path / "comparison.json").read_text())["notes"][-1]
    assert "trough is the most frequent" in told and "decides no claim" in told


def test_another_unit_leaves_none(tmp_path) -> None:
    write_comparison(tmp_path, compared("subject")[1], fits())
    write_comparison(tmp_path, compared("session")[1], fits())
    assert not (tmp_path / "tables" / "selection.csv").exists()
    assert "most frequent" not in (tmp_path / "comparison.json").read_text()

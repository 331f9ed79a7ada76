"""The analyses that ship: what they ask, and that the bundled study's truth means what it says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dopafit.model.analysis import read_analysis
from dopafit.model.layout.events import in_unit_events
from dopafit.model.nuisance import ALL, NONE
from dopafit.model.rivals import RIVALS

ROOT = Path(__file__).parents[2]
VERSION_1 = {"no_drive", "trough", "peak", "level", "encompassing"}
WORKED = sorted(ROOT.glob("analyses/*/*.yaml"))


@pytest.mark.parametrize("path", WORKED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_worked_analyses_are_read(path):
    """Each asks with the default hypotheses; what benchmarks use beside it with five drives."""
    found = read_analysis(path)
    if path.name == "analysis.yaml":
        assert set(found.models) == set(RIVALS) and found.nuisance == ALL
        assert found.controls.surrogates == 39
        if path.parent.name == "effort":
            assert found.controls.randomised == "magnitudes"
        if path.parent.name == "fed3-rebound":
            assert found.controls.earned_by == ("active",)
    else:
        assert set(found.models) == VERSION_1 and (found.nuisance, found.rivals) == (NONE, "drives")


def test_the_bundled_analysis_means_what_its_truth_was_made_with() -> None:
    """The typical cue has magnitude 1, as when the truth was written; references are stated."""
    found = read_analysis(ROOT / "analyses" / "cue-pursuit" / "made.yaml")
    events = pd.read_csv(ROOT / "data" / "cue-pursuit" / "events.csv")
    model = found.models["trough"]
    assert in_unit_events(model.unit_magnitude, events)[0] == 1.0 and found.warnings == ()
    assert dict(model.reference) == {"context": "home", "drug": "placebo"}

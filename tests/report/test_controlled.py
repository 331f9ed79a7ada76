"""What an analysis says of its controls reaches them, and comes back as conditions."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.check.control import Control
from dopafit.core.errors import SpecError
from dopafit.fit.progress import Progress
from dopafit.model.analysis import read_analysis
from dopafit.model.analysis_file import Controls
from dopafit.report import controlled as module


@pytest.fixture
def calls(monkeypatch):
    """Controls that only note what they were asked."""
    noted = {}

    def make(name):
        def control(fits, study, **options):
            noted[name] = options
            p = 0.025 if name == "events_control" else np.nan
            return Control(name, "exchanged", 3.0, np.zeros(39), p, 39)

        return control

    for name in ("events_control", "trough_control"):
        monkeypatch.setattr(module, name, make(name))
    monkeypatch.setattr(module, "looked", lambda fits, checks: [])
    return noted


def test_conditions_of_controls(calls, tiny_fits, tmp_path) -> None:
    controls = Controls(surrogates=39, randomised="events")
    found = module.controlled(tiny_fits, {}, tmp_path, controls, 7, Progress())
    events, trough, *curves = found
    assert [one.name for one in curves] == ["events_any_curve", "trough_any_curve"]
    assert (events.name, events.met, events.value, events.limit) == (
        "events_control",
        True,
        0.025,
        0.05,
    )
    assert trough.name == "trough_control" and not trough.met and trough.value is None
    assert calls["events_control"]["randomised"] == "events"
    assert calls["events_control"]["contingency"] is None
    assert calls["trough_control"]["count"] == 39 and calls["trough_control"]["seed"] == 7
    assert calls["events_control"]["keep"] != calls["trough_control"]["keep"]


def test_earned_events_come_from_simulated_presses(calls, tiny_fits, tmp_path) -> None:
    presses = tuple(sorted(set(next(iter(tiny_fits.values())).study.presses["kind"])))
    with pytest.raises(SpecError, match="before the first press"):
        # cues of this study come first: nobody earned them
        module.controlled(tiny_fits, {}, tmp_path, Controls(earned_by=presses), 1, Progress())


def test_no_surrogates_no_controls(calls, tiny_fits, tmp_path) -> None:
    assert module.controlled(tiny_fits, {}, tmp_path, Controls(surrogates=0), 1, Progress()) == []
    assert not calls


def test_an_analysis_says_what_was_randomised(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    text = "channels: {choice: {column: pursue}}\ncontrols: "
    path.write_text(text + "{surrogates: 99, randomised: magnitudes}")
    found = read_analysis(path).controls
    assert (found.surrogates, found.randomised) == (99, "magnitudes")
    path.write_text(text + "none")
    assert read_analysis(path).controls.surrogates == 0
    path.write_text(text + "{randomised: rewards}")
    with pytest.raises(SpecError, match=r"controls.randomised: 'rewards'") as caught:
        read_analysis(path)
    assert "magnitudes" in caught.value.allowed

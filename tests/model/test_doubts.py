"""What a study makes doubtful about a claim is said, and only that."""

from __future__ import annotations

import pandas as pd
import pytest

from dopafit.model.doubts import FAR
from dopafit.model.events import median_gap
from dopafit.model.layout import build_layout


# ---------------------------------------------------------------------- spacing
@pytest.mark.parametrize("factor", [1 / FAR / 1.01, FAR * 1.01])
def test_a_spacing_far_from_the_data_is_doubted(tiny, three_channels, factor) -> None:
    gap = median_gap(tiny.events)
    layout = build_layout(three_channels(typical_spacing=factor * gap), tiny)
    (text,) = [t for t in layout.warnings if t.startswith("typical_spacing")]
    assert f"{factor * gap:g} s" in text and f"{gap:.3g} s" in text


def test_a_spacing_near_the_data_is_not(tiny, three_channels) -> None:
    gap = median_gap(tiny.events)
    for factor in (1.01 / FAR, 1.0, FAR / 1.01):
        layout = build_layout(three_channels(typical_spacing=factor * gap), tiny)
        assert not any("typical_spacing" in t for t in layout.warnings)
    far = build_layout(three_channels("null", typical_spacing=1e6), tiny)  # has no kernel
    assert not any("typical_spacing" in t for t in far.warnings)


def test_the_gap_is_that_of_the_kinds_in_use(tiny, three_channels) -> None:
    events = tiny.events.assign(kind="cue")
    doubled = tiny.with_tables({"events": pd.concat([events, events.assign(kind="echo")])})
    assert median_gap(doubled.events) == median_gap(events)  # events at one time are one
    close = events.assign(kind="click", time=events["time"] + 0.01)
    study = tiny.with_tables({"events": pd.concat([events, close])})
    models = [
        three_channels(events=kinds, effects={}, typical_spacing=median_gap(events))
        for kinds in (["cue"], ["cue", "click"])
    ]
    told = [any("typical_spacing" in t for t in build_layout(m, study).warnings) for m in models]
    assert told == [False, True]

"""A study as bytes."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.core.errors import StudyError
from dopafit.study import Study, study_from_bytes, study_to_bytes


def test_round_trip(small: Study) -> None:
    content = study_to_bytes(small)
    back = study_from_bytes(content)
    assert back == small and repr(back) == repr(small)
    assert (back.name, back.licence, back.description, back.time_unit) == (
        small.name,
        small.licence,
        small.description,
        small.time_unit,
    )
    for role, frame in small.tables.items():
        pd.testing.assert_frame_equal(back.tables[role], frame)
    # the same study is the same bytes, and survives as an array of uint8
    assert study_to_bytes(back) == content
    assert study_from_bytes(np.frombuffer(content, dtype=np.uint8).tobytes()) == small


def test_the_folder_on_this_machine_is_not_stored(folder) -> None:
    from dopafit.study import read_study

    study = read_study(folder.write())
    assert str(folder.path).encode() not in study_to_bytes(study)
    assert study_from_bytes(study_to_bytes(study)).source is None


def rewritten(content: bytes, change) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            raw = change(name, old.read(name))
            if raw is not None:
                new.writestr(name, raw)
    return out.getvalue()


def test_tampering_is_seen(small: Study) -> None:
    content = study_to_bytes(small)

    def relabelled(name: str, raw: bytes) -> bytes:
        if name != "study.json":
            return raw
        return json.dumps(json.loads(raw) | {"simulated": False}).encode()

    def newer(name: str, raw: bytes) -> bytes:
        if name != "study.json":
            return raw
        return json.dumps(json.loads(raw) | {"format": 9}).encode()

    for change, words in (
        (relabelled, "hash differs"),
        (lambda name, raw: None if name == "events.parquet" else raw, "hash differs"),
        (lambda name, raw: None if name == "sessions.parquet" else raw, "damaged"),
        (lambda name, raw: None if name == "study.json" else raw, "damaged"),
        (newer, "format 9"),
    ):
        with pytest.raises(StudyError, match=words):
            study_from_bytes(rewritten(content, change))
    assert study_from_bytes(rewritten(content, lambda name, raw: raw)) == small


@settings(deadline=None, max_examples=40)
@given(at=st.integers(0, 20_000), byte=st.integers(0, 255), cut=st.booleans())
def test_damage_is_seen_or_harmless(at: int, byte: int, cut: bool) -> None:
    sessions = pd.DataFrame({"subject": ["a"], "session": ["1"], "start": [0.0], "end": [9.0]})
    study = Study("x", sessions=sessions)
    content = bytearray(study_to_bytes(study))
    content[at % len(content)] = byte
    try:
        back = study_from_bytes(bytes(content[: at % len(content)] if cut else content))
    except StudyError:
        return
    assert back == study

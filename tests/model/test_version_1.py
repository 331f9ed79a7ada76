"""Analysis files of version 0.1 mean what they meant: claims, hashes, densities to 1e-9.

What they meant was recorded by version 0.1 itself; see `version_1/record.py`.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from dopafit import read_analysis, read_study

HERE = Path(__file__).parent / "version_1"
MEANT = json.loads((HERE / "meaning.json").read_text())


def _record():
    spec = importlib.util.spec_from_file_location("record_version_1", HERE / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


record = _record()


@pytest.fixture(scope="module")
def study():
    return read_study(HERE.parents[2] / "data" / "cue-pursuit")


def models():
    return {
        f"{path.stem}/{name}": model
        for path in sorted(HERE.glob("*.yaml"))
        for name, model in read_analysis(path).models.items()
    }


def test_the_hypotheses_are_those_of_then() -> None:
    assert list(models()) == [name for name in models() if name in MEANT]
    assert set(models()) == set(MEANT) and len(MEANT) > 12


@pytest.mark.parametrize("name", sorted(MEANT))
def test_a_claim_means_what_it_meant(name, study) -> None:
    model, meant = models()[name], MEANT[name]
    told = json.loads(json.dumps(record.meaning(model)))
    assert told["parameters"] == meant["parameters"]
    assert told["claim"] == meant["claim"] and told["hash"] == meant["hash"]
    if "density" in meant:
        assert record.density(model, study) == pytest.approx(meant["density"], rel=1e-9)


def test_control_another_claim_has_another_density(study) -> None:
    model, meant = models()["guide/level"], MEANT["guide/level"]
    other = model.with_drive("peak")
    assert record.density(other, study)["choice"] != pytest.approx(meant["density"]["choice"])
    assert record.meaning(other)["hash"] != meant["hash"]

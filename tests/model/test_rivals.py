"""What is compared by default, and the families that follow from what components declare."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from dopafit import Choice, Latency, Model
from dopafit.core.errors import SpecError
from dopafit.drive import Drive
from dopafit.model.analysis import read_analysis
from dopafit.model.rivals import NEITHER, NO_TROUGH, RIVALS, TROUGH, family_of
from dopafit.trace.kernel import Kernel

# the table as it was fixed before any comparison: family, drive, kernel
TABLE = {
    "no_drive": ("no trough", "no_drive", None),
    "level": ("no trough", "level", "monophasic"),
    "level_two_scales": ("no trough", "level", "two_scales"),
    "suppression": ("no trough", "suppression", "monophasic"),
    "peak": ("no trough", "peak", "opponent"),
    "trough": ("trough", "trough", "opponent"),
    "trough_sharp": ("trough", "trough", "jump"),
    "level_trough": ("neither", "level", "opponent"),
    "encompassing": ("neither", "encompassing", "opponent3"),
}


def test_the_default_hypotheses_are_those_of_the_table() -> None:
    assert {name: (r.drive, r.kernel) for name, r in RIVALS.items()} == {
        name: own[1:] for name, own in TABLE.items()
    }


@pytest.mark.parametrize("name", TABLE)
def test_the_rule_gives_the_tables_families(name) -> None:
    family, drive, kernel = TABLE[name]
    for each in [kernel] if kernel else Kernel.members():
        model = Model(drive=drive, kernel=each, channels=[Choice("pursue")])
        assert model.family == family


def test_kernels_say_whether_their_response_goes_below_baseline() -> None:
    time, rng = np.geomspace(0.01, 1e4, 500)[:, None], np.random.default_rng(1)
    for name, member in Kernel.members().items():
        shape = {k: p.prior.sample(rng, 200) for k, p in member.parameters.items() if p.prior}
        below = (member().response(time, **shape) < -1e-9).any()
        assert member.goes_below == below or name == "free"  # which takes any shape it is given


@pytest.fixture
def outside():
    """Two drives from outside, known only as long as a test asks for them."""
    known = dict(Drive._members)

    class Below(Drive):
        """An outside drive that only reads below baseline."""

        name = "test_below"
        reference = "test"
        gains: ClassVar = {"gain_below": "effect"}
        reads_above = False

        def motivation(self, xp, signals, unit):
            """Return the deficit."""
            return (xp.minimum(signals["level"], 0.0),)

    class Silent(Drive):
        """An outside drive that declares nothing of what it reads."""

        name = "test_silent"
        reference = "test"
        gains: ClassVar = {"gain_any": "effect"}

        def motivation(self, xp, signals, unit):
            """Return the level."""
            return (signals["level"],)

    yield Below, Silent
    Drive._members.clear()
    Drive._members.update(known)


def test_components_from_outside_have_the_family_they_declare(outside) -> None:
    Below, Silent = outside
    assert family_of([Below], "opponent") == TROUGH
    assert family_of([Below], "monophasic") == NO_TROUGH
    assert family_of([Silent], "opponent") == NEITHER
    assert family_of([Silent], "two_scales") == NO_TROUGH


def test_drives_by_channel_make_one_family() -> None:
    def family(choice: str, latency: str) -> str:
        drive = {"choice": choice, "latency": latency}
        return Model(drive=drive, channels=[Choice("pursue"), Latency("latency")]).family

    assert family("trough", "no_drive") == family("trough", "trough") == TROUGH
    assert family("peak", "no_drive") == NO_TROUGH
    assert family("trough", "peak") == family("trough", "level") == NEITHER


def test_a_stated_family_is_part_of_the_claim_where_it_is_another() -> None:
    plain = Model(drive="level", channels=[Choice("pursue")])
    same = Model(drive="level", family="neither", channels=[Choice("pursue")])
    other = Model(drive="level", family="no trough", channels=[Choice("pursue")])
    assert plain.family == NEITHER and plain == same and "family" not in same.to_dict()
    assert other.family == "no trough" and other.hash != plain.hash
    assert Model.from_dict(other.to_dict()) == other
    assert other.with_drive("trough").family == TROUGH
    with pytest.raises(SpecError, match="family"):
        Model(drive="level", family="../x", channels=[Choice("pursue")])


def test_an_analysis_states_families_and_kernels(tmp_path) -> None:
    path = tmp_path / "analysis.yaml"
    head = "channels: {choice: {column: pursue}}\n"
    path.write_text(head + "hypotheses:\n  slow: {drive: level, kernel: jump, family: no trough}\n")
    assert read_analysis(path).models["slow"].family == "no trough"
    path.write_text(head)
    models = read_analysis(path).models
    assert {n: m.family for n, m in models.items()} == {n: own[0] for n, own in TABLE.items()}
    assert [m.hypothesis for m in models.values()] == list(TABLE)
    path.write_text(head + "kernel: jump\n")
    with pytest.raises(SpecError, match="differ in their kernels"):
        read_analysis(path)
    path.write_text(head + "kernel: jump\ndrives: [level]\n")
    assert read_analysis(path).models["level"].kernel == "jump"

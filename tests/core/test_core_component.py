"""Components say what they need when they are defined, and are found by name."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from dopafit.channel import Channel
from dopafit.core.component import Component, Parameter
from dopafit.core.errors import DopafitError, FitError, SpecError, StudyError, suggest
from dopafit.core.prior import Prior
from dopafit.drive import Drive
from dopafit.trace.kernel import Kernel

NORMAL = Prior.normal(0, 1)
WIDTH = Parameter("a width", "1", NORMAL)


def make_family() -> type:
    class Shape(Component, family=True):
        formula = "area"
        arguments = frozenset({"x"})
        elsewhere = frozenset({"colour"})

        def area(self, xp: Any, x: Any) -> Any:
            return x

    return Shape


def test_a_sound_member_is_registered_with_its_parameters() -> None:
    shape = make_family()

    class Square(shape):
        name, reference, width, colour = "square", "Euclid", WIDTH, WIDTH

        def area(self, xp, x, width):
            return x * width

    assert Square.parameters == {"width": WIDTH, "colour": WIDTH}
    assert shape._members == {"square": Square}
    assert shape.parameters == {}


def test_a_member_inherits_parameters() -> None:
    shape = make_family()

    class Square(shape):
        name, reference, width = "square", "Euclid", WIDTH

        def area(self, xp, x, width):
            return x * width

    class Box(Square):
        name, depth = "box", Parameter("a depth", "1", NORMAL)

        def area(self, xp, x, width, depth):
            return x * width * depth

    assert list(Box.parameters) == ["width", "depth"]
    assert list(Square.parameters) == ["width"]


@pytest.mark.parametrize("missing", ["name", "reference"])
def test_a_member_without_name_or_reference_cannot_be_defined(missing: str) -> None:
    body = {"name": "square", "reference": "Euclid"}
    body.pop(missing)
    with pytest.raises(TypeError, match="name and a reference"):
        type("Square", (make_family(),), body)


def test_a_formula_cannot_take_what_is_no_parameter() -> None:
    def area(self, xp, x, widht):
        return x * widht

    body = {"name": "square", "reference": "Euclid", "width": WIDTH, "area": area}
    with pytest.raises(TypeError, match=r"takes \['widht'\]"):
        type("Square", (make_family(),), body)


def test_a_formula_cannot_leave_a_parameter_out() -> None:
    body = {"name": "square", "reference": "Euclid", "width": WIDTH}
    with pytest.raises(TypeError, match=r"does not take \['width'\]"):
        type("Square", (make_family(),), body)


def test_two_members_cannot_have_one_name() -> None:
    shape = make_family()
    body = {"name": "square", "reference": "Euclid"}
    first = type("Square", (shape,), dict(body))
    with pytest.raises(TypeError, match="called 'square' already"):
        type("Quadrat", (shape,), dict(body))
    with pytest.raises(TypeError, match="called 'square' already"):
        type("Child", (first,), {})  # a name is not inherited by accident


@pytest.mark.parametrize(
    "arguments",
    [
        {"prior": NORMAL, "link": "probit"},
        {"prior": NORMAL, "varies": "trial"},
        {"prior": None},
        {"prior": NORMAL, "fixed": 1.0},
        {"prior": NORMAL, "link": "log"},
        {"prior": Prior.lognormal(1, 1), "link": "logit"},
    ],
)
def test_impossible_parameters(arguments: dict) -> None:
    with pytest.raises(TypeError, match="Parameter"):
        Parameter("x", "1", **arguments)


def test_every_member_is_found_and_says_what_it_is() -> None:
    assert {"encompassing", "level", "no_drive", "peak", "trough"} <= set(Drive.members())
    assert {"choice", "latency", "latency_wald", "presses"} <= set(Channel.members())
    assert "opponent" in Kernel.members()
    for family in (Drive, Channel, Kernel):
        for name, member in family.members().items():
            assert member.name == name and family.named(name) is member
            assert member.reference
            for parameter in member.parameters.values():
                assert parameter.meaning and parameter.unit


@pytest.mark.parametrize("name", ["trouhg", "", None, 3, ["trough"], {"a": 1}])
def test_an_unknown_member_is_an_error_with_the_list(name) -> None:
    with pytest.raises(SpecError) as caught:
        Drive.named(name)
    assert "trough" in caught.value.allowed and "--components" in caught.value.allowed
    if name == "trouhg":
        assert caught.value.todo == "did you mean 'trough'?"


def test_looking_members_up_does_not_import_compiled_loops() -> None:
    code = (
        "import sys; from dopafit.channel import Channel; from dopafit.trace.kernel import Kernel; "
        "from dopafit.drive import Drive; "
        "[f.members() for f in (Channel, Kernel, Drive)]; "
        "sys.exit(any(m in sys.modules for m in ('numba', 'pytensor', 'pymc', 'scipy.stats')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_errors_have_three_parts() -> None:
    error = StudyError("row 3: time = -1", allowed="times >= 0", todo="correct the row")
    assert str(error) == "row 3: time = -1\n  allowed: times >= 0\n  to do:   correct the row"
    assert str(SpecError("only this")) == "only this"
    for kind in (StudyError, SpecError, FitError):
        assert issubclass(kind, DopafitError)


def test_suggest() -> None:
    assert suggest("trogh", ["trough", "peak"]) == "did you mean 'trough'?"
    assert suggest("zzz", ["trough", "peak"]) == ""
    assert suggest("x", []) == ""


def test_an_error_about_a_name_proposes_the_nearest_known_one() -> None:
    near = SpecError("x", given="trogh", known=["trough", "peak"], todo="leave it out")
    assert (near.allowed, near.todo) == ("trough, peak", "did you mean 'trough'?")
    far = SpecError("x", given=None, known=["peak"])
    assert (far.allowed, far.todo) == ("peak", "take one of those allowed")
    own = SpecError("x", given="zzz", known=["peak"], allowed="a peak", todo="leave it out")
    assert (own.allowed, own.todo) == ("a peak", "leave it out")

"""Every operation by its record: against mpmath in the tails, and in the generated loops.

Value and derivative of each function, by numpy, by the compiler and by JAX, against mpmath.

A loop is split where a value comes from a function that is called row by row. One claim holds
every operation in the first, a middle and the last part of such a loop: alone in a loop, and all
of them in one. Each is summed (the slope by its weight) and differentiated (by its argument).
"""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import mpmath
import numpy as np
import pytest

from dopafit.backend.bridges.jax_functions import namespace
from dopafit.backend.codegen import load as fuse
from dopafit.backend.codegen.bound import Bound, memory
from dopafit.backend.codegen.emit import HEADER, write
from dopafit.backend.codegen.expression import Graph
from dopafit.backend.codegen.plan import make_plan
from dopafit.backend.codegen.runtime import CHUNK
from dopafit.backend.geometry.reparametrisation import Reparametrisation
from dopafit.backend.operations import FUNCTIONS, OPERATIONS
from dopafit.core.errors import SpecError
from dopafit.core.xp import root

ROWS = CHUNK + 45
PLACES = ("first", "middle", "last")
POSITIVE = {"log", "log1p", "sqrt", "pow", "div", "gammaln", "digamma"}
"""Operations whose arguments are above 0; every other one gets numbers of both signs."""
NEGATIVE = {"log1mexp"}
WITH_DECAY = {"softplus", "sigmoid"}
"""Their second argument is a function of the first."""


# ---------------------------------------------------------------- against mpmath
def normal(z: Any) -> Any:
    return -z * z / 2 - mpmath.log(2 * mpmath.pi) / 2


def log_ndtr(x: Any) -> Any:
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


def mills(x: Any) -> Any:
    return mpmath.exp(normal(x) - log_ndtr(x))


EXACT = {
    "abs": abs,
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log1mexp": lambda x: mpmath.log(1 - mpmath.exp(x)),
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "log_ndtr": log_ndtr,
    "log_ndtr_slope": mills,
    "normal_or_beyond": lambda z, b: log_ndtr(-z) if b else normal(z),
    "normal_or_beyond_slope": lambda z, b: -mills(-z) if b else -z,
    "gammaln": mpmath.loggamma,
    "digamma": mpmath.digamma,
    "where": lambda c, x, y: x if c else y,
    "maximum": max,
}
"""Other names are mpmath's own."""
ANYWHERE = [-30.0, -5.5, -0.3, 1e-9, 0.4, 3.0, 11.9]
ABOVE = [1e-8, 0.02, 0.7, 1.2, 3.3, 25.0, 1e3, 1e6]
FAR_DOWN = [*ANYWHERE, -1e3, -37.0, -36.0, -35.9]
POINTS = (
    {name: ABOVE for name in POSITIVE}
    | {"log1mexp": [-1e-9, -0.02, -0.69, -0.7, -4.0, -40.0, -700.0]}
    | {"softplus": [*FAR_DOWN, 40.0, 700.0], "sigmoid": [*FAR_DOWN[:7], 36.0, -700.0]}
    | {"log_ndtr": [*FAR_DOWN, 8.0], "log_ndtr_slope": [*FAR_DOWN, 8.0]}
    | {"erfcx": [-5.5, -0.3, 1e-9, 0.4, 3.0, 11.9, 12.1, 40.0, 1e6]}
)
WALKED = [each for each in FUNCTIONS if each.name != "settled"]


def cases(name: str) -> list[tuple[float, ...]]:
    """Points of an operation, each with every flag it can have."""
    points = POINTS.get(name, ANYWHERE)
    if name == "where":
        return [(flag, x, 0.5) for x in points for flag in (0.0, 1.0)]
    if name == "maximum":
        return [(x, 0.5) for x in points]
    if name.startswith("normal_or_beyond"):
        return [(x, 0.0) for x in points] + [(-x, 1.0) for x in FAR_DOWN]
    return [(x,) for x in points]


def compiled_values(once: bool) -> Any:
    """Every function as the loops have it, in one compiled function that is told which."""
    lines = [*HEADER.splitlines(), "@njit(error_model='numpy')"]
    lines += ["def value(which, a, b, c, decay):"]
    for k, each in enumerate(WALKED):
        parts = ["a", "decay"] if each.name in WITH_DECAY else ["a", "b", "c"]
        lines += [f"    if which == {k}:", f"        return {each.written(*parts, once=once)}"]
    scope: dict[str, Any] = {}
    exec(compile("\n".join([*lines, "    return math.nan"]), "<values>", "exec"), scope)
    return scope["value"]


@pytest.mark.parametrize("once", [False, True])
def test_values_to_the_tails(once) -> None:
    value = compiled_values(once)
    for k, each in enumerate(WALKED):
        exact = EXACT.get(each.name) or getattr(mpmath, each.name)
        for case in cases(each.name):
            with mpmath.workdps(60):
                true = float(exact(*map(mpmath.mpf, case)))
            with jax.enable_x64(True):
                by_jax = float(getattr(namespace, each.name)(*case))
            a, b, c = (*case, 0.0, 0.0)[:3]
            compiled = value(k, a, b, c, np.exp(-abs(a)))
            found = {"numpy": each.numpy(*case), "jax": by_jax, "compiled": compiled}
            for name, number in found.items():
                expected = pytest.approx(true, rel=3e-13, abs=1e-15)
                assert number == expected, (each.name, name, case)


def test_derivatives_to_the_tails() -> None:
    for each in WALKED:
        place = 1 if each.name == "where" else 0
        exact = EXACT.get(each.name) or getattr(mpmath, each.name)
        for case in cases(each.name) if each.derivative else ():
            graph = Graph()
            leaves = [graph.leaf("theta", k, domain=None) for k in range(len(case))]
            given = {leaf.number: x for leaf, x in zip(leaves, case, strict=True)}
            shares = dict(graph.pull(getattr(graph, each.name)(*leaves), graph.node(1.0)))
            with mpmath.workdps(60):
                point = [mpmath.mpf(x) for x in case]
                true = float(
                    mpmath.diff(exact, point, tuple(int(k == place) for k in range(len(case))))
                )
            with jax.enable_x64(True), np.errstate(over="ignore"):
                by_jax = float(jax.grad(getattr(namespace, each.name), place)(*case))
                written = float(worked_out(shares[leaves[place]], given))
            for name, number in {"written": written, "jax": by_jax}.items():
                expected = pytest.approx(true, rel=1e-9, abs=1e-13)
                assert number == expected, (each.name, name, case)


def worked_out(node: Any, given: dict[int, float]) -> float:
    """Work an expression out in numpy."""
    if node.number in given:
        return given[node.number]
    if node.op == "constant":
        return node.args[0]
    return OPERATIONS[node.op].numpy(*(worked_out(one, given) for one in node.nodes))


def test_what_has_no_derivative_is_refused() -> None:
    graph = Graph()
    x = graph.leaf("theta", 0, domain=None)
    with pytest.raises(SpecError, match="digamma of a parameter, which has no derivative"):
        graph.pull(graph.digamma(x), x)


# ---------------------------------------------------------------- in the generated loops
def has_slope(name: str) -> bool:
    """Whether a formula can use it, and not only as a step."""
    derivative = OPERATIONS[name].derivative
    return derivative is not None and name not in ("gt", "lt")


def arguments(name: str, x: Any, flag: Any, y: Any, make: Any) -> list[Any]:
    """Return an operation's arguments, made from positive x and y and a 0/1 flag."""
    count = OPERATIONS[name].arity
    first = x if name in POSITIVE else make("sub", make("mul", 3.0, x), 1.4)
    if name in NEGATIVE:
        first = make("neg", x)
    if name in WITH_DECAY:
        return [first, make("decay", first)]
    if name == "where":
        return [make("gt", x, y), first, make("mul", x, y)]
    if name == "pow":
        return [first, 1.7]
    if name.startswith("normal_or_beyond"):
        return [first, flag]
    return [first, y][:count]


def term(name: str, place: str, data: dict[str, Any], at: Any, make: Any) -> Any:
    """Return one operation at one place, weighted; what follows needs two more parts."""
    weight, slope, rest = at
    inner = make("mul", data["x"], slope) if has_slope(name) else data["x"]
    chain = [inner]
    for _ in range(2):
        chain.append(make("log1p", chain[-1]))
    found = make(name, *arguments(name, chain[PLACES.index(place)], data["flag"], data["y"], make))
    end = make("mul", rest, make("log1p", make("exp", chain[-1])))
    return make("add", make("mul", weight, found), end)


LOOPED = sorted(OPERATIONS.keys() - {"settled"})
CASES = [(name, place) for name in LOOPED for place in PLACES]


class Claim:
    """As much of a `Program` as the generated functions ask for: a formula for each channel.

    Parameters
    ----------
    cases : mapping of str to list of (operation, place)
        Terms of each channel.
    shared : bool
        Whether all terms have one argument, and so one derivative.
    """

    varying = frozenset()

    def __init__(self, cases: dict[str, list[tuple[str, str]]], *, shared: bool = False) -> None:
        self.cases, self.shared = cases, shared
        channels = [SimpleNamespace(prefix=p) for p in cases]
        self.model = SimpleNamespace(channels=channels, kernel="opponent")
        self.place, self.size = {}, 0
        for prefix, own in cases.items():
            count = len(own) + 2 if shared else 3 * len(own)
            self.place[prefix] = slice(self.size, self.size + count)
            self.size += count

    def logp(self, arrays: Any, theta: Any, machinery: Any) -> dict[str, Any]:
        make = machinery.xp.make
        return {
            p: self.rows(p, arrays, [theta[i] for i in range(own.start, own.stop)], make)
            for p, own in self.place.items()
        }

    def rows(self, prefix: str, arrays: Any, own: Any, make: Any) -> Any:
        """Return a channel's rows: the sum of its operations' terms."""
        data = {name: arrays[f"{prefix}.data.{name}"] for name in ("x", "flag", "y")}
        total: Any = 0.0
        for k, case in enumerate(self.cases[prefix]):
            at = [own[k], *own[-2:]] if self.shared else own[3 * k : 3 * k + 3]
            total = make("add", total, term(*case, data, at, make))
        return total

    def arrays(self) -> dict[str, np.ndarray]:
        """Return data for every channel, and coordinates that are theta itself."""
        rng = np.random.default_rng(5)
        data = {"x": rng.uniform(0.3, 1.2, ROWS), "y": rng.uniform(0.2, 0.9, ROWS)}
        data |= {"flag": (rng.random(ROWS) < 0.4).astype(float)}
        found = {f"{p}.data.{k}": v for p in self.cases for k, v in data.items()}
        found |= {f"{p}.zero": np.zeros(ROWS) for p in self.cases}
        whole = {name: np.zeros(self.size) for name in ("loc", "power", "x_centring")}
        whole |= {name: np.zeros(self.size, np.int64) for name in ("spread", "x_spread")}
        whole |= {"scale": np.ones(self.size), "unit": np.arange(1, self.size + 1)}
        found |= whole | {"half_free": np.zeros(1), "half_scale": np.ones(1)}
        return dict(sorted(found.items()))


def bound(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return all that the generated function takes, where coordinates are not changed."""
    size, uncentred = arrays["x_centring"].size, lambda _: {}
    coordinates: Any = SimpleNamespace(normals=size, halves=1, centred_arrays=uncentred)
    return arrays | Reparametrisation(coordinates).arrays | memory()


def by_numpy(name: str, *values: Any) -> Any:
    return OPERATIONS[name].numpy(*values)


def by_jax(name: str, *values: Any) -> Any:
    if name == "decay":
        return namespace.exp(-abs(values[0]))
    values = values[:1] if name in WITH_DECAY else values
    called = name in {each.name for each in FUNCTIONS}
    return getattr(namespace, name)(*values) if called else by_numpy(name, *values)


def check(claim: Claim, call: Any) -> None:
    """Hold a function's value and slopes against numpy and differences of numpy's values."""
    arrays, theta = claim.arrays(), np.random.default_rng(7).uniform(0.7, 1.3, claim.size)
    value, gradient = call(np.append(theta, 0.0))
    total, step = 0.0, 1e-5
    for prefix, place in claim.place.items():

        def rows(at: np.ndarray, prefix=prefix) -> float:
            return np.broadcast_to(claim.rows(prefix, arrays, at, by_numpy), ROWS).sum()

        own = theta[place]
        ends = [[rows(own + s * e) for s in (-step, step)] for e in np.eye(own.size)]
        slopes = np.diff(ends, axis=1).ravel() / (2 * step)
        found = (gradient[:-1] + theta)[place]
        np.testing.assert_allclose(found, slopes, rtol=1e-7, atol=1e-5, err_msg=prefix)
        total += rows(own)
    assert value + 0.5 * theta @ theta == pytest.approx(total, rel=1e-11)


def interpreted(claim: Claim, folder: Path) -> Any:
    """Return the generated function as plain Python: what is written, without the compiler."""
    arrays = bound(claim.arrays())
    source = write(make_plan(claim, tuple(arrays), gradient=True), arrays, gradient=True)
    imports = [n for n in HEADER.splitlines() if "codegen.runtime" in n or "codegen.special" in n]
    head = ["import math", "import operator", "import numpy as np", *imports]
    head += ["from dopafit.backend.geometry.loops import *"]
    head += ["exp, plus, divide = math.exp, operator.add, operator.truediv", "wide = int"]
    head += ["log1p_unit = math.log1p", "carray = lambda memory, shape, kind=None: memory"]
    head += ["claim, release = lambda busy: -1, lambda busy, slot: None"]
    head += ["piece = lambda room, used, size: np.empty(size)"]
    head += ["numbers = table = places = indices = lambda addresses, place: addresses[place]"]
    path = folder / "generated.py"
    path.write_text("\n".join(head) + "\n" + source[source.index("def density(") :])
    density = runpy.run_path(str(path))["density"]

    def call(q: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = np.empty(1), np.empty(q.size)
        density(q.size, q, gradient, value, [None, *arrays.values()])
        return value[0], gradient

    return call


def test_every_operation_is_summed_once_wherever_it_stands(tmp_path) -> None:
    claim = Claim({f"{name}_{place}": [(name, place)] for name, place in CASES})
    check(claim, interpreted(claim, tmp_path))


def test_all_operations_in_one_loop(tmp_path) -> None:
    claim = Claim({"mixed": CASES}, shared=True)
    check(claim, interpreted(claim, tmp_path))


ROTATED = [(name, PLACES[k % 3]) for k, name in enumerate(LOOPED)]


def test_compiled() -> None:
    """The same by the compiler, each operation at one place."""
    claim = Claim({"mixed": ROTATED}, shared=True)
    arrays = bound(claim.arrays())
    check(claim, Bound(fuse.load(claim, arrays, gradient=True), arrays, claim.size + 1))


def test_jax_differentiates_the_same() -> None:
    claim = Claim({"mixed": [case for case in ROTATED if has_slope(case[0])]}, shared=True)
    arrays = claim.arrays()

    def density(q: np.ndarray, *_: Any) -> tuple[float, np.ndarray]:
        with jax.enable_x64(True):
            rows = jax.value_and_grad(lambda own: claim.rows("mixed", arrays, own, by_jax).sum())
            value, slopes = rows(q[:-1])
        return float(value) - 0.5 * q @ q, np.append(np.array(slopes) - q[:-1], 0.0)

    check(claim, density)


# ---------------------------------------------------------------- roots
def cubic(xp: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Residual of a x^3 + x = b."""
    return a * x * x * x + x - b, 3.0 * a * x * x + 1.0


class Rooted:
    """Rows w * x, where x solves the cubic by two entries of theta and each row's number."""

    varying = frozenset()
    model = SimpleNamespace(channels=[SimpleNamespace(prefix="here")], kernel="opponent")

    @staticmethod
    def logp(arrays: Any, theta: Any, operations: Any, length: Any = 1.0) -> dict[str, Any]:
        xp, x = operations.xp, arrays["here.data.x"]
        common = root(xp, cubic, 0.0, xp.exp(theta[0]), theta[1], largest_step=4.0)
        own = root(xp, cubic, x, xp.exp(theta[0]), theta[1] * x, within=(-50.0, 50.0))
        return {"here": theta[0] * own + common * x}

    @staticmethod
    def arrays() -> dict[str, np.ndarray]:
        found = Claim({"here": [("add", "first")]}).arrays()
        whole = {"loc", "power", "x_centring", "spread", "x_spread", "scale", "unit"}
        found = {k: v[:2] if k in whole else v for k, v in found.items()}
        return {k: v for k, v in found.items() if k not in ("here.data.y", "here.data.flag")}


def by_roots(arrays: Any, theta: np.ndarray) -> float:
    """The same sum by numpy's polynomial roots."""

    def real(a: float, b: float) -> float:
        found = np.roots([a, 0.0, 1.0, -b])
        return float(found[np.abs(found.imag) < 1e-9].real[0])

    x, a = arrays["here.data.x"], np.exp(theta[0])
    own = np.array([real(a, theta[1] * number) for number in x])
    return float((theta[0] * own + real(a, theta[1]) * x).sum())


def test_roots_and_their_slopes() -> None:
    arrays, theta = Rooted.arrays(), np.array([0.7, 1.3])
    expected = by_roots(arrays, theta)
    ends = [[by_roots(arrays, theta + s * e) for s in (-1e-5, 1e-5)] for e in np.eye(2)]
    slopes = np.diff(ends, axis=1).ravel() / 2e-5
    whole = bound(arrays)
    source = write(make_plan(Rooted, tuple(whole), gradient=True), whole, gradient=True)
    assert source.count("def root_") == 2  # one for each set of bounds, however often it is used
    call = Bound(fuse.load(Rooted, whole, gradient=True), whole, 3)
    value, gradient = call(np.append(theta, 0.0))
    assert value + 0.5 * theta @ theta == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(gradient[:2] + theta, slopes, rtol=1e-7)

    def total(at: Any, xp: Any) -> Any:
        return Rooted.logp(arrays, at, SimpleNamespace(xp=xp))["here"].sum()

    assert total(theta, np) == pytest.approx(expected, rel=1e-11)
    with jax.enable_x64(True):
        value, by_jax = jax.value_and_grad(total)(theta, namespace)
    assert float(value) == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(by_jax, slopes, rtol=1e-7)


@pytest.mark.parametrize("start", [np.nan, 0.0])
def test_a_root_of_nothing_is_nothing(start) -> None:
    """NaN in, NaN out; and what has no root within the bounds ends at a bound."""
    parameters = (1.0, np.nan) if start == 0.0 else (1.0, 2.0)
    assert np.isnan(root(np, cubic, start, *parameters, largest_step=1.0, within=(-3.0, 3.0)))
    with jax.enable_x64(True):
        inputs = map(np.float64, parameters)
        bounds = {"largest_step": 1.0, "within": (-3.0, 3.0)}
        assert np.isnan(root(namespace, cubic, np.float64(start), *inputs, **bounds))
    assert root(np, cubic, 0.0, 1.0, 1e6, within=(-3.0, 3.0)) == 3.0

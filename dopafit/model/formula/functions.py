"""The functions a formula may call: this table is the whole list, and nothing else is reachable.

Each function is fitted on the rows of the design and then applied, unchanged, to other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from dopafit.model.formula.parse import quiet_import

__all__ = ["FUNCTIONS", "Function", "Option", "UnusableError"]

Transform = Callable[[np.ndarray], np.ndarray]


class UnusableError(ValueError):
    """The values cannot be used by this function; the caller adds the term and the place."""


@dataclass(frozen=True)
class Option:
    """A number that a function takes after its first argument.

    Parameters
    ----------
    name : str
    low, high : float
        Smallest and largest value.
    default : float or None
        None where the number must be given.
    whole : bool
        Whether the number must be an integer.
    keyword : bool
        Whether the canonical spelling names it (``df=4``); a default is then left out.
    """

    name: str
    low: float
    high: float
    default: float | None = None
    whole: bool = True
    keyword: bool = False


@dataclass(frozen=True)
class Function:
    """One function of the formula language.

    Parameters
    ----------
    name : str
    fit : callable
        Takes the values, shape (n,), and the options; returns the map from values to columns.
    options : tuple of Option
    labels : callable or None
        Options to column labels; None for a function with one column.
    """

    name: str
    fit: Callable[..., Transform] | None
    options: tuple[Option, ...] = ()
    labels: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
    usage: str = field(default="")


def _elementwise(function: Transform) -> Callable[..., Transform]:
    return lambda x: function


def _shift_scale(x: np.ndarray, *, shift: float, scale: float) -> np.ndarray:
    return (x - shift) / scale


def _center(x: np.ndarray) -> Transform:
    return partial(_shift_scale, shift=float(np.mean(x)), scale=1.0)


def _standardize(x: np.ndarray) -> Transform:
    scale = float(np.std(x))
    if not scale > 1e-12 * float(np.max(np.abs(x))):
        raise UnusableError("all values are equal, so there is no standard deviation")
    return partial(_shift_scale, shift=float(np.mean(x)), scale=scale)


def _harmonic(x: np.ndarray, *, period: float, order: int) -> Transform:
    return partial(_harmonic_columns, period=period, order=order)


def _harmonic_columns(x: np.ndarray, *, period: float, order: int) -> np.ndarray:
    # the remainder is exact in floating point, so late times lose no precision
    phase = 2 * np.pi * (np.remainder(x, period) / period)
    return np.column_stack([f(k * phase) for k in range(1, order + 1) for f in (np.sin, np.cos)])


def _harmonic_labels(options: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{f}{k}" for k in range(1, options["order"] + 1) for f in ("sin", "cos"))


def _polynomial(x: np.ndarray, *, degree: int) -> Transform:
    quiet_import()
    from formulae.transforms import Polynomial

    if np.unique(x).size <= degree:
        raise UnusableError(f"degree {degree} needs more than {degree} different values")
    basis = Polynomial()
    basis(x, degree=degree)
    return partial(_polynomial_columns, basis=basis, norm=float(np.sqrt(x.size)))


def _polynomial_columns(x: np.ndarray, *, basis: Any, norm: float) -> np.ndarray:
    # mean square 1 rather than sum of squares 1: a prior then means the same for any n
    return norm * basis.eval(x)


def _spline(x: np.ndarray, *, df: int, degree: int) -> Transform:
    # knots at quantiles and a basis whose columns average zero over the rows, as in formulae
    if df < degree:
        raise UnusableError(f"df {df} is smaller than the degree {degree}")
    if np.unique(x).size <= df:
        raise UnusableError(f"df {df} needs more than {df} different values")
    quiet_import()
    from formulae.utils import get_centering_matrix

    inner = np.quantile(x, np.linspace(0, 1, df - degree + 2)[1:-1])
    ends = (np.full(degree + 1, end) for end in (x.min(), x.max()))
    knots = np.concatenate([next(ends), inner, next(ends)])
    centering = get_centering_matrix(_basis(x, knots, degree))
    return partial(_spline_columns, knots=knots, degree=degree, centering=centering)


def _basis(x: np.ndarray, knots: np.ndarray, degree: int) -> np.ndarray:
    from scipy.interpolate import BSpline

    if x.size == 0:  # SciPy refuses an empty array
        return np.empty((0, len(knots) - degree - 1))
    return BSpline.design_matrix(x, knots, degree).toarray()


def _spline_columns(
    x: np.ndarray, *, knots: np.ndarray, degree: int, centering: np.ndarray
) -> np.ndarray:
    low, high = float(knots[0]), float(knots[-1])
    outside = (x < low) | (x > high)
    if outside.any():
        value = float(x[np.argmax(outside)])
        raise UnusableError(f"{value:g} lies outside {low:g} to {high:g}, the range of the design")
    return _basis(x, knots, degree) @ centering


def _numbered(name: str) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    return lambda options: tuple(str(k) for k in range(1, options[name] + 1))


_TABLE = (
    Function("log", _elementwise(np.log), usage="log(x)"),
    Function("log2", _elementwise(np.log2), usage="log2(x)"),
    Function("log10", _elementwise(np.log10), usage="log10(x)"),
    Function("exp", _elementwise(np.exp), usage="exp(x)"),
    Function("sqrt", _elementwise(np.sqrt), usage="sqrt(x)"),
    Function("abs", _elementwise(np.abs), usage="abs(x)"),
    Function("center", _center, usage="center(x)"),
    Function("standardize", _standardize, usage="standardize(x)"),
    Function("scale", _standardize, usage="scale(x)"),
    Function(
        "harmonic",
        _harmonic,
        (Option("period", 1e-300, 1e300, whole=False), Option("order", 1, 20, default=1)),
        _harmonic_labels,
        "harmonic(x, period, order)",
    ),
    Function("poly", _polynomial, (Option("degree", 1, 10),), _numbered("degree"), "poly(x, 2)"),
    Function(
        "bs",
        _spline,
        (Option("df", 1, 20, keyword=True), Option("degree", 1, 5, default=3, keyword=True)),
        _numbered("df"),
        "bs(x, df=5, degree=3)",
    ),
    # treatment coding of a column; read by formula_code, as it makes levels, not numbers
    Function("C", None, usage="C(drug), C(drug, 'saline', ...) with the reference level first"),
)
FUNCTIONS: dict[str, Function] = {function.name: function for function in _TABLE}

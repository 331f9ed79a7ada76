"""Arguments of public functions are what they should be, or the error says so in three parts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any, TypeVar

from dopafit.core.errors import SpecError

__all__ = ["PATH", "require", "takes"]

Function = TypeVar("Function", bound=Callable[..., Any])

PATH = (str, PathLike)
# what a kind is called, and how one comes by it; other classes go by their own name
_WORDS: dict[str, tuple[str, str]] = {
    "str": ("text", "give text, in quotes"),
    "PathLike": ("a path", "give the path as text"),
    "Integral": ("a whole number", "give a whole number such as 1"),
    "Real": ("a number", "give a number such as 0.5"),
    "Mapping": ("a mapping of names to values", "give a dict, e.g. {'trough': fit}"),
    "NoneType": ("None", "leave it out"),
    "Study": ("a Study", "read it first: dp.read_study(FOLDER)"),
    "Model": ("a Model", "make it first: dp.Model(drive='trough', channels=[...])"),
    "Fit": ("a Fit", "fit first: dp.fit(model, study, seed=1), or dp.Fit.load(FILE)"),
    "Comparison": ("a Comparison", "compare first: dp.compare(fits, unit='session')"),
    "PredictiveCheck": ("a PredictiveCheck", "check first: dp.predictive_check(fit, seed=1)"),
}


def require(where: str, value: object, *kinds: type) -> None:
    """Refuse a value that is of none of these kinds; True and False are no numbers.

    Parameters
    ----------
    where : str
        The function and its argument, for the message.
    value : object
        What was given.
    *kinds : type
        Classes of which the value may be an instance.

    Raises
    ------
    SpecError
        The value is of another kind.
    """
    if isinstance(value, kinds) and not (isinstance(value, bool) and {Integral, Real} & set(kinds)):
        return
    named = [_WORDS.get(kind.__name__, (kind.__name__, "")) for kind in kinds]
    shown = repr(value) if isinstance(value, str | Real | None) else ""
    given = f"{type(value).__name__} {shown[:60]}".strip() if value is not None else "None"
    raise SpecError(
        f"{where} cannot be {given}",
        allowed=" or ".join(dict.fromkeys(words for words, _ in named)),
        todo=named[0][1] or f"give a {kinds[0].__name__}",
    )


def takes(**kinds: type | tuple[type, ...]) -> Callable[[Function], Function]:
    """Return a decorator that refuses arguments of a wrong kind.

    Parameters
    ----------
    **kinds : type or tuple of type
        For each argument the classes it may be of.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        unknown = set(kinds) - set(signature.parameters)
        if unknown:
            raise TypeError(f"{function.__name__} has no argument {sorted(unknown)}")

        @functools.wraps(function)
        def checked(*arguments: Any, **options: Any) -> Any:
            given = signature.bind(*arguments, **options).arguments
            for name, accepted in kinds.items():
                if name in given:
                    classes = accepted if isinstance(accepted, tuple) else (accepted,)
                    require(f"{function.__name__}: {name}", given[name], *classes)
            return function(*arguments, **options)

        return checked  # type: ignore[return-value]

    return decorate

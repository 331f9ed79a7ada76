"""Kernels, drives and channels from a file of the user's."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path

from dopafit.core.component import OUTSIDE, Component
from dopafit.core.errors import SpecError
from dopafit.core.limits import RECORD_BYTES
from dopafit.core.reading import ReadingError, read_file

__all__ = ["ComponentError", "load_components"]

GUIDE = "see docs/extending.md"


def load_components(path: str | Path) -> None:
    """Run a Python file of the user's that defines kernels, drives or channels.

    Only the command line and scripts may name one; an analysis file cannot.

    Parameters
    ----------
    path : path
        The file. Whoever names it trusts it, as any program.

    Raises
    ------
    SpecError
        No such file, not Python, an error in it, or it defines no component.
    """
    path = Path(path)
    module_name = f"dopafit_components_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise SpecError(
            f"components: {path} is no Python file",
            allowed="a file ending in .py",
            todo="name the file that defines the components",
        )
    try:
        source = read_file(path, RECORD_BYTES)
    except ReadingError as error:
        raise SpecError(
            f"components: {path} {error.wrong}", allowed=error.allowed, todo=error.todo
        ) from None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # as an import does: dataclasses look it up
    try:
        spec.loader.exec_module(module)
        families = [family for family in Component.__subclasses__() if "_members" in vars(family)]
        defined = [member for family in families for member in family.members().values()]
    except Exception as error:  # whatever a user's file may raise
        raise SpecError(
            f"components: {path}, {_place(error, path)}{type(error).__name__}: "
            f"{error.msg if isinstance(error, SyntaxError) else error}",
            allowed="a file that Python can run and that defines kernels, drives or channels",
            todo=f"correct the file; {GUIDE}",
        ) from error
    if not any(member.__module__ == module_name for member in defined):
        raise SpecError(
            f"components: {path} defines no kernel, drive or channel",
            allowed="at least one class derived from Kernel, Drive or Channel",
            todo=f"define one, or leave --components out; {GUIDE}",
        )
    OUTSIDE[path.name] = hashlib.sha256(source).hexdigest()


class ComponentError(SpecError):
    """An exception inside a component from outside: whose it is, its file and line, and what.

    Parameters
    ----------
    member : type of Component
        The component.
    error : Exception
        What its formula raised.
    """

    def __init__(self, member: type[Component], error: Exception) -> None:
        (family,) = (kind for kind in member.__mro__ if "_members" in vars(kind))
        what = f"{family.__name__.lower()} {member.name!r}"
        path = Path(getattr(sys.modules.get(member.__module__), "__file__", None) or "a notebook")
        super().__init__(
            f"the {what} of {path}, {_place(error, path)}{type(error).__name__}: {error}",
            allowed="formulas over the array namespace xp that any values of the parameters fit",
            todo=f"correct the {what}; {GUIDE}",
        )

    def __reduce__(self) -> tuple[object, ...]:
        # to another process its words go, not the class
        return (SpecError, *super().__reduce__()[1:])


def _place(error: Exception, path: Path) -> str:
    """Return the line of a file at which an error arose."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: "
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path.absolute()]
    return f"line {lines[-1]}: " if lines else ""

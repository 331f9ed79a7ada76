"""What every kernel, drive and channel has in common: a name, parameters with meaning, a source."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import pkgutil
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior

__all__ = ["OUTSIDE", "Component", "Landmark", "Parameter"]

LINKS = ("identity", "log", "logit")
TABLES = ("event", "session", "row", "population")


@dataclass(frozen=True)
class Parameter:
    """A model parameter with its unit, scale and default priors.

    Parameters
    ----------
    meaning : str
        One line for tables and the methods text.
    unit : str
        Unit as printed, e.g. ``"s"``; ``"1"`` for a pure number.
    prior : Prior or None
        Prior of the population value; None where the value is fixed at `fixed`.
    link : {"identity", "log", "logit"}
        Scale on which effects add up.
    effect : Prior
        Default prior of a fixed effect, on the link scale.
    spread : Prior
        Default prior of the standard deviation of a group effect, on the link scale.
    varies : {"event", "session", "row", "population"}
        The table whose columns a formula for this parameter may use.
    fixed : float or None
        Population value set by convention (with its reason in `convention`).
    convention : str
        Why the value is fixed.
    reason : str
        Why the default prior is as it is.
    phrase : str
        A clause with a place for the value, e.g. ``"the trough is {} of the peak"``; empty where
        an answer does not mention it.
    centred_on_spacing : bool
        Whether the default prior is a half-life's whose time constant is the typical spacing of
        events: the median is then ln 2 times the spacing, and `prior` gives the spread. A fixed
        value is the one at a typical spacing of 30 s, and in proportion to it.
    """

    meaning: str
    unit: str
    prior: Prior | None
    link: str = "identity"
    effect: Prior = Prior.normal(0, 0.3)
    spread: Prior = Prior.half_normal(0.3)
    varies: str = "session"
    fixed: float | None = None
    convention: str = ""
    reason: str = ""
    phrase: str = ""
    centred_on_spacing: bool = False

    def __post_init__(self) -> None:
        if self.link not in LINKS or self.varies not in TABLES:
            raise TypeError(f"Parameter: link {self.link!r}, varies {self.varies!r}")
        if (self.prior is None) == (self.fixed is None):
            raise TypeError("Parameter: give either a prior or a fixed value")
        if self.link == "log" and self.prior is not None and self.prior.family != "lognormal":
            raise TypeError("Parameter: a log link takes a lognormal prior")
        if self.link == "logit" and self.prior is not None and self.prior.family != "logit_normal":
            raise TypeError("Parameter: a logit link takes a logit_normal prior")
        if self.centred_on_spacing and self.link != "log":
            raise TypeError("Parameter: only a lognormal prior is centred on the spacing of events")


@dataclass(frozen=True)
class Landmark:
    """A time or a size that follows from a kernel's parameters, in words.

    Parameters
    ----------
    meaning : str
        One line for tables.
    unit : str
        Unit as printed: ``"s"``, ``"1"``, ``"peak s"``.
    phrase : str
        A clause with a place for the value, e.g. ``"the peak comes {} after an event"``; empty
        where an answer does not mention it.
    label : str
        One word for a figure, e.g. ``"peak"``; empty where no figure marks it.
    """

    meaning: str
    unit: str
    phrase: str = ""
    label: str = ""


class Component:
    """Base of kernels, drives and channels.

    A subclass states `name`, `reference` and its parameters as class attributes of type
    `Parameter`, and in `formerly` the names it had in earlier versions, which are still
    understood. The method named by `formula` must take exactly those parameters (beside the
    names in `arguments`, and less those in `elsewhere`); a mismatch is an error when the class
    is defined, and so is a name that another member has. `latex` is its equation, `notation` the
    symbol in it of each parameter, `symbols` the meaning of every other one, and `cites` what a
    list of references holds where it was used.
    """

    name: ClassVar[str] = ""
    formerly: ClassVar[tuple[str, ...]] = ()
    reference: ClassVar[str] = ""
    cites: ClassVar[tuple[str, ...]] = ()
    formula: ClassVar[str] = ""
    arguments: ClassVar[frozenset[str]] = frozenset()
    elsewhere: ClassVar[frozenset[str]] = frozenset()
    parameters: ClassVar[dict[str, Parameter]] = {}
    latex: ClassVar[str] = ""
    notation: ClassVar[dict[str, str]] = {}
    symbols: ClassVar[dict[str, str]] = {}
    _members: ClassVar[dict[str, type]]

    def __init_subclass__(cls, family: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if family:
            cls._members = {}
            return
        own = {k: v for k, v in vars(cls).items() if isinstance(v, Parameter)}
        cls.parameters = {**cls.parameters, **own}
        if not cls.name or not cls.reference:
            raise TypeError(f"{cls.__name__}: a component needs a name and a reference")
        if cls.formula:
            taken = set(inspect.signature(getattr(cls, cls.formula)).parameters)
            taken -= {"self", "xp"} | cls.arguments
            unknown = taken - set(cls.parameters)
            if unknown:
                raise TypeError(
                    f"{cls.__name__}.{cls.formula} takes {sorted(unknown)}, which are no parameters"
                )
            unused = set(cls.parameters) - taken - cls.elsewhere
            if unused:
                raise TypeError(f"{cls.__name__}.{cls.formula} does not take {sorted(unused)}")
        rival = cls._members.get(cls.name, cls)
        again = rival.__module__ == cls.__module__ and (
            rival.__qualname__ == cls.__qualname__ or cls.__module__ == "__main__"
        )  # a cell of a notebook run again, or a file imported again
        if rival is not cls and not again:
            raise TypeError(f"{cls.__name__}: {rival.__name__} is called {cls.name!r} already")
        cls._members[cls.name] = cls

    @classmethod
    def members(cls) -> dict[str, type]:
        """Return all members of this family by name; every module of its folder is read.

        So are installed packages that name modules of theirs in the group ``dopafit.components``
        of their entry points. One that cannot be loaded is left out with a warning.
        """
        _read_all(cls.__module__.rpartition(".")[0])
        _read_packages()
        return dict(sorted(cls._members.items()))

    @classmethod
    def named(cls, name: str) -> type:
        """Return the member with this name, or that had it in an earlier version.

        Raises
        ------
        SpecError
            No such member; the message lists the members and suggests the closest.
        """
        members = cls.members()
        known = members | {old: m for m in members.values() for old in m.formerly}
        if not isinstance(name, str) or name not in known:
            family = cls.__name__.lower()
            near = SpecError(f"{family} {name!r} is not known", given=name, known=members)
            own = f"{near.allowed}; a {family} of your own with --components FILE"
            raise SpecError(near.wrong, allowed=own, todo=near.todo)
        return known[name]


OUTSIDE: dict[str, str] = {}
"""What brought components from outside: SHA-256 of a file, version of a package, by its name."""


@functools.cache
def _read_packages() -> None:
    for entry in importlib.metadata.entry_points(group="dopafit.components"):
        package = entry.dist.name if entry.dist else entry.value
        try:
            entry.load()
        except Exception as error:
            problem = SpecError(
                f"the installed package {package} cannot bring its components: "
                f"{type(error).__name__}: {error}",
                allowed="a package made for this version of dopafit",
                todo=f"update {package}, or uninstall it",
            )
            warnings.warn(str(problem), stacklevel=2)
        else:
            OUTSIDE[package] = entry.dist.version if entry.dist else entry.value


@functools.cache
def _read_all(package: str) -> None:
    """Import a folder's modules; those with an underscore are compiled loops, slow to import."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{package}.{module.name}")

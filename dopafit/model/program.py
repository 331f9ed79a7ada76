"""From theta to the log density of every row: one definition for every array namespace."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from dopafit.channel import Channel
from dopafit.core.component import Component
from dopafit.core.errors import DopafitError
from dopafit.core.outside import ComponentError
from dopafit.core.xp import sigmoid
from dopafit.model.claim import Model
from dopafit.trace.kernel import Kernel
from dopafit.trace.lasting import lasting_dynamics

__all__ = ["MATRIX", "Operations", "Program", "named_if_it_fails"]

MATRIX = ("dense", "columns", "indptr", "indices", "data")
"""Parts of a parameter's table: dense columns and their entries of theta, and the rest as CSR."""


@dataclass(frozen=True)
class Operations:
    """The operations whose implementation differs between array namespaces.

    Parameters
    ----------
    xp : module
        Array namespace.
    linear_rows : callable (dense, columns, indptr, indices, data, theta) -> array
        Product of a table's rows (parts as in `MATRIX`) with theta.
    trace : callable (dynamics, size, parameters, arrays) -> mapping of str to array
        The signals of a trace at every read: `Dynamics.read` at the left limits, where events of
        these sizes kicked the states, or sums over earlier events of `Pairs.response`.
    take : callable (array, index) -> array
        Gather.
    segment_sum : callable (array, offset) -> array
        Sums of the stretches of an array that begin at each offset but the last.
    previous : callable (array, follows) -> array
        Each row's value in the row before it; 0 where `follows` is 0, at a session's first row.
    """

    xp: Any
    linear_rows: Callable[..., Any]
    trace: Callable[..., Any]
    take: Callable[..., Any]
    segment_sum: Callable[..., Any]
    previous: Callable[..., Any]


@contextlib.contextmanager
def named_if_it_fails(member: type[Component]) -> Iterator[None]:
    """Say whose an exception is that arises inside a component from outside.

    Raises
    ------
    ComponentError
        Of such a component; dopafit's own errors pass.
    """
    try:
        yield
    except DopafitError:
        raise
    except Exception as error:  # whatever a stranger's formula may raise
        if member.__module__.startswith("dopafit."):
            raise
        raise ComponentError(member, error) from error


@dataclass(frozen=True, eq=False)
class Program:
    """What of a model decides the graph, as opposed to the data that flow through it.

    Two programs are equal where one function computes both, over arrays of the same names.

    Parameters
    ----------
    model : Model
        The claim.
    places : mapping of str to int
        Entry of each parameter's population value in theta.
    varying : frozenset of str
        Parameters that differ between rows of their table.
    """

    model: Model
    places: Mapping[str, int]
    varying: frozenset[str]

    @cached_property
    def _structure(self) -> tuple[Any, ...]:
        model = self.model
        constants = tuple(
            (name, parameter.fixed)
            for name, parameter in model.parameters.items()
            if parameter.prior is None and name not in self.varying
        )
        return (
            # classes: a cell of a notebook may define one of the same name again
            Kernel.named(model.kernel),
            tuple(model.drives.values()),
            # a channel's options may be numbers in its formula
            tuple((type(channel), repr(channel)) for channel in model.channels),
            self.varying,
            constants,
            tuple(self.places.items()),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self._structure == other._structure

    def __hash__(self) -> int:
        return hash(self._structure)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        # less the classes in `_structure`: in a process of its own, a notebook's are not found
        return Program, (self.model, self.places, self.varying)

    def value(self, name: str, arrays: Mapping[str, Any], theta: Any, m: Operations) -> Any:
        """Return a parameter's natural value: a number, or one per row of its table."""
        parameter = self.model.parameters[name]
        if name not in self.varying and parameter.prior is None:
            return float(parameter.fixed)
        if name in self.varying:
            rows = (arrays[f"{name}.{part}"] for part in MATRIX)
            link = m.linear_rows(*rows, theta)
        else:
            link = theta[self.places[name]]
        return _natural(m.xp, parameter.link, link)

    def signals(self, arrays: Mapping[str, Any], theta: Any, m: Operations) -> Mapping[str, Any]:
        """Return what can be read from the trace (peak units), at every read, left limits."""
        kernel = Kernel.named(self.model.kernel)()
        ones = arrays["kernel_ones"]
        shape = {
            name: self.value(name, arrays, theta, m) * ones
            for name in kernel.parameters
            if name != "peak"
        }
        size = arrays["event_magnitude"] * self.value("peak", arrays, theta, m)
        lasts = "event_input" in arrays
        dynamics = lasting_dynamics(type(kernel)) if lasts else kernel.dynamics
        with named_if_it_fails(type(kernel)):
            return m.trace(dynamics, size, kernel.prepare(m.xp, **shape), arrays)

    def population(self, name: str, theta: Any, m: Operations) -> Any:
        """Return a parameter's population value on its natural scale."""
        parameter = self.model.parameters[name]
        if parameter.prior is None:
            return float(parameter.fixed)
        return _natural(m.xp, parameter.link, theta[self.places[name]])

    def unit_event(self, theta: Any, m: Operations) -> Mapping[str, Any]:
        """Return the numbers of one unit event of the population; see `Kernel.unit_event`."""
        kernel = Kernel.named(self.model.kernel)()
        names = [name for name in kernel.parameters if name != "peak"]
        values = {name: self.population(name, theta, m) for name in names}
        with named_if_it_fails(type(kernel)):
            return kernel.unit_event(m.xp, **values)

    def motivation(
        self, arrays: Mapping[str, Any], theta: Any, m: Operations
    ) -> dict[str, tuple[Any, ...]]:
        """Return by channel its drive's arrays over the reads; none for a drive without gains."""
        moved: dict[str, tuple[Any, ...]] = {}
        if self.model.moved:
            signals, unit = self.signals(arrays, theta, m), self.unit_event(theta, m)
            for drive in dict.fromkeys(self.model.drives.values()):
                own = {name: self.population(name, theta, m) for name in drive.parameters}
                with named_if_it_fails(drive):
                    moved[drive.name] = drive().motivation(m.xp, signals, unit, **own)
        return {prefix: moved.get(drive.name, ()) for prefix, drive in self.model.drives.items()}

    def predictor(
        self,
        prefix: str,
        motivation: Mapping[str, tuple[Any, ...]],
        arrays: Mapping[str, Any],
        theta: Any,
        m: Operations,
    ) -> Any:
        """Return the predictor that a channel's drive moves, one value a row."""
        name = f"{prefix}_{self._channel(prefix).moves}"
        eta = self.value(name, arrays, theta, m) + arrays[f"{prefix}.zero"]
        drive = self.model.drives[prefix]
        for gain, moved in zip(drive.gains, motivation[prefix], strict=True):
            at_rows = self.at_rows(prefix, moved, arrays, m)
            eta = eta + self.value(f"{prefix}_{gain}", arrays, theta, m) * at_rows
        return eta

    @staticmethod
    def at_rows(prefix: str, moved: Any, arrays: Mapping[str, Any], m: Operations) -> Any:
        """Return what moves a channel at each of its rows, from an array over the reads."""
        at_rows = m.take(moved, arrays[f"{prefix}.read"])
        if f"{prefix}.moment_weight" not in arrays:
            return at_rows
        weighted = at_rows * arrays[f"{prefix}.moment_weight"]
        return m.segment_sum(weighted, arrays[f"{prefix}.moment_offset"])

    def arguments(
        self,
        prefix: str,
        motivation: Mapping[str, tuple[Any, ...]],
        arrays: Mapping[str, Any],
        theta: Any,
        m: Operations,
    ) -> tuple[Any, dict[str, Any]]:
        """Return what a channel's `logp` takes beside its data: the predictor, and parameters.

        `previous` is among these where the channel takes it.
        The motivation adds to the parameter that the channel `moves`; where that is not its rest,
        the predictor is the rest alone.
        """
        channel = self._channel(prefix)
        moved = self.predictor(prefix, motivation, arrays, theta, m)
        names = [name for name in channel.active() if name not in ("rest", channel.moves)]
        own = {name: self.value(f"{prefix}_{name}", arrays, theta, m) for name in names}
        if channel.sequential:
            own["previous"] = partial(m.previous, follows=arrays[f"{prefix}.follows"])
        if channel.moves == "rest":
            return moved, own
        rest = self.value(f"{prefix}_rest", arrays, theta, m) + arrays[f"{prefix}.zero"]
        return rest, own | {channel.moves: moved}

    def _channel(self, prefix: str) -> Channel:
        return next(c for c in self.model.channels if c.prefix == prefix)

    def logp(self, arrays: Mapping[str, Any], theta: Any, m: Operations) -> dict[str, Any]:
        """Return the log density of every row, by channel."""
        moved = self.motivation(arrays, theta, m)
        found = {}
        for channel in self.model.channels:
            prefix = channel.prefix
            eta, own = self.arguments(prefix, moved, arrays, theta, m)
            data = {
                key.rpartition(".")[2]: value
                for key, value in arrays.items()
                if key.startswith(f"{prefix}.data.")
            }
            with named_if_it_fails(type(channel)):
                found[prefix] = channel.logp(m.xp, eta, **data, **own)
        return found


def _natural(xp: Any, link: str, value: Any) -> Any:
    if link == "log":
        return xp.exp(value)
    return sigmoid(xp, value) if link == "logit" else value

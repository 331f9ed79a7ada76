"""From theta to the log density of every row: written once, run on numpy and on tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dopafit.core.xp import sigmoid
from dopafit.drive import Drive
from dopafit.model.claim import Model
from dopafit.trace.kernel import Kernel

__all__ = ["MATRIX", "Machinery", "Program"]

MATRIX = ("dense", "columns", "indptr", "indices", "data")
"""Parts of a parameter's table: dense columns and their entries of theta, and the rest as CSR."""


@dataclass(frozen=True)
class Machinery:
    """The operations whose implementation differs between numpy and tensors.

    Parameters
    ----------
    xp : module
        Array namespace.
    linear_rows : callable (dense, columns, indptr, indices, data, theta) -> array
        Product of a table's rows (parts as in `MATRIX`) with theta.
    solve : callable (log_ratio, onset_ratio) -> array
        The kernel's scalar equation.
    level : callable
        The recurrence; see `dopafit.trace.recurrence`.
    take : callable (array, index) -> array
        Gather.
    columns : callable (*vectors) -> table
        Vectors side by side.
    """

    xp: Any
    linear_rows: Callable[..., Any]
    solve: Callable[..., Any]
    level: Callable[..., Any]
    take: Callable[..., Any]
    columns: Callable[..., Any]


@dataclass(frozen=True)
class Program:
    """What of a model decides the graph, as opposed to the data that flow through it.

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

    def value(self, name: str, arrays: Mapping[str, Any], theta: Any, m: Machinery) -> Any:
        """Return a parameter's natural value: a number, or one per row of its table."""
        parameter = self.model.parameters[name]
        if name not in self.varying and parameter.prior is None:
            return float(parameter.fixed)
        if name in self.varying:
            rows = (arrays[f"{name}.{part}"] for part in MATRIX)
            link = m.linear_rows(*rows, theta)
        else:
            link = theta[self.places[name]]
        if parameter.link == "log":
            return m.xp.exp(link)
        return sigmoid(m.xp, link) if parameter.link == "logit" else link

    def level(self, arrays: Mapping[str, Any], theta: Any, m: Machinery) -> Any:
        """Return the trace (peak units) at every read, left limits."""
        kernel = Kernel.named(self.model.kernel)()
        ones = arrays["kernel_ones"]
        shape = {
            name: self.value(name, arrays, theta, m) * ones
            for name in kernel.parameters
            if name != "peak"
        }
        coefficients, rates = kernel.exponentials(m.xp, m.solve, **shape)
        size = arrays["event_magnitude"] * self.value("peak", arrays, theta, m)
        return m.level(
            arrays["event_time"],
            size,
            arrays["event_offset"],
            arrays["read_time"],
            arrays["read_offset"],
            arrays["kernel_row"],
            m.xp.stack(coefficients, axis=-1),
            m.xp.stack(rates, axis=-1),
            kernel.progression,
        )

    def motivation(self, arrays: Mapping[str, Any], theta: Any, m: Machinery) -> tuple[Any, ...]:
        """Return the drive's arrays over the reads; none for a drive without gains."""
        drive = Drive.named(self.model.drive)()
        if not drive.gains:
            return ()
        ratio = m.xp.exp(theta[self.places["trough_ratio"]])
        return drive.motivation(m.xp, self.level(arrays, theta, m), ratio)

    def predictor(
        self,
        prefix: str,
        motivation: tuple[Any, ...],
        arrays: Mapping[str, Any],
        theta: Any,
        m: Machinery,
    ) -> Any:
        """Return a channel's linear predictor, one value a row."""
        eta = self.value(f"{prefix}_rest", arrays, theta, m) + arrays[f"{prefix}.zero"]
        for gain, moved in zip(Drive.named(self.model.drive).gains, motivation, strict=True):
            eta = eta + self.value(f"{prefix}_{gain}", arrays, theta, m) * m.take(
                moved, arrays[f"{prefix}.read"]
            )
        return eta

    def options(
        self, prefix: str, arrays: Mapping[str, Any], theta: Any, m: Machinery
    ) -> dict[str, Any]:
        """Return the channel's own parameters (sigma, lapse, ...) as its `logp` takes them."""
        channel = next(c for c in self.model.channels if c.prefix == prefix)
        return {
            name: self.value(f"{prefix}_{name}", arrays, theta, m)
            for name in channel.active()
            if name != "rest"
        }

    def logp(self, arrays: Mapping[str, Any], theta: Any, m: Machinery) -> dict[str, Any]:
        """Return the log density of every row, by channel."""
        moved = self.motivation(arrays, theta, m)
        found = {}
        for channel in self.model.channels:
            prefix = channel.prefix
            eta = self.predictor(prefix, moved, arrays, theta, m)
            data = {
                key.rpartition(".")[2]: value
                for key, value in arrays.items()
                if key.startswith(f"{prefix}.data.")
            }
            found[prefix] = channel.logp(
                m.xp, eta, **data, **self.options(prefix, arrays, theta, m)
            )
        return found

"""What every kernel states: its response to one unit event, as a sum of exponentials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from dopafit.core.component import Component, Landmark
from dopafit.core.errors import SpecError
from dopafit.trace.dynamics import Dynamics

__all__ = ["LOAD", "Kernel", "load", "positive"]

LOAD = Landmark("mean displacement from baseline at the study's event rate", "peak")
"""What `load` is, for a kernel whose landmarks hold the `area` of the response."""


class Kernel(Component, ABC, family=True):
    """Response of the latent trace to one event.

    A subclass writes its response once, in `exponentials`, for NumPy and for PyTensor alike. The
    recurrence over events turns it into a level over any train of them.
    """

    formula = "exponentials"
    elsewhere = frozenset({"peak"})  # multiplies the events' magnitudes
    dynamics: ClassVar[Dynamics]
    # numbers of one unit event that `unit_event` returns, by which drives may be scaled
    scales: ClassVar[frozenset[str]] = frozenset()
    # the quantities of `landmarks`, in words; what a response does not have is absent
    landmark_words: ClassVar[dict[str, Landmark]] = {}
    # how the level answers events: "each event moves a latent level that {words}"
    words: ClassVar[str] = ""
    # the level over a train of events, in LaTeX, with what is fixed by convention
    train: ClassVar[str] = (
        r"s(t) = \sum_{j:\, t_j < t} \frac{m_j}{m_0} P\, h(t - t_j),\quad \max h = 1"
    )
    # landmark before which another event has to come to tell a rectified drive from a linear one
    overlap: ClassVar[str] = ""
    # parameter whose logarithm trades with the gains; empty where the data part them well
    trades_with_gains: ClassVar[str] = ""
    # landmarks whose time may stand for `clock_unit` as a coordinate; it depends on `clock_by`
    clocks: ClassVar[tuple[str, ...]] = ()
    clock_unit: ClassVar[str] = ""
    clock_by: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def exponentials(self, xp: Any) -> Any:
        """Return (coefficients, rates [1/s]) of the unit response, two lists of arrays.

        Parameters
        ----------
        xp : module
            Array namespace. A subclass adds its own parameters, by name, to this and the following
            methods.
        """

    def prepare(self, xp: Any, **shape: Any) -> dict[str, Any]:
        """Return what `dynamics` takes, by name; each value has the shape of `shape`'s."""
        coefficients, rates = self.exponentials(xp, **shape)
        found = {f"coefficient_{k}": c for k, c in enumerate(coefficients)}
        return found | {f"rate_{k}": r for k, r in enumerate(rates)}

    def unit_event(self, xp: Any, **shape: Any) -> dict[str, Any]:
        """Return the numbers of one unit event in `scales`, as drives are scaled by them.

        ``trough_ratio``: depth of the trough over the peak [1]; ``initial_slope``: derivative of
        the response just after the event [1/s], negative where it begins with a jump.
        """
        coefficients, rates = self.exponentials(xp, **shape)
        slope = -sum(c * r for c, r in zip(coefficients, rates, strict=True))
        return {"initial_slope": slope}

    @abstractmethod
    def response(self, t: Any) -> np.ndarray:
        """Return the response [trace] at times t [s] after an event."""

    @abstractmethod
    def landmarks(self) -> Mapping[str, np.ndarray]:
        """Return the derived times and sizes by name."""

    def shortest_time(self, **shape: Any) -> np.ndarray:
        """Return the shortest time [s] over which the response moves after an event.

        Grids over time resolve it. A jump at the event itself does not count, for grids begin
        anew at every event. Unless a kernel says otherwise it is the time constant of the
        fastest exponential.

        Parameters
        ----------
        **shape : array, (draw,)
            The kernel's parameters, `peak` aside.

        Returns
        -------
        ndarray, (draw,)
            Above 0 [s].
        """
        _, rates = self.exponentials(np, **shape)
        return 1.0 / np.max(np.broadcast_arrays(*rates), axis=0)

    def horizon(self, **shape: Any) -> np.ndarray:
        """Return the time [s] after an event by which its response has all but ended.

        Figures show it as long. Unless a kernel says otherwise, four half-lives of its slowest
        exponential.

        Parameters
        ----------
        **shape : array, (draw,)
            The kernel's parameters, `peak` aside.

        Returns
        -------
        ndarray, (draw,)
            Above 0 [s].
        """
        _, rates = self.exponentials(np, **shape)
        return 4.0 * np.log(2.0) / np.min(np.broadcast_arrays(*rates), axis=0)

    @staticmethod
    def clock(name: str, log_shape: np.ndarray) -> tuple[float, np.ndarray]:
        """Return ln(time of a landmark / `clock_unit`), and its slopes by `log_shape`.

        Parameters
        ----------
        name : str
            One of `clocks`.
        log_shape : array, (len(clock_by),)
            Logarithms of the parameters in `clock_by`.
        """
        raise TypeError(f"this kernel has no clock {name!r}")


def load(event_rate: Any, mean_magnitude: Any, area: Any) -> np.ndarray:
    """Return the mean displacement from baseline under a stationary train of events.

    Parameters
    ----------
    event_rate : array
        Events per second [1/s], >= 0.
    mean_magnitude : array
        Mean magnitude of an event [1].
    area : array
        Net area of the response to one unit event [trace s], from `Kernel.landmarks`.

    Returns
    -------
    ndarray
        event_rate * mean_magnitude * area [trace] (Campbell's theorem).

    Raises
    ------
    SpecError
        A negative or NaN rate.
    """
    rate = np.asarray(event_rate, dtype=float)
    if not np.all(rate >= 0):
        raise SpecError(
            f"event_rate = {event_rate}",
            allowed="numbers >= 0, in events per second",
            todo="give a rate of 0 or above",
        )
    return rate * np.asarray(mean_magnitude, dtype=float) * np.asarray(area, dtype=float)


def positive(values: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the named values as float arrays.

    Raises
    ------
    SpecError
        A value that is not a positive finite number, named.
    """
    arrays = []
    for name, value in values.items():
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        bad = ~((array > 0) & np.isfinite(array))
        if np.any(bad):
            shown = value if array.ndim == 0 else array[bad].flat[0]
            raise SpecError(
                f"{name} = {shown!s} is not a positive number",
                allowed="positive finite numbers",
                todo=f"check the draws or the value given for {name}",
            )
        arrays.append(array)
    return arrays

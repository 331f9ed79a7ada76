"""What every kernel states: its response to one unit event, mostly a sum of exponentials."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from dopafit.core.component import Component, Landmark
from dopafit.core.errors import SpecError
from dopafit.trace.dynamics import Dynamics, Pairs
from dopafit.trace.parameters import AREA, CROSSING, OPPONENT_GAIN, PEAK, TROUGH

__all__ = ["LOAD", "Kernel", "Rebound"]

LOAD = Landmark("mean displacement from baseline at the study's event rate", "peak")
"""Rate and mean magnitude of events times the `area` of the response (Campbell's theorem)."""


class Kernel(Component, family=True):
    """Response of the latent trace to one event.

    A subclass writes its response once, in `exponentials`, over an array namespace; its `dynamics`
    turn it into a level over any train of events. `marks` says what else follows from its
    parameters. The maximum of the response to one unit event is 1 at any values.
    """

    formula = "exponentials"
    parameters: ClassVar = {"peak": PEAK}
    elsewhere = frozenset({"peak"})  # multiplies the events' magnitudes
    dynamics: ClassVar[Dynamics | Pairs]
    # numbers of one unit event that `unit_event` returns, by which drives may be scaled
    scales: ClassVar[frozenset[str]] = frozenset()
    # whether the response to one event goes below baseline
    goes_below: ClassVar[bool] = True
    # the quantities of `landmarks`, in words; what a response does not have is absent
    landmark_words: ClassVar[dict[str, Landmark]] = {"area": AREA}
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

    def exponentials(self, xp: Any) -> Any:
        """Return (coefficients, rates [1/s]) of the unit response, two lists of arrays.

        Parameters
        ----------
        xp : module
            Array namespace. A subclass adds its own parameters, by name, to this and the following
            methods.
        """
        raise TypeError(f"the response of the kernel {self.name} is no sum of exponentials")

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
        numbers = {"initial_slope": slope} | shape
        return {name: numbers[name] for name in self.scales}

    def response(self, t: Any, *, peak: Any = 1.0, **shape: Any) -> np.ndarray:
        """Return the response to one unit event.

        Parameters
        ----------
        t : array
            Time since the event [s].
        peak : array
            Maximum [trace].
        **shape : array
            The kernel's other parameters; the centre of the prior unless given. Shapes broadcast.

        Returns
        -------
        ndarray
            Displacement from baseline [trace]; 0 up to the event itself (t <= 0), as levels are
            read just before an event moves them.

        Raises
        ------
        SpecError
            A parameter outside its range, named.
        """
        values = self.checked(peak=peak, **shape)
        size = values.pop("peak")
        late = np.asarray(t, dtype=float)
        found = self._unit_response(np.maximum(late, 0.0), **values)
        return np.where(late > 0, size * found, 0.0)

    def _unit_response(self, t: np.ndarray, **shape: np.ndarray) -> np.ndarray:
        """Return the response with peak 1 at t >= 0."""
        coefficients, rates = self.exponentials(np, **shape)
        return sum(c * np.exp(-r * t) for c, r in zip(coefficients, rates, strict=True))

    def landmarks(self, *, peak: Any = 1.0, **shape: Any) -> dict[str, np.ndarray]:
        """Return what follows from the parameters, for single values or posterior draws.

        Parameters
        ----------
        peak : array
            Maximum [trace].
        **shape : array
            The kernel's other parameters; the centre of the prior unless given. Shapes broadcast.

        Returns
        -------
        dict of ndarray
            Times and sizes by their names in `landmark_words`, those that the response has; `area`
            [trace s] is its integral.

        Raises
        ------
        SpecError
            A parameter outside its range, named.
        """
        values = self.checked(peak=peak, **shape)
        values = dict(zip(values, np.broadcast_arrays(*values.values()), strict=True))
        size = values.pop("peak")
        marks = self.marks(**values)
        return {name: size * v if name == "area" else v for name, v in marks.items()}

    def marks(self, **shape: np.ndarray) -> dict[str, np.ndarray]:
        """Return the landmarks of the response with peak 1; a subclass adds its own to the area."""
        coefficients, rates = self.exponentials(np, **shape)
        return {"area": sum(c / r for c, r in zip(coefficients, rates, strict=True))}

    def checked(self, **values: Any) -> dict[str, np.ndarray]:
        """Return all parameters as float arrays, with the centre of the prior where none is given.

        Raises
        ------
        SpecError
            A value outside its parameter's range, named.
        """
        found = {}
        for name, parameter in self.parameters.items():
            centre = parameter.fixed if parameter.prior is None else parameter.prior.location
            value = values.pop(name, centre)
            try:
                array = np.asarray(value, dtype=float)
            except (TypeError, ValueError):
                array = np.array(np.nan)
            inside, allowed = _RANGES[parameter.link]
            bad = ~(np.isfinite(array) & inside(array))
            if np.any(bad):
                shown = value if array.ndim == 0 else array[bad].flat[0]
                raise SpecError(
                    f"{name} = {shown!s} is not {allowed}",
                    allowed=allowed,
                    todo=f"check the draws or the value given for {name}",
                )
            found[name] = array
        if values:
            raise SpecError(
                f"the kernel {self.name} has no {', '.join(values)}",
                allowed=", ".join(self.parameters),
                todo="take parameters of this kernel",
            )
        return found

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
    def clock_code() -> Any:
        """Return the compiled (which, log_shape, slopes) -> ln(time / `clock_unit`), or None.

        `which` counts `clocks`; `log_shape` holds the logarithms of the parameters in `clock_by`;
        the slopes by them are written to `slopes`. Made with `dopafit.core.machine_code.kept`.
        """
        return None


class Rebound:
    """What kernels with one peak, one crossing and one trough share.

    A member derives from it and from `Kernel`, in this order.
    """

    scales = frozenset({"trough_ratio", "initial_slope"})
    landmark_words: ClassVar = {
        "time_to_crossing": CROSSING,
        "time_to_trough": TROUGH,
        "opponent_gain": OPPONENT_GAIN,
        "area": AREA,
    }
    overlap = "time_to_trough"
    trades_with_gains = "trough_ratio"
    train = rf"{Kernel.train},\quad \min h = -\rho"


_RANGES = {
    "identity": (np.isfinite, "a finite number"),
    "log": (lambda x: x > 0, "a positive number"),
    "logit": (lambda x: (x >= 0) & (x <= 1), "a number from 0 to 1"),
}
"""By link, what a parameter can be."""

"""What a drive is: how the level becomes motivation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from dopafit.core.component import Component, Parameter
from dopafit.core.prior import Prior
from dopafit.core.xp import softplus

__all__ = ["AT_PEAK", "AT_TROUGH", "DEPTH", "GAIN_BELOW", "LEVEL", "RECTIFIER", "Drive", "rectify"]

AT_PEAK = "change of the predictor at the top of one unit event"
AT_TROUGH = "change of the predictor at the bottom of one unit event"

LEVEL, DEPTH, GAIN_BELOW = "level", "trough_ratio", "gain_trough"
"""The signal that every trace has, the depth of one unit event's response below baseline where it
goes there, and what `Drive.implied_gains` calls the effect there: words of the contract that every
member shares."""


RECTIFIER = 0.1
"""Softness of the rectifier [peak units], fixed: a free one is aliased with a linear deficit."""

_LN2 = 0.6931471805599453


def rectify(xp: Any, x: Any, softness: float = RECTIFIER) -> Any:
    r"""Return the smooth rectifier :math:`\mathrm{sp}_k(x) = k\ln(1+e^{x/k}) - k\ln 2`.

    Parameters
    ----------
    xp : module
        Array namespace.
    x : array
        Level or deficit [peak units].
    softness : float
        k [peak units]; the limit k -> 0 is max(x, 0).

    Returns
    -------
    array like `x`
        Zero at x = 0; about -k ln 2 far below.
    """
    return softness * (softplus(xp, x / softness) - _LN2)


class Drive(Component, family=True):
    """Base of the rival hypotheses.

    A member states `gains`, the effect sizes it needs with their meaning (each the change of a
    channel's predictor at a stated point of one unit event), and `motivation`, which returns one
    array per gain, scaled to 1 at that point of a single unit event of the population. `needs`
    names the signals that it reads from the trace (``level``, ``slope``), `scaled_by` the numbers
    of one unit event that it is scaled by; a kernel without them cannot carry the drive. Parameters
    of its own (a set point, a weight) are estimated with the others, one value for the population.
    `rectified` says that each motivation is 0, up to the softness, at the lobe it is not named for.
    `reads_above` and `reads_below` say whether a level above, or below, baseline moves pursuit:
    families of hypotheses follow from them.
    `directed` says that the hypothesis fixes the sign: its gains then have half-normal priors.
    `gain_reason` says why that prior, `notation` the symbol of each gain and parameter, `words`
    what the drive claims (a clause), `colour` and `dash` how figures tell it from its rivals.
    """

    formula = "motivation"
    arguments = frozenset({"signals", "unit"})
    needs: ClassVar[tuple[str, ...]] = ("level",)
    scaled_by: ClassVar[tuple[str, ...]] = ()
    gains: ClassVar[dict[str, str]] = {}
    directed: ClassVar[bool] = True
    rectified: ClassVar[bool] = False
    reads_above: ClassVar[bool] = True
    reads_below: ClassVar[bool] = True
    words: ClassVar[str] = ""
    gain_reason: ClassVar[str] = (
        "weak; one scale for every drive, because each is scaled to 1 at a landmark of its own"
    )
    colour: ClassVar[str] = ""
    dash: ClassVar[Any] = "-"

    @classmethod
    def gain(cls, name: str, of_channel: Parameter) -> Parameter:
        """Return one of `gains` as a parameter of a channel, with the sign the hypothesis fixes."""
        scale = of_channel.prior.scale if of_channel.prior else 1.5
        prior = Prior.half_normal(scale) if cls.directed else Prior.normal(0, scale)
        return replace(of_channel, prior=prior, meaning=cls.gains[name], reason=cls.gain_reason)

    def motivation(
        self, xp: Any, signals: Mapping[str, Any], unit: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """Return the scaled motivation, one array per name in `gains`.

        Parameters
        ----------
        xp : module
            Array namespace.
        signals : mapping of str to array
            What of the trace is read, each at every read: ``level`` [peak units], ``slope`` [1/s].
        unit : mapping of str to value
            Numbers of one unit event of the population, from `Kernel.unit_event`. A member adds
            its own parameters by name.
        """
        raise TypeError(f"{type(self).__name__} defines no motivation")

    def implied_gains(
        self, gains: Mapping[str, Any], unit: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Return the effects at both lobes of one unit event, `gain_peak` and `gain_trough`.

        A `rectified` drive lies in the plane of these two, with 0 at a lobe that it says nothing
        about; a member that moves pursuit at both lobes says how far. None where the drive or the
        kernel has no such point: there is then no gain plane.
        """
        if "trough_ratio" not in unit or not self.rectified:
            return None
        zero = 0.0 * unit["trough_ratio"]
        return {
            "gain_peak": gains.get("gain_peak", zero),
            "gain_trough": gains.get("gain_trough", zero),
        }

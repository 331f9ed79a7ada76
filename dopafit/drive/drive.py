"""What a drive is: how the level becomes motivation."""

from __future__ import annotations

from typing import Any, ClassVar

from dopafit.core.component import Component
from dopafit.core.xp import softplus

__all__ = ["RECTIFIER", "Drive", "rectify"]

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

    A member states `gains`, the effect sizes it needs (each the change of a channel's predictor
    at the top or bottom of one unit event), and `motivation`, which returns one array per gain,
    scaled to 1 at that point of a single unit event at the population's trough ratio.
    `directed` says that the hypothesis fixes the sign: its gains then have half-normal priors.
    """

    formula = "motivation"
    arguments = frozenset({"level", "trough_ratio"})
    gains: ClassVar[tuple[str, ...]] = ()
    directed: ClassVar[bool] = True
    words: ClassVar[str] = ""

    def motivation(self, xp: Any, level: Any, trough_ratio: Any) -> tuple[Any, ...]:
        """Return the scaled motivation, one array per name in `gains`."""
        raise TypeError(f"{type(self).__name__} defines no motivation")

    def implied_gains(self, gains: dict[str, Any], trough_ratio: Any) -> dict[str, Any]:
        """Effects at both lobes of one unit event: ``{"gain_peak": ..., "gain_trough": ...}``.

        The plane (gain_peak, gain_trough) holds every drive; a drive that says nothing about a
        lobe has 0 there.
        """
        zero = 0.0 * trough_ratio
        return {
            "gain_peak": gains.get("gain_peak", zero),
            "gain_trough": gains.get("gain_trough", zero),
        }

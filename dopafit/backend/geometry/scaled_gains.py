"""Sample effect sizes at the typical peak, because only they are informed.

The data see a gain times a peak. When all peaks of a study move together the gains can follow: a
ridge, curved where the spread of the peaks is itself sampled, that no linear scaling removes. So
the sampler moves g' = g exp(m), m the mean log peak over the study's events, in place of g. For
gains of one sign (sampled as ln g) that is a shear, of volume 1; for the others the volume is
exp(-m). The posterior is the same.
"""

from __future__ import annotations

import numpy as np

from dopafit.model.layout.layout import Layout
from dopafit.model.program import MATRIX

__all__ = ["scaled_gains"]


def scaled_gains(layout: Layout, centring: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of a change to gains at the mean log peak.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    centring : array, (normals,)
        Share of centring of each normal coordinate.

    Returns
    -------
    dict of str to array
        The mean log peak is the sum of ``gains.weight`` exp(``power`` log h[``spread``]) q[``x``];
        ``half`` and ``free`` are the coordinates of gains of one sign, and of either. Empty where
        every peak is 1, or no drive has a gain.
    """
    coordinates, model = layout.coordinates, layout.program.model
    gains = model.gains
    if not gains or "peak" not in layout.designs:
        return {}
    own = coordinates.arrays | coordinates.centred_arrays(centring)
    dense, columns, _, indices, data = (layout.arrays[f"peak.{part}"] for part in MATRIX)
    share = np.zeros(len(coordinates.entries))
    np.add.at(share, columns, dense.sum(axis=0))
    np.add.at(share, indices, data)
    share *= own["scale"] / max(len(dense), 1)
    used = np.flatnonzero(share)
    if not used.size:
        return {}
    places = [coordinates.place(name) for name in gains]
    spread, unit = own["spread"][places], own["unit"][places]
    return {
        "gains.weight": share[used],
        "gains.power": own["power"][used],
        "gains.x": own["unit"][used] - 1,
        "gains.spread": own["spread"][used],
        "gains.half": coordinates.normals + spread[spread > 0] - 1,
        "gains.free": unit[unit > 0] - 1,
    }

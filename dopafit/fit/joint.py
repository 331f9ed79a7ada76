"""What must be said on anything made from several fits."""

from __future__ import annotations

from collections.abc import Collection

from dopafit.fit.verdict import APPROXIMATE

__all__ = ["joint_stamp"]


def joint_stamp(failed: Collection[str], approximate: Collection[str] = ()) -> str:
    """Return one line on fits that are shown together.

    Parameters
    ----------
    failed : collection of str
        Fits that did not converge.
    approximate : collection of str
        Fits whose draws were not sampled; they count as approximations and not as failed.

    Examples
    --------
    >>> joint_stamp(["peak", "level"], ["level"])
    'NOT CONVERGED: peak · APPROXIMATE: level'
    """
    bad = [name for name in failed if name not in approximate]
    parts = [f"NOT CONVERGED: {', '.join(bad)}"] if bad else []
    parts += [f"{APPROXIMATE}: {', '.join(approximate)}"] if approximate else []
    return " · ".join(parts)

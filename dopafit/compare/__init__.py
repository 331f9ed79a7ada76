"""Which claim the evidence favours."""

from dopafit.core.room import make_callable

make_callable(__name__, "dopafit.compare.fits", "compare")

"""One claim met one study."""

from dopafit.core.room import make_callable

make_callable(__name__, "dopafit.fit.fit", "fit")

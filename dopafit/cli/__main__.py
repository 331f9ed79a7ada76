"""``python -m dopafit.cli``, the same as ``python -m dopafit``."""

from dopafit.cli import main

main()

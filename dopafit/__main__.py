"""``python -m dopafit``."""

from dopafit.cli import main

main()

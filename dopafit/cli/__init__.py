"""The command line: parse, call, print."""

from dopafit.cli.entry import main
from dopafit.cli.shared import app

__all__ = ["app", "main"]

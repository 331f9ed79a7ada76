"""The front door: call a command, and say what went wrong without a traceback."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import typer

from dopafit.cli import fits, looks, studies
from dopafit.cli.shared import app

__all__ = ["main"]

COMMANDS = (fits, looks, studies)
"""Modules that register commands when they are imported."""

STOPPED = "stopped; what was finished is kept, no file is half-written; the same command goes on"


@contextlib.contextmanager
def _stoppable() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP stop a command the way Ctrl-C does; collect them."""
    caught = [int(signal.SIGINT)]
    before = {}

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        answer = signal.getsignal(signal.SIGINT)  # while it samples, the sampler's
        if not callable(answer):
            raise KeyboardInterrupt
        answer(signal.SIGINT, frame)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # not nohup's
                before[number] = signal.signal(number, stop)
    try:
        yield caught
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _misuse(error: typer.TyperException) -> str:
    """Return what the parser found wrong with the words typed, in our three parts."""
    from dopafit.core.errors import DopafitError, suggest

    context = getattr(error, "ctx", None)
    if context is None:
        return str(error)
    command, path = context.command, context.command_path
    verbs = getattr(command, "commands", {})
    options = [word for one in command.params for word in (*one.opts, *one.secondary_opts)]
    allowed = list(verbs) or [w for w in options if w.startswith("-")]
    wrong = error.format_message().splitlines()[0].partition(" (Possible options")[0]
    wrong = wrong.partition(" Did you mean")[0].rstrip(".")
    wrong, _, rule = wrong.partition(": Input should be ")
    typed = getattr(error, "option_name", "") or (wrong.split("'")[1] if "'" in wrong else "")
    near = "" if typed in allowed else suggest(typed, allowed)
    if wrong.startswith("Missing"):
        near = f"add {typed};"
    accepted = rule.partition(", unable")[0].replace("a valid integer", "a whole number")
    usage = " ".join(context.get_usage().split()).removeprefix("Usage: ")
    return str(
        DopafitError(
            wrong[:1].lower() + wrong[1:],
            allowed=accepted or f"{usage}, with {', '.join(allowed)}",
            todo=f"{near} {path} --help shows what it takes".lstrip(),
        )
    )


def main() -> None:
    """Run the command line; errors a user can act on are printed without a traceback."""
    with _stoppable() as caught:
        _main(caught)


def _main(caught: list[int]) -> None:
    from dopafit.core.errors import DopafitError, StoppedError

    try:
        status = app(standalone_mode=False) or 0
        if status == 130:  # Ctrl-C, of which typer says nothing
            typer.echo(f"\n{STOPPED}", err=True)
    except typer.TyperException as error:
        bare = sys.argv[1:] in ([], ["data"], ["convert"])  # no verb: help, nothing was wrong
        typer.echo(error.format_message() if bare else f"dopafit: {_misuse(error)}", err=True)
        status = 2
    except StoppedError as error:
        typer.echo(f"\n{error}", err=True)
        status = 128 + caught[-1]
    except DopafitError as error:
        typer.echo(f"dopafit: {error}", err=True)
        status = 2
    except OSError as error:
        typer.echo(f"dopafit: {error}", err=True)
        typer.echo("  to do:   check the path, its permissions and the space left", err=True)
        status = 2
    except KeyboardInterrupt:
        typer.echo(f"\n{STOPPED}", err=True)
        status = 128 + caught[-1]
    if status:
        sys.exit(status)

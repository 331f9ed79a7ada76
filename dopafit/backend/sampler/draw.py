"""Draws from a compiled model, watched while they are made and kept when they are stopped."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.backend.sampler.engine import Engine, Target, library
from dopafit.backend.sampler.gate import Gate
from dopafit.backend.sampler.settings import SamplerSettings
from dopafit.core.errors import FitError
from dopafit.core.machine import available_cores

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Interrupted", "SamplerSettings", "Snapshot", "run"]

KEEP = 50  # draws per chain below which an interrupted run holds nothing worth keeping
NOT_FINITE = "Logp function returned error code: 1"  # what the generated function's 1 means
POLL = 0.1  # [s] between two glances at the running sampler


@dataclass(frozen=True)
class Snapshot:
    """The state of a running sampler; every tuple has one entry per chain.

    Parameters
    ----------
    finished : tuple of int
        Draws made so far, tuning included.
    total : int
        Draws to make per chain until the next look, tuning included.
    tuning : tuple of bool
        True while a chain is still adapting (or has not started).
    divergences : tuple of int
        Divergences after tuning.
    step_size : tuple of float
        Current step size; 0 before a chain's start.
    steps : tuple of int
        Leapfrog steps so far.
    elapsed : float
        Time since sampling began [s].
    last : bool
        False where the draws are looked at when `total` is reached, and may go on from there.
    """

    finished: tuple[int, ...]
    total: int
    tuning: tuple[bool, ...]
    divergences: tuple[int, ...]
    step_size: tuple[float, ...]
    steps: tuple[int, ...]
    elapsed: float
    last: bool = True

    @property
    def share(self) -> float:
        """Share of all draws that are made, 0 to 1."""
        return sum(self.finished) / max(1, self.total * len(self.finished))

    @property
    def complete(self) -> bool:
        """Whether every chain has made all its draws."""
        return all(done >= self.total for done in self.finished)

    @property
    def remaining(self) -> float | None:
        """Estimated time left [s]; None before the first draw."""
        return self.elapsed * (1 - self.share) / self.share if self.share > 0 else None

    @property
    def leapfrogs_per_draw(self) -> float | None:
        """Mean leapfrog steps per draw so far; None before the first draw."""
        done = sum(self.finished)
        return sum(self.steps) / done if done else None


class Interrupted(FitError):
    """Sampling was stopped by Ctrl-C.

    Parameters
    ----------
    partial : xarray.DataTree or None
        The draws made so far, cut to the shortest chain, in the form `run` returns; None if any
        chain had fewer than 50 draws after tuning.
    draws : int
        Draws after tuning in the shortest chain.
    settings : SamplerSettings
        What had been asked for.
    """

    def __init__(self, partial: xr.DataTree | None, draws: int, settings: SamplerSettings) -> None:
        self.partial, self.draws = partial, draws
        kept = (
            "the draws made so far are kept; a fit made from them is marked as not complete"
            if partial is not None
            else f"fewer than {KEEP} draws per chain after tuning: there was nothing to keep"
        )
        super().__init__(
            f"sampling was stopped after {draws} of {settings.max_draws} draws per chain",
            allowed=f"{settings.draws} draws or more in each of {settings.chains} chains",
            todo=f"{kept}; run again to finish",
        )


def run(
    target: Target,
    settings: SamplerSettings,
    *,
    progress: Callable[[Snapshot], None] | None = None,
    keep_warmup: bool = False,
    enough: Callable[[xr.DataTree], bool] | None = None,
) -> xr.DataTree:
    """Draw from a target.

    At every look (`SamplerSettings.looks`) all chains wait, and `enough` decides whether they go
    on; no draw is discarded. Nothing is printed. On the main thread the first Ctrl-C stops the
    chains and keeps their draws; a second one leaves at once.

    Parameters
    ----------
    target : Target
        What is sampled.
    settings : SamplerSettings
        Number of draws, chains and so on.
    progress : callable, optional
        Called on this thread about ten times a second with a `Snapshot`, and once at the end. An
        exception in it stops the sampler and goes to the caller.
    keep_warmup : bool
        Keep the tuning draws as groups ``warmup_posterior`` and ``warmup_sample_stats``.
    enough : callable (tree) -> bool, optional
        Called with all draws so far, in the form this returns them, at every look but the last;
        draws go on until it says yes. Unless given, `draws` are made.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` and ``sample_stats`` with dims (chain, draw, ...). Its attributes
        hold ``sampling_time`` [s], ``tuning_steps``, the sampler's name and version and all
        settings as JSON; it can be written to netCDF.

    Raises
    ------
    FitError
        The sampler could not start or broke down.
    Interrupted
        Ctrl-C; holds the draws made so far.
    """
    looks = settings.looks if enough is not None else (settings.draws,)
    cores = min(settings.chains, settings.cores or available_cores())
    gate, latest = Gate(settings.chains, cores, settings.tune + looks[-1]), []
    aim = settings.tune + looks[0]

    def remember(chains: list[Any]) -> None:
        # runs on the sampler's thread: store plain values, touch nothing else
        latest[:] = [
            (c.finished_draws, c.tuning, c.divergences, c.step_size, c.total_num_steps)
            for c in chains
        ]

    def report() -> None:
        if progress is not None and latest:
            finished, tuning, divergences, step, steps = zip(*list(latest), strict=True)
            elapsed = time.monotonic() - start
            last = aim == settings.tune + looks[-1]
            progress(Snapshot(finished, aim, tuning, divergences, step, steps, elapsed, last))

    def tidied(tree: xr.DataTree) -> xr.DataTree:
        return _tidy(tree, settings, time.monotonic() - start, keep_warmup)

    start = time.monotonic()
    with deferred_interrupt() as interrupts:
        engine = Engine(target, settings, looks[-1], gate, remember, POLL)
        tree = None
        try:
            for draws in looks:
                aim = settings.tune + draws
                gate.advance(aim)
                last, there = draws == looks[-1], False
                while not there and not interrupts:
                    if last:
                        there = _wait(engine)
                    else:
                        there = gate.wait(POLL)
                        if not there and gate.broken:
                            _wait(engine)
                    report()
                if interrupts or last:
                    break
                seen = _cut(tidied(engine.so_far()), draws)
                if enough(seen):
                    return seen
            if interrupts:
                gate.open()
                engine.stop()
            tree = engine.result()
        finally:
            if tree is None:  # an error, or enough: the chains must not outlive this call
                gate.open()
                with contextlib.suppress(BaseException):
                    engine.stop()
        tidy = tidied(tree)
    if not interrupts:
        return tidy
    draws = _shortest(tree)
    partial = None
    if draws >= KEEP:
        kept = _cut(tidy, draws)
        partial = _tree(
            {name: kept[name].to_dataset() for name in kept.children if "warmup" not in name},
            tidy.attrs | {"interrupted": 1},
        )
    raise Interrupted(partial, draws, settings)


def _cut(tree: xr.DataTree, draws: int) -> xr.DataTree:
    """Return the tree with so many draws after tuning."""
    groups = {
        name: data if name.startswith("warmup") else data.isel(draw=slice(draws))
        for name in tree.children
        for data in [tree[name].to_dataset()]
    }
    return _tree(groups, tree.attrs)


def _wait(engine: Engine) -> bool:
    """Wait a moment; return whether all chains are at their end."""
    try:
        return engine.wait(POLL)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in the sampler is no Exception
        raise _failure(str(error)) from None


def _failure(message: str) -> FitError:
    """Turn the sampler's message into one a user can act on."""
    reason = " ".join(message.split("Stack backtrace")[0].split())
    reason = reason.partition("traceback: Some(")[0].rstrip(" ,")
    reason = reason.replace(NOT_FINITE, "NaN or infinity")
    if "nitialization points failed" in reason:
        detail = reason.partition("Caused by:")[2].strip() or reason
        return FitError(
            f"sampling could not start: no starting point has a finite log posterior ({detail})",
            allowed="data and priors under which some parameter values are possible",
            todo="check the study for values the channels cannot produce (for instance a latency "
            "of 0) and the priors for extreme scales",
        )
    return FitError(
        f"sampling broke down: {reason}",
        allowed="a log posterior that can be computed wherever the chains go",
        todo="tighten the priors or look for extreme values in the study; if neither helps, report "
        "it with the message",
    )


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[list[int]]:
    """Collect the first SIGINT instead of raising it, so that no draw is lost in mid-copy."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(signum: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(signum)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


def _shortest(tree: xr.DataTree) -> int:
    """Draws after tuning in the shortest chain; shorter chains are padded with NaN."""
    if "sample_stats" not in tree.children or "step_size" not in tree["sample_stats"].data_vars:
        return 0
    return int(np.isfinite(tree["sample_stats"]["step_size"].values).sum(axis=1).min())


def _tree(groups: dict[str, xr.Dataset], attributes: dict[str, Any]) -> xr.DataTree:
    import xarray as xr

    tree = xr.DataTree.from_dict(dict(groups))
    tree.attrs = attributes
    return tree


def _tidy(
    tree: xr.DataTree, settings: SamplerSettings, elapsed: float, keep_warmup: bool
) -> xr.DataTree:
    """Return the groups asked for, with the settings as attributes."""
    return _tree(
        {
            name: tree[name].to_dataset()
            for name in tree.children
            if keep_warmup or not name.startswith("warmup")
        },
        {
            "inference_library": "nutpie",
            "inference_library_version": library().__version__,
            "sampling_time": float(elapsed),
            "tuning_steps": settings.tune,
            "sampler_settings": json.dumps(settings.to_dict(), sort_keys=True),
        },
    )

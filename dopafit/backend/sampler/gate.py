"""Chains that stop at an agreed draw and go on from there.

nutpie runs every chain to its end in a thread of its own. Here each chain waits at a look until it
is told to go on, and only so many run at a time as there are cores. A chain's draws do not depend
on when it waited, so the first n of them are the same however far it goes.

A chain passes here once a draw, when that is taken to the model's coordinates and all draws before
it are stored. So a waiting chain holds one draw that nobody has seen yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Gate"]


class _Chain:
    """How far a chain is."""

    def __init__(self) -> None:
        self.done, self.running = 0, False


class Gate:
    """The gate that all chains of one run share.

    Parameters
    ----------
    chains : int
        Chains of the run, each in its own thread.
    cores : int
        Chains that may run at a time.
    draws : int
        Draws after which a chain is at its end, tuning included.
    """

    def __init__(self, chains: int, cores: int, draws: int) -> None:
        self._chains, self._free, self._total = chains, cores, draws
        self._limit = 0
        self._changed = threading.Condition()
        self._made: dict[int, _Chain] = {}  # by thread: those of Rust keep no thread-local values
        self._seeds: dict[int, int] = {}
        self._waiting, self._open, self.broken = 0, False, False

    def around(self, expand: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], Any]:
        """Return a function of a draw behind which a chain waits for its turn."""

        def passing(u: np.ndarray) -> Any:
            thread = threading.get_ident()
            chain = self._made.setdefault(thread, _Chain())
            if chain.running and chain.done >= self._limit and not self._open:
                self._leave(chain)
            if not chain.running:
                self._enter(chain)
            values = self.guarded(expand)(u)
            chain.done += 1
            if chain.done == self._total:
                self._leave(chain)  # no next draw comes
                del self._made[thread]
            return values

        return passing

    def guarded(self, function: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], Any]:
        """Return a function whose error ends the run: no chain must wait for the one it broke."""

        def guarded(u: np.ndarray) -> Any:
            try:
                return function(u)
            except BaseException:
                self.broken = True
                self.open()
                raise

        return guarded

    def ranked(self, start: Callable[[int, int], np.ndarray]) -> Callable[[int], np.ndarray]:
        """Return a start that knows the rank of its chain's seed among the seeds of all chains."""

        def ranked(seed: int) -> np.ndarray:
            with self._changed:
                own = self._seeds.setdefault(threading.get_ident(), seed)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._open or len(self._seeds) >= self._chains)
                rank = sorted(self._seeds.values()).index(own)
            return start(seed, rank)

        return ranked

    def advance(self, draws: int) -> None:
        """Let every chain go on until it has made so many draws, tuning included."""
        with self._changed:
            self._limit, self._waiting = draws, 0
            self._changed.notify_all()

    def open(self) -> None:
        """Let every chain go for good, lest one waits for ever when the run is stopped."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait a moment; return whether every chain has made the draws agreed on."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting >= self._chains, seconds)
            return self._waiting >= self._chains

    def _enter(self, chain: _Chain) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._open or (self._free > 0 and chain.done < self._limit)
            )
            self._free -= 1
        chain.running = True

    def _leave(self, chain: _Chain) -> None:
        chain.running = False
        with self._changed:
            self._free += 1
            self._waiting += 1
            self._changed.notify_all()

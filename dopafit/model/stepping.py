"""Closed loops: behaviour drawn act by act, where acts make the events that move the trace."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pandas as pd

from dopafit.core.arguments import require, takes
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.given import no_parameter
from dopafit.model.layout.coordinates import in_range
from dopafit.model.turns import Memory
from dopafit.study.study import Study
from dopafit.study.tables import DURATION, SHAPE, SHAPES
from dopafit.trace.dynamics import Dynamics, Pairs
from dopafit.trace.kernel import Kernel
from dopafit.trace.lasting import Lasting, changes, lasting_dynamics

__all__ = ["Event", "Offer", "Task", "play"]


@dataclass(frozen=True)
class Event:
    """Something that moves the trace: its time [s], magnitude and kind.

    With a duration [s] its input, the magnitude in all, goes on as `shape` says: ``constant``, or a
    ``ramp`` that rises from 0.
    """

    time: float
    magnitude: float = 1.0
    kind: str = "event"
    duration: float = 0.0
    shape: str = SHAPES[0]

    def __post_init__(self) -> None:
        for name in ("time", "magnitude", "duration"):
            require(f"Event: {name}", getattr(self, name), Real)
        if not 0 <= self.duration < np.inf:
            raise SpecError(
                f"Event: duration = {self.duration}",
                allowed="0 s or above, finite",
                todo="give how long the event's input goes on, or leave it out",
            )
        if self.shape not in SHAPES:
            raise SpecError(f"Event: shape {self.shape!r}", given=self.shape, known=SHAPES)


@dataclass(frozen=True)
class Offer:
    """An occasion to act.

    Parameters
    ----------
    time : float
        When [s].
    channel : str
        Name of the channel by which is acted.
    data : mapping of str to float
        What the channel's `simulate` takes beside the predictor, e.g. ``{"deadline": 8.0}``.
    """

    time: float
    channel: str
    data: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        require("Offer: time", self.time, Real)
        require("Offer: channel", self.channel, str)


class Task(Protocol):
    """What turns acts into events: see `play`."""

    duration: float
    """Length of the session [s]; what comes later is dropped."""

    def begin(self) -> Iterable[Event | Offer]:
        """Return the events and offers that are there from the start."""

    def after(self, offer: Offer, act: Mapping[str, float]) -> Iterable[Event | Offer]:
        """Return what follows from an act: the outcome columns that the channel drew."""


@takes(model=Model, parameters=Mapping, rng=np.random.Generator)
def play(
    task: Task, model: Model, parameters: Mapping[str, float], rng: np.random.Generator
) -> Study:
    """Play one session of a task: events move the trace, the trace acts, acts make events.

    An offer reads the trace before the events of its own time, as the likelihood does.

    Parameters
    ----------
    task : Task
        What is offered, and what follows from acts.
    model : Model
        The claim; formulas and unresolved units of magnitude do not enter: magnitudes are then in
        unit events.
    parameters : mapping of str to float
        The session's parameters by name; those with a fixed value may be left out.
    rng : Generator
        Source of randomness.

    Returns
    -------
    Study
        One session, labelled simulated: its events, and one observation per offer.

    Raises
    ------
    SpecError
        A parameter is missing or unknown; an offer to a channel that is none, or whose outcomes do
        not belong to single moments; something that follows before its cause.
    """
    session = _Session.of(model, parameters)
    number, now = itertools.count(), 0.0
    ahead: list[tuple[float, bool, int, Event | Offer]] = []
    events: list[Event] = []
    acts: list[dict[str, float]] = []

    def expect(things: Iterable[Event | Offer]) -> None:
        for thing in things:
            if not now <= thing.time < np.inf:
                raise SpecError(
                    f"the task: {thing!r} comes at {thing.time} s, and it is {now:g} s",
                    allowed="finite times, not before the act that they follow from",
                    todo="correct the times that begin and after return",
                )
            if thing.time <= task.duration:
                heapq.heappush(ahead, (thing.time, isinstance(thing, Event), next(number), thing))

    expect(task.begin())
    while ahead:
        now, _, _, thing = heapq.heappop(ahead)
        if isinstance(thing, Event):
            session.kick(thing)
            events.append(thing)
        else:
            act = session.act(thing, rng)
            acts.append({"time": thing.time, **act})
            expect(task.after(thing, act))
    keys = {"subject": "s1", "session": "1"}
    rows = [{**keys, **vars(event)} for event in events]
    if not any(event.duration for event in events):
        rows = [{k: v for k, v in row.items() if k not in (DURATION, SHAPE)} for row in rows]
    return Study(
        "played",
        sessions=pd.DataFrame([{**keys, "start": 0.0, "end": float(task.duration)}]),
        events=pd.DataFrame(rows) if rows else None,
        observations=pd.DataFrame([{**keys, **act} for act in acts]) if acts else None,
        simulated=True,
    )


class _States:
    """A trace that its states after the last event carry along."""

    def __init__(
        self, dynamics: Dynamics, prepared: Mapping[str, Any], values: Mapping[str, float]
    ) -> None:
        self.dynamics, self.prepared, self.time = dynamics, prepared, 0.0
        self.state = tuple(np.array([value]) for value in dynamics.rest)
        self.ahead: list[tuple[float, int, float, np.ndarray]] = []  # changes of the input
        self.number = itertools.count()

    def last(self, dynamics: Lasting) -> None:
        """Take on events that last: from now on the input's rate and its slope are states too."""
        if not self.dynamics.inputs:
            self.dynamics, self.state = dynamics, (*self.state, np.zeros(1), np.zeros(1))

    def kick(self, event: Event, size: float) -> None:
        """Let an event move the trace."""
        each = (event.time, event.duration, event.shape == SHAPES[1])
        found = changes(np.zeros(1), *(np.array([value]) for value in each))
        for time, told in zip(found.time, found.input, strict=True):
            heapq.heappush(self.ahead, (time, next(self.number), size, told))
        self._until(event.time)

    def _until(self, last: float) -> None:
        """Let the input change as it does up to a time [s]."""
        while self.ahead and self.ahead[0][0] <= last:
            time, _, size, told = heapq.heappop(self.ahead)
            told = np.append(told[:-1], float(bool(self.ahead)))  # whether another goes on
            own = self.prepared | dict(zip(self.dynamics.inputs, told, strict=False))
            gap = np.array([time - self.time])
            moved = self.dynamics.advance(np, self.state, gap, self.prepared)
            self.state = self.dynamics.kick(np, moved, np.array([size]), own)
            self.time = time

    def signals(self, time: float) -> Mapping[str, np.ndarray]:
        """Return what can be read from the trace at a time [s]."""
        self._until(np.nextafter(time, -np.inf))
        return self.dynamics.read(np, self.state, np.array([time - self.time]), self.prepared)


class _Past:
    """A trace that remembers its events until their responses have ended."""

    def __init__(
        self, dynamics: Pairs, prepared: Mapping[str, Any], values: Mapping[str, float]
    ) -> None:
        self.dynamics, self.prepared = dynamics, prepared
        self.horizon = values[dynamics.horizon]
        self.events: list[tuple[float, float]] = []  # time, size

    def kick(self, event: Event, size: float) -> None:
        """Let an event move the trace."""
        self.events.append((event.time, size))

    def signals(self, time: float) -> Mapping[str, np.ndarray]:
        """Return what can be read from the trace at a time [s]."""
        self.events = [event for event in self.events if event[0] > time - self.horizon]
        past = np.array([event for event in self.events if event[0] < time]).reshape(-1, 2)
        found = self.dynamics.response(np, np.log(time - past[:, 0]), self.prepared)
        return {name: np.array([value @ past[:, 1]]) for name, value in found.items()}


class _Session:
    """The trace so far, and what it takes to act on it."""

    def __init__(self, model: Model, values: Mapping[str, float]) -> None:
        self.model, self.values = model, values
        self.channels = {channel.prefix: channel for channel in model.channels}
        self.memory = {prefix: Memory() for prefix in self.channels}
        if model.moved:
            kernel = Kernel.named(model.kernel)()
            shape = {name: values[name] for name in kernel.parameters if name != "peak"}
            prepared = kernel.prepare(np, **{k: np.array([v]) for k, v in shape.items()})
            self.unit = kernel.unit_event(np, **shape)
            walk = _Past if isinstance(kernel.dynamics, Pairs) else _States
            self.trace = walk(kernel.dynamics, prepared, values)

    @classmethod
    def of(cls, model: Model, parameters: Mapping[str, float]) -> _Session:
        """Check the parameters against the model's."""
        declared = model.parameters
        for name in parameters:
            if name not in declared:
                raise no_parameter("parameters", name, declared)
        given = {n: p.fixed for n, p in declared.items() if p.fixed is not None}
        for name, value in parameters.items():
            given[name] = in_range(name, value, declared[name].link, "parameters")
        if missing := [name for name in declared if name not in given]:
            raise SpecError(
                f"parameters: {', '.join(missing)} not given",
                allowed="a value for every parameter that is not fixed",
                todo=f"give {missing[0]} a value ({declared[missing[0]].meaning})",
            )
        return cls(model, given)

    def kick(self, event: Event) -> None:
        """Let an event move the trace."""
        counts = self.model.events is None or event.kind in self.model.events
        if not self.model.moved or not counts:
            return
        unit = self.model.unit_magnitude
        unit = unit.get(event.kind) if isinstance(unit, Mapping) else unit
        size = event.magnitude / unit if isinstance(unit, Real) else event.magnitude
        if event.duration > 0:
            self.trace.last(lasting_dynamics(Kernel.named(self.model.kernel)))
        self.trace.kick(event, size * self.values["peak"])

    def act(self, offer: Offer, rng: np.random.Generator) -> dict[str, float]:
        """Draw the act at an offer: the outcome columns of its channel."""
        channel = self.channels.get(offer.channel)
        if channel is None or channel.on_grid:
            momentary = [name for name, each in self.channels.items() if not each.on_grid]
            raise SpecError(
                f"the task: an offer to the channel {offer.channel!r}",
                allowed="channels of the model whose outcomes belong to single moments: "
                + (", ".join(momentary) or "it has none"),
                given=offer.channel,
                known=momentary,
                todo="offer one of those allowed",
            )
        prefix, drive = channel.prefix, self.model.drives[channel.prefix]
        own = {name: self.values[f"{prefix}_{name}"] for name in channel.active()}
        moved = np.array([own[channel.moves]])
        if drive.gains:
            signals = self.trace.signals(offer.time)
            set_by_drive = {name: self.values[name] for name in drive.parameters}
            motivations = drive().motivation(np, signals, self.unit, **set_by_drive)
            for gain, motivation in zip(drive.gains, motivations, strict=True):
                moved = moved + self.values[f"{prefix}_{gain}"] * motivation
        own[channel.moves] = moved
        eta = np.array([own.pop("rest")]).ravel()
        data = {name: np.array([value]) for name, value in offer.data.items()}
        if channel.sequential:
            own["previous"] = self.memory[prefix].begin(np.zeros(1, dtype=int))
        drawn = channel.simulate(rng, eta, data, **own)
        return {column: float(values[0]) for column, values in drawn.items()}

"""What the generated function has to do, and in which order.

The likelihood's formulas run once on the expressions of `dopafit.backend.codegen.expression`. Going
backwards over what they wrote gives the gradient, again as expressions. Each domain (rows of the
kernel's table, events, rows of a channel) then becomes one pass forwards and one backwards; a
channel's rows, which end in a sum, need a single one. Each row of a channel works out its own
level, from the states after the last event: nothing of the length of the data is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dopafit.backend.codegen.expression import Expression, Graph, reachable
from dopafit.backend.codegen.scan import Scan
from dopafit.backend.codegen.tables import TIMES
from dopafit.model.program import Operations, Program
from dopafit.trace.dynamics import Dynamics, Exponentials, Pairs
from dopafit.trace.kernel import Kernel

__all__ = ["EVENTS", "KERNEL", "MOMENTS", "PAIRS", "READS", "Pass", "Plan", "make_plan"]

KERNEL, EVENTS, READS = "kernel", "events", "reads"
MOMENTS = ".moments"
"""After a channel's prefix: the domain of the moments at which its rows read the trace."""
PAIRS = f"{READS}{MOMENTS}"
"""A read and an event before it: what reads are to the rows of a window."""
DOMAINS = {"kernel_ones": KERNEL, "event_magnitude": EVENTS}


@dataclass
class Pass:
    """One pass over the rows of a domain.

    Parameters
    ----------
    domain : str
        Whose rows.
    stores : list of (text, Expression)
        Where a row's value is written; ``{r}`` stands for the row.
    sums : list of Expression
        Values whose sum over the rows is needed later.
    scatters : list of (array, index, Expression)
        Values added to an array's entries.
    tables : list of (parameter, Expression)
        Values that the transposed table of a parameter takes to the gradient by theta.
    """

    domain: str
    stores: list[tuple[str, Expression]] = field(default_factory=list)
    sums: list[Expression] = field(default_factory=list)
    scatters: list[tuple[str, str, Expression]] = field(default_factory=list)
    tables: list[tuple[str, Expression]] = field(default_factory=list)

    @property
    def leaving(self) -> list[Expression]:
        """Return what is written somewhere row by row."""
        return [n for *_, n in (*self.stores, *self.scatters, *self.tables)]

    @property
    def values(self) -> list[Expression]:
        """Return everything the pass must compute."""
        return [*self.leaving, *(n.args[0] for n in self.sums)]


@dataclass
class Plan:
    """The passes of a function.

    Parameters
    ----------
    forward : list of Pass
        Before the trace's states: kernel, events.
    reads : list of Pass
        After the states: over the pairs of reads and events and the moments that make sums for
        rows, one per channel, and over these backwards.
    backward : list of Pass
        After the states' pullback: events, kernel.
    theta : list of (place, Expression)
        Numbers added to the gradient by theta's entries.
    total : Expression
        The log likelihood; a constant where only rows are asked for.
    states : Expression or None
        The trace's states after each event, where the claim has a trace.
    loop : str or Scan
        Which loop makes them: `states`, `states_progression`, or one to be written.
    gathered : dict of str to str
        Arrays to which passes add, beside those of the states, and their domain.
    """

    forward: list[Pass]
    reads: list[Pass]
    backward: list[Pass]
    theta: list[tuple[int, Expression]]
    total: Expression
    states: Expression | None
    loop: str | Scan
    gathered: dict[str, str]


class _Theta:
    def __init__(self, graph: Graph) -> None:
        self._book = graph

    def __getitem__(self, place: int) -> Expression:
        return self._book.leaf("theta", int(place), domain=None)


def make_plan(program: Program, names: tuple[str, ...], *, gradient: bool) -> Plan:
    """Return what a program's log likelihood takes.

    Parameters
    ----------
    program : Program
        The claim.
    names : tuple of str
        The arrays of a layout.
    gradient : bool
        Whether to sum the rows and differentiate; else every row's value is kept.
    """
    graph = Graph()
    found: list[tuple[Expression, str | Scan]] = []
    operations = _operations(graph, program, found, names)
    arrays = _arrays(graph, program, names)
    rows = program.logp(arrays, _Theta(graph), operations)
    if gradient:
        rows = {prefix: _own_rows(graph, prefix, node) for prefix, node in rows.items()}
    states, loop = found[0] if found else (None, "")
    sweep = ReverseMode(graph, states)
    if not gradient:
        channels = [Pass(p, stores=[(f"{p}_rows[{{r}}]", n)]) for p, n in rows.items()]
        forward = sweep.forward(rows.values())
        reads = [*sweep.moments(rows.values()), *channels]
        zero = graph.node(0.0)
        return Plan(forward, reads, [], [], zero, states, loop, sweep.gathered)
    channels = [Pass(prefix) for prefix in rows]
    sweep.passes |= {one.domain: one for one in channels}
    total = graph.node(0.0)
    for prefix, node in rows.items():
        total = total + sweep.sum_of(node, prefix)
    sweep.run({node: graph.node(1.0) for node in rows.values()})
    backward = [sweep.passes[d] for d in (EVENTS, KERNEL) if d in sweep.passes]
    back = [one for domain, one in sweep.passes.items() if domain.endswith(MOMENTS)]
    values = [n for one in (*channels, *back, *backward) for n in one.values]
    forward, reads = sweep.forward(values), [*sweep.moments(values), *channels, *back]
    return Plan(forward, reads, backward, sweep.theta, total, states, loop, sweep.gathered)


def _own_rows(graph: Graph, prefix: str, node: Expression) -> Expression:
    """Return 0 where a chunk only looks back at the rows before its own, see `codegen.chunk`."""
    if all(one.op != "previous" for one in reachable([node])):
        return node
    return graph.make("where", graph.leaf("own", domain=prefix), node, 0.0)


def _moved(
    graph: Graph, node: Expression, domain: str, known: dict[Expression, Expression]
) -> Expression:
    """Return an expression over the reads as one over a channel's rows, each at its own read."""
    if node.domain != READS:
        return node
    if node not in known:
        prefix = domain.removesuffix(MOMENTS)
        if node.op == "array":  # only the time since the last event is one
            made = graph.leaf("array", f"{prefix}.gap", domain=domain)
        elif node.op == "segments":  # a sum over pairs is kept, read by read
            made = graph.leaf("take", node, f"{prefix}.read", domain=domain)
        elif node.op == "take":
            values, name = node.args
            made = graph.leaf("take", values, f"{prefix}.{name}", domain=domain)
        else:
            parts = [
                _moved(graph, one, domain, known) if isinstance(one, Expression) else one
                for one in node.args
            ]
            made = graph.leaf(node.op, *parts, domain=domain)
        known[node] = made
    return known[node]


def varies_by_session(program: Program) -> bool:
    """Whether sessions differ in their kernels."""
    own = Kernel.named(program.model.kernel).parameters
    return any(name in program.varying for name in own if name != "peak")


def _arrays(graph: Graph, program: Program, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the arrays as the program takes them: leaves with a domain; names for the rest."""
    prefixes = {channel.prefix for channel in program.model.channels}
    one_kernel = not varies_by_session(program)
    found: dict[str, Any] = {n: n for n in (*TIMES, *(f"{prefix}.read" for prefix in prefixes))}
    for name in names:
        prefix, _, rest = name.partition(".")
        if rest == "zero":
            found[name] = 0.0
        elif rest == "moment_weight":
            found[name] = graph.leaf("array", name, domain=f"{prefix}{MOMENTS}")
            found[f"{prefix}.moment_offset"] = f"{prefix}.moment_row"
        elif name == "kernel_ones" and one_kernel:
            found[name] = 1.0  # one kernel for all: its parameters are numbers
        elif name in DOMAINS or (prefix in prefixes and rest.startswith(("data.", "follows"))):
            found[name] = graph.leaf("array", name, domain=DOMAINS.get(name, prefix))
        else:
            found[name] = name
    return found


def _operations(
    graph: Graph,
    program: Program,
    level: list[tuple[Expression, str | Scan]],
    names: tuple[str, ...],
) -> Operations:
    # the longest first: of `press` and `press_left` a parameter belongs to the one it names whole
    prefixes = sorted((c.prefix for c in program.model.channels), key=len, reverse=True)

    def linear_rows(dense: str, *rest: Any) -> Expression:
        name = dense.rpartition(".")[0]
        own = next((p for p in prefixes if name.startswith(f"{p}_")), None)
        return graph.leaf("rows", name, domain=own or (EVENTS if name == "peak" else KERNEL))

    def take(values: Expression, index: str) -> Expression:
        prefix = index.partition(".")[0]
        moments = MOMENTS if f"{prefix}.moment_weight" in names else ""
        return _moved(graph, values, f"{prefix}{moments}", {})

    def segment_sum(values: Expression, index: str) -> Expression:
        return graph.leaf("segments", values, index, domain=index.partition(".")[0])

    def previous(values: Any, follows: Expression) -> Expression:
        before = graph.node(values)
        if before.domain is None:
            return graph.make("where", follows > 0.0, before, 0.0)
        domain = graph.common("previous", (before, follows))
        return graph.leaf("previous", before, follows, domain=domain)

    def at(domain: str, index: str, node: Any) -> Any:
        varies = isinstance(node, Expression) and node.domain is not None
        return graph.leaf("take", node, index, domain=domain) if varies else node

    def trace(
        dynamics: Dynamics | Pairs, size: Any, parameters: Mapping[str, Any], _arrays: Any
    ) -> Any:
        """Read the states after the last event, over the time since then."""
        if isinstance(dynamics, Pairs):
            own = {name: at(PAIRS, "pair_row", value) for name, value in parameters.items()}
            log_gap = graph.leaf("array", "pair_log_gap", domain=PAIRS)
            sizes = at(PAIRS, "pair_event", size)
            return {
                name: graph.leaf("segments", sizes * value, "pair_read", domain=READS)
                for name, value in dynamics.response(graph, log_gap, own).items()
            }
        loop: str | Scan
        if isinstance(dynamics, Exponentials):
            loop = "states_progression" if dynamics.progression else "states"
            carried = [f"rate_{k}" for k in range(dynamics.states)]
        else:
            loop = Scan(dynamics, parameters)
            carried = loop.names
        moving = [graph.node(parameters[name]) for name in carried]
        states = graph.leaf("states", graph.node(size), *moving, domain=None)
        level.append((states, loop))
        gap = graph.leaf("array", "gap", domain=READS)
        each = [graph.leaf("state", states, k, domain=EVENTS) for k in range(dynamics.states)]
        last = tuple(graph.leaf("take", state, "state", domain=READS) for state in each)
        own = {name: at(READS, "row", value) for name, value in parameters.items()}
        return dynamics.read(graph, last, gap, own)

    return Operations(graph, linear_rows, trace, take, segment_sum, previous)


class ReverseMode:
    """Going backwards: gradients of nodes, and what has to be done with them."""

    def __init__(self, graph: Graph, states: Expression | None) -> None:
        self.graph, self.states = graph, states
        self.passes: dict[str, Pass] = {}
        self.theta: list[tuple[int, Expression]] = []
        self.gathered: dict[str, str] = {}
        self._targets: set[str] = set()
        self._slopes: dict[Expression, Expression] = {}
        self._active: dict[Expression, bool] = {}

    def run(self, slopes: dict[Expression, Expression]) -> None:
        """Propagate the gradients of some nodes to theta."""
        self._slopes |= slopes
        written = sorted(reachable(slopes), key=lambda node: -node.number)
        for node in written:  # the graph grows meanwhile; what is new is not differentiated
            slope = self._slopes.get(node)
            if slope is None or not self.active(node):
                continue
            match node.op:
                case "theta":
                    self.theta.append((node.args[0], slope))
                case "rows":
                    self._pass(node.domain).tables.append((node.args[0], slope))
                case "take":
                    self._scatter(node, slope)
                case "segments":
                    self._spread(node, slope)
                case "previous":
                    share = self.graph.make("where", node.args[1] > 0.0, slope, 0.0)
                    back = self.graph.leaf("following", share, domain=node.domain)
                    self._add(node.args[0], back, node.domain)
                case "state":  # its gradient is gathered; the pullback takes all of them
                    self._slopes[node.args[0]] = slope
                case "states":
                    self._trace(node)
                case _:
                    for argument, share in self.graph.pull(node, slope):
                        self._add(argument, share, node.domain)

    def active(self, node: Expression) -> bool:
        """Whether a node depends on theta."""
        if node not in self._active:
            leaf = node.op in ("theta", "rows")
            depends = leaf or any(self.active(one) for one in node.nodes)
            self._active[node] = depends and node.op != "root"
        return self._active[node]

    def sum_of(self, node: Expression, domain: str) -> Expression:
        """Return the sum of a node's value over a domain's rows."""
        if node.domain is None:
            return node * self.graph.leaf("count", domain, domain=None)
        total = self.graph.leaf("sum", node, domain=None)
        sums = self._pass(domain).sums
        if all(total is not one for one in sums):
            sums.append(total)
        return total

    def forward(self, values: Any) -> list[Pass]:
        """Return the passes that make what the trace, and what takes from the reads, need."""
        passes = {name: Pass(name) for name in (KERNEL, EVENTS)}
        if self.states is not None:
            size, *rates = self.states.args
            passes[EVENTS].stores.append(("size[{r}]", size))
            for k, rate in enumerate(rates):
                if rate.domain == KERNEL:
                    passes[KERNEL].stores.append((f"rate[{{r}}, {k}]", rate))
        taken = {n.args[0] for n in reachable(values) if n.op == "take"}
        for node in sorted(taken, key=lambda one: one.number):
            if node.op not in ("state", "array", "segments"):
                passes[node.domain].stores.append((f"taken{node.number}[{{r}}]", node))
        return [one for one in passes.values() if one.stores]

    def moments(self, values: Any) -> list[Pass]:
        """Return the passes over the moments that make the sums which channels take."""
        passes: dict[str, Pass] = {}
        segments = {node for node in reachable(values) if node.op == "segments"}
        for node in sorted(segments, key=lambda one: one.number):
            (summed, index), name = node.args, f"sum{node.number}"
            self.gathered[name] = node.domain
            one = passes.setdefault(summed.domain, Pass(summed.domain))
            one.scatters.append((name, index, summed))
        return list(passes.values())

    def _pass(self, domain: str) -> Pass:
        return self.passes.setdefault(domain, Pass(domain))

    def _add(self, node: Expression, share: Expression, domain: str | None) -> None:
        if node.constant is not None or not self.active(node) or share.constant == 0.0:
            return
        if node.domain is None and domain is not None:
            share = self.sum_of(share, domain)
        known = self._slopes.get(node)
        self._slopes[node] = share if known is None else known + share

    def _scatter(self, node: Expression, slope: Expression) -> None:
        values, index = node.args
        of_state = values.op == "state"
        name = f"by_state_{values.args[1]}" if of_state else f"by_taken{values.number}"
        if name not in self._targets:
            self._targets.add(name)
            if not of_state:
                self.gathered[name] = values.domain
            self._add(values, self.graph.leaf("array", name, domain=values.domain), values.domain)
        self._pass(node.domain).scatters.append((name, index, slope))

    def _spread(self, node: Expression, slope: Expression) -> None:
        """Take a row's gradient back to each of its moments."""
        (values, index), name = node.args, f"by_sum{node.number}"
        if node.domain == READS:  # gathered from the rows that read it
            of_row = slope
        else:
            self._pass(node.domain).stores.append((f"{name}[{{r}}]", slope))
            of_row = self.graph.leaf("array", name, domain=node.domain)
        share = self.graph.leaf("take", of_row, index, domain=values.domain)
        self._add(values, share, values.domain)

    def _trace(self, node: Expression) -> None:
        size, *rates = node.args
        self._add(size, self.graph.leaf("array", "by_size", domain=EVENTS), EVENTS)
        for k, rate in enumerate(rates):
            varies = rate.domain is not None
            op, name = (
                ("array", f"by_rate[{{r}}, {k}]") if varies else ("value", f"by_rate[0, {k}]")
            )
            self._add(rate, self.graph.leaf(op, name, domain=rate.domain), rate.domain)

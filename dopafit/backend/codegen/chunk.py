"""Write a pass over the rows of a domain, chunk by chunk.

Where rows take something of the row before (`previous`), a chunk begins as many rows early as rows
look back. These rows add nothing of their own (`own`), but receive the gradient that the chunk's
own rows send back; what they took themselves is carried over from the chunk before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dopafit.backend.codegen.expression import Expression
from dopafit.backend.codegen.plan import Pass
from dopafit.backend.codegen.runtime import CHUNK, STRIDE
from dopafit.backend.codegen.step import identifier
from dopafit.backend.operations import OPERATIONS
from dopafit.core.errors import SpecError

__all__ = ["Chunk", "leaf", "own_nodes"]


class Chunk:
    """The body of a pass."""

    def __init__(self, writer: Any, one: Pass, nodes: list[Expression], *, short: bool) -> None:
        self.writer, self.one, self.nodes, self.short = writer, one, nodes, short
        self.back = looked_back(nodes, one.domain)
        self.slot: dict[Expression, int] = {}
        self.taken: dict[str, list[Expression]] = {}
        self.part = self._parts()

    def _parts(self) -> dict[Expression, int]:
        """Return after how many separate functions each node can be computed."""
        part: dict[Expression, int] = {}
        for node in self.nodes:
            if leaf(node):
                part[node] = 0
            else:
                inner = [n for n in node.nodes if n in part]
                step = not self.short
                part[node] = max((part[n] + step * _alone(n) for n in inner), default=0)
        return part

    def loop(self) -> None:
        """Write the loop over the chunks."""
        put, length = self.writer.put, self.writer.length(self.one.domain)
        carried = [node for node in self.nodes if node.op == "previous"]
        if self.back:
            put("last = 0")
        for node in carried:
            put(f"before{node.number} = 0.0")
        put(f"for {'begin' if self.back else 'c'} in range(0, {length}, CHUNK):")
        self.writer.indent += 1
        if self.back:
            put(f"back = min(begin, {self.back})")
            put("c = begin - back")
            put(f"m = min(CHUNK, {length} - begin) + back")
        else:
            put(f"m = min(CHUNK, {length} - c)")
        self.write()
        for node in carried:
            value = self.read(node.args[0], at=f"max(m - {self.back + 1}, 0)")
            put(f"before{node.number} = {value}")
        if self.back:
            put("last = m")
        self.writer.indent -= 1

    def place(self, node: Expression) -> str:
        """Return a node's slot of the scratch memory, as an offset; given out on demand."""
        slot = self.slot.setdefault(node, len(self.slot))
        self.writer.slots = max(self.writer.slots, len(self.slot))
        return f"{slot} * STRIDE"

    def write(self) -> None:
        """Write gathering, arithmetic and what leaves the chunk."""
        put = self.writer.put
        for node in self.nodes:
            if node.op == "array" and "{r}" not in node.args[0]:
                # a part of its own: an index from 0 up needs no check for negative ones
                name = identifier(node.args[0])
                put(f"{name}_ = {name}[c : c + m]")
            elif node.op == "segments":
                put(f"sum{node.number}_ = sum{node.number}[c : c + m]")
            elif node.op == "take":
                self.taken.setdefault(node.args[1], []).append(node)
            elif node.op == "rows":
                if self.back:
                    put("for i in range(back):")
                    put(f"    w[{self.place(node)} + i] = w[{self.place(node)} + last - back + i]")
                put(f"rows(w, {', '.join(self.own_rows(node))}, {_table(node.args[0], '')})")
        for index, nodes in self.taken.items():
            put("for i in range(m):")
            put(f"    r = {identifier(index)}[c + i]")
            for node in nodes:
                values = node.args[0]
                source = {
                    "state": f"state_{values.args[-1]}",
                    "array": values.args[0],
                    "segments": f"sum{values.number}",
                }.get(values.op, f"taken{values.number}")
                put(f"    w[{self.place(node)} + i] = {source}[r]")
        ends = set(self.one.leaving)
        last = max(self.part.values(), default=0)
        for part in range(last + 1):
            here = [n for n in self.nodes if not leaf(n) and self.part[n] == part]
            alone = {n: None for n in here if _alone(n) and not self.short}
            fast = [n for n in here if n not in alone]
            keep = [n for n in fast if n in ends or self._later(n, part)]
            # each sum where its value is made, and nowhere else
            sums = [n for n in self.one.sums if self.part[n.args[0]] == part]
            self._loop(fast, keep, [n for n in sums if n.args[0] not in alone])
            for node in alone:
                own_sums = [n for n in sums if n.args[0] is node]
                if node.op in ("previous", "following"):
                    self._shift(node)
                    self._loop([], [], own_sums)
                else:
                    self._loop([node], [node], own_sums)
        copied = [n for n in ends if n.domain is None or n.op in ("array", "segments")]
        for node in dict.fromkeys(copied):
            put("for i in range(m):")
            put(f"    w[{self.place(node)} + i] = {self.read(node, set())}")
        self._leave()

    def _later(self, node: Expression, part: int) -> bool:
        users = [n for n in self.nodes if node in set(n.nodes) and not leaf(n)]
        return any(self.part[n] > part or (_alone(n) and not self.short) for n in users)

    def own_rows(self, node: Expression) -> tuple[str, str, str]:
        """Return where the chunk's own rows begin, in scratch and in their table, and how many."""
        if self.back:
            return f"{self.place(node)} + back", "begin", "m - back"
        return self.place(node), "c", "m"

    def read(self, node: Expression, local: Iterable[Expression] = (), at: str = "i") -> str:
        """Return a node's text inside a loop over the chunk's rows."""
        if node.domain is None:
            return self.writer.scalar(node)
        if node in local:
            return f"v{node.number}"
        if node.op == "own":
            return f"({at} >= back)"
        if node.op == "segments":
            return f"sum{node.number}_[{at}]"
        if node.op == "array":
            name = node.args[0]
            return name.format(r=f"c + {at}") if "{r}" in name else f"{identifier(name)}_[{at}]"
        return f"w[{self.place(node)} + {at}]"

    def _shift(self, node: Expression) -> None:
        """Write what a row takes of the row before, or receives from the one after."""
        put, values, target = self.writer.put, node.args[0], f"w[{self.place(node)} + i]"
        if node.op == "following":
            put("for i in range(m - 1):")
            put(f"    {target} = {self.read(values, at='i + 1')}")
            put(f"{self.read(node, at='m - 1')} = 0.0")
            return
        first, follows = (self.read(node.args[1], at=at) for at in ("0", "i"))
        put(f"{self.read(node, at='0')} = before{node.number} if {first} > 0.0 else 0.0")
        put("for i in range(1, m):")
        put(f"    {target} = {self.read(values, at='i - 1')} if {follows} > 0.0 else 0.0")

    def _loop(
        self, nodes: list[Expression], keep: list[Expression], sums: list[Expression]
    ) -> None:
        if not (nodes or sums):
            return
        put, local = self.writer.put, set()
        put("for i in range(m):")
        for node in nodes:
            parts = [self.read(one, local) for one in node.nodes]
            text = self.writer.text(node, parts, once=self.short)
            put(f"    v{node.number} = {text}")
            local.add(node)
        for node in keep:
            put(f"    w[{self.place(node)} + i] = v{node.number}")
        for node in sums:
            value = self.read(node.args[0], local)
            put(f"    s{node.number} = plus(s{node.number}, {value})")

    def _leave(self) -> None:
        put = self.writer.put
        for text, node in self.one.stores:
            name, _, rest = text.partition("[{r}")
            if rest == "]":
                at, *own = self.own_rows(node)
                put(f"keep(w, {at}, {name}, {', '.join(own)})")
                if self.back and name.startswith("by_"):
                    put("for i in range(back):")
                    put(f"    {name}[c + i] += {self.read(node)}")
            else:
                put("for i in range(m):")
                put(f"    {text.format(r='c + i')} = w[{self.place(node)} + i]")
        for index in dict.fromkeys(index for _, index, _ in self.one.scatters):
            put("for i in range(m):")
            put(f"    r = {identifier(index)}[c + i]")
            for target, its, node in self.one.scatters:
                if its == index:
                    put(f"    {target}[r] += w[{self.place(node)} + i]")
        for name, node in self.one.tables:
            put(f"rows_back(w, {', '.join(self.own_rows(node))}, {_table(name, 'by_')})")
            if self.back:
                put(f"ends_back(w, {self.place(node)}, c, back, {_table(name, 'by_')})")


def _table(name: str, by: str) -> str:
    parts = ("dense", f"{by}own", "start", "run", "first_run", f"{by}runs")
    return ", ".join(
        f"{p}_{name}" if p.startswith((f"{by}own", f"{by}runs")) else f"{name}_{p}" for p in parts
    )


def leaf(node: Expression) -> bool:
    """Whether a node is read as it is, not worked out in the loops over the rows."""
    leaves = ("array", "take", "rows", "state", "segments", "own")
    return node.op in leaves or node.domain is None


def _alone(node: Expression) -> bool:
    own_loop = node.op in ("root", "previous", "following")
    return own_loop or (node.op in OPERATIONS and OPERATIONS[node.op].alone)


def looked_back(nodes: list[Expression], domain: str) -> int:
    """Return how many rows before its own a row's value depends on."""
    depth: dict[Expression, int] = {}
    for node in nodes:
        deepest = max((depth.get(part, 0) for part in node.nodes), default=0)
        depth[node] = deepest + (node.op == "previous")
    found, most = max(depth.values(), default=0), STRIDE - CHUNK
    if found > most:
        raise SpecError(
            f"the likelihood of {domain} looks back over {found} rows",
            allowed=f"previous within previous up to {most} times",
            todo="look back over fewer rows",
        )
    return found


def own_nodes(values: Iterable[Expression], domain: str) -> list[Expression]:
    """Return the nodes of a domain that values are made from, arguments first."""
    found: set[Expression] = set()
    stack = [n for n in values if n.domain == domain]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            if not leaf(node):
                stack.extend(n for n in node.nodes if n.domain == domain)
    return sorted(found, key=lambda one: one.number)

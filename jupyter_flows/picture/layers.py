"""Which layer each vertex of a graph stands in, and the invisible vertices that carry long edges across layers.

Vertices are numbered from 0; a layer is a column (or a row) of the picture.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

Edges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Layered:
    """A graph whose every link joins neighbouring layers.

    The first `real` vertices are the caller's; the others are bends. `chains` holds, per edge, its vertices in order.
    """

    real: int
    layer: list[int]
    up: list[list[int]]
    down: list[list[int]]
    chains: list[list[int]]

    @property
    def layers(self) -> list[list[int]]:
        """The vertices of each layer, in the order they were made."""
        out: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for vertex, layer in enumerate(self.layer):
            out[layer].append(vertex)
        return out


def neighbours(count: int, edges: Edges) -> tuple[list[list[int]], list[list[int]]]:
    """Who comes before, and who after, each vertex."""
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        down[a].append(b)
        up[b].append(a)
    return up, down


def forward(count: int, edges: Edges) -> list[tuple[int, int]]:
    """The edges with those that close a cycle turned round, so that a faulty flow can be drawn too."""
    _, down = neighbours(count, edges)
    place = {v: i for i, v in enumerate(_finish_order(count, down))}
    return [(a, b) if place[a] > place[b] else (b, a) for a, b in edges if a != b]


def _finish_order(count: int, down: list[list[int]]) -> list[int]:
    """Depth-first finishing order: in a graph without cycles, downstreams come first."""
    seen = [False] * count
    out: list[int] = []
    for root in range(count):
        todo = [] if seen[root] else [(root, iter(down[root]))]
        seen[root] = True
        while todo:
            vertex, rest = todo[-1]
            fresh = next((w for w in rest if not seen[w]), None)
            if fresh is None:
                out.append(vertex)
                todo.pop()
            else:
                seen[fresh] = True
                todo.append((fresh, iter(down[fresh])))
    return out


def rank(count: int, edges: Edges) -> list[int]:
    """The layer of each vertex: as early as its upstreams allow, but beside its first downstream when that is free."""
    up, down = neighbours(count, edges)
    order = _finish_order(count, down)
    layer = [0] * count
    for v in reversed(order):
        for w in down[v]:
            layer[w] = max(layer[w], layer[v] + 1)
    for v in order:
        if down[v] and len(down[v]) >= len(up[v]):
            layer[v] = max(layer[v], min(layer[w] for w in down[v]) - 1)
    return layer


def layered(count: int, edges: Edges, *, first: Collection[int] = (), last: Collection[int] = ()) -> Layered:
    """`edges` (without cycles) spread over layers, long ones cut into links by bends.

    Vertices in `first` get a layer before all others, those in `last` one after all others.
    """
    layer = _pinned(rank(count, edges), first, last)
    chains: list[list[int]] = []
    for a, b in edges:
        bends = range(len(layer), len(layer) + layer[b] - layer[a] - 1)
        layer.extend(range(layer[a] + 1, layer[b]))
        chains.append([a, *bends, b])
    links = [link for chain in chains for link in pairwise(chain)]
    up, down = neighbours(len(layer), links)
    return Layered(count, layer, up, down, chains)


def _pinned(layer: list[int], first: Collection[int], last: Collection[int]) -> list[int]:
    """`layer` with the pinned vertices moved before and after all others; the lowest layer is 0."""
    inner = [y for v, y in enumerate(layer) if v not in first and v not in last]
    low, high = min(inner, default=0) - bool(first), max(inner, default=0) + 1
    return [(low if v in first else high if v in last else y) - low for v, y in enumerate(layer)]

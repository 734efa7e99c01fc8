"""The order within each layer: few crossings, and the same answer every time."""

from __future__ import annotations

from itertools import pairwise

from jupyter_flows.picture.layers import Layered

_SWEEPS = 24
_PATIENCE = 5
Layers = list[list[int]]


def ordered(graph: Layered) -> Layers:
    """The layers of `graph`, ordered."""
    layers = _first_order(graph)
    best, fewest, stale = layers, crossings(graph, layers), 0
    for sweep in range(_SWEEPS):
        if not fewest or stale > _PATIENCE:
            break
        layers = _sweep(graph, layers, downwards=sweep % 2 == 0)
        count = crossings(graph, layers)
        stale += 1
        if count < fewest:
            best, fewest, stale = layers, count, 0
    return best


def crossings(graph: Layered, layers: Layers) -> int:
    """How many pairs of links cross, summed over neighbouring layers (by a Fenwick tree: n log n)."""
    return sum(_inversions(_ends(graph, here, there), len(there)) for here, there in pairwise(layers))


def _ends(graph: Layered, here: list[int], there: list[int]) -> list[int]:
    place = {v: i for i, v in enumerate(there)}
    return [end for v in here for end in sorted(place[w] for w in graph.down[v])]


def _inversions(ends: list[int], size: int) -> int:
    tree = [0] * (size + 1)
    total = 0
    for seen, end in enumerate(ends):
        not_after, i = 0, end + 1
        while i:
            not_after += tree[i]
            i &= i - 1
        total += seen - not_after
        i = end + 1
        while i <= size:
            tree[i] += 1
            i += i & -i
    return total


def _first_order(graph: Layered) -> Layers:
    """Depth first from the sources: a chain keeps its lane."""
    layers: Layers = [[] for _ in range(max(graph.layer, default=-1) + 1)]
    seen: set[int] = set()
    for source in sorted(range(graph.real), key=lambda v: (graph.layer[v], v)):
        todo = [source]
        while todo:
            v = todo.pop()
            if v not in seen:
                seen.add(v)
                layers[graph.layer[v]].append(v)
                todo.extend(reversed(graph.down[v]))
    return layers


def _sweep(graph: Layered, layers: Layers, *, downwards: bool) -> Layers:
    """Each layer sorted by the mean place of its neighbours in the layer before (or after)."""
    out = [list(layer) for layer in layers]
    towards = graph.up if downwards else graph.down
    walk = range(1, len(out)) if downwards else range(len(out) - 2, -1, -1)
    for i in walk:
        place = {v: float(k) for k, v in enumerate(out[i - 1 if downwards else i + 1])}
        want = {v: _mean([place[w] for w in towards[v]], float(k)) for k, v in enumerate(out[i])}
        out[i].sort(key=want.__getitem__)
    return out


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise

"""Where the vertices of an ordered layer stand across it: near their neighbours, never closer than allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from jupyter_flows.picture.layers import Layered

_ROUNDS, _ROUNDS_OF_LARGE, _LARGE = 24, 14, 600
_LAST_ROUNDS = 4
_BEND_WEIGHT = 8.0

Separation = Callable[[int, int], float]
"""The least distance between the centres of two vertices that stand side by side."""


def across(graph: Layered, layers: Sequence[list[int]], separation: Separation) -> list[float]:
    """The coordinate of every vertex; the smallest is near 0. Long edges are held straighter than short ones."""
    at = _stacked(len(graph.layer), layers, separation)
    rounds = _ROUNDS if len(at) < _LARGE else _ROUNDS_OF_LARGE
    for round_ in range(rounds):
        downwards = round_ % 2 == 0
        both = round_ >= rounds - _LAST_ROUNDS
        for layer in layers if downwards else reversed(layers):
            want, weight = zip(*(_wish(graph, v, at, downwards=downwards, both=both) for v in layer), strict=True)
            for v, y in zip(layer, spread(layer, want, weight, separation), strict=True):
                at[v] = y
    return straightened(graph, layers, at, separation)


def straightened(graph: Layered, layers: Sequence[list[int]], at: list[float], separation: Separation) -> list[float]:
    """`at` with the bends of each long edge on as few levels as their neighbours in the layers leave room for."""
    out = list(at)
    beside = {v: (a, b) for layer in layers for a, v, b in zip([-1, *layer], layer, [*layer[1:], -1], strict=False)}
    for chain in graph.chains:
        bends = chain[1:-1]
        while bends:
            level, count = _level(bends, out, beside, separation, towards=out[chain[-1]])
            for bend in bends[:count]:
                out[bend] = level
            bends = bends[count:]
    return out


def _level(
    bends: Sequence[int],
    at: list[float],
    beside: dict[int, tuple[int, int]],
    separation: Separation,
    *,
    towards: float,
) -> tuple[float, int]:
    """One level for as many of the first `bends` as can share it, and how many those are."""
    low, high, count = float("-inf"), float("inf"), 0
    for bend in bends:
        before, after = beside[bend]
        floor = at[before] + separation(before, bend) if before >= 0 else float("-inf")
        roof = at[after] - separation(bend, after) if after >= 0 else float("inf")
        if count and max(low, floor) > min(high, roof):
            break
        low, high, count = max(low, floor), min(high, roof), count + 1
    wish = towards if count == len(bends) else at[bends[0]]
    return max(low, min(wish, high)) if low <= high else at[bends[0]], count


def spread(layer: Sequence[int], want: Sequence[float], weight: Sequence[float], separation: Separation) -> list[float]:
    """The places closest to `want` (weighted least squares) that keep the order and the distances of `layer`.

    Isotonic regression on targets from which the packed positions are taken off: pool adjacent violators.
    """
    packed = [0.0]
    for a, b in pairwise(layer):
        packed.append(packed[-1] + separation(a, b))
    pools: list[list[float]] = []  # [sum of weighted wishes, sum of weights, members]
    for wish, w, base in zip(want, weight, packed, strict=True):
        pools.append([(wish - base) * w, w, 1])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    shifts = [total / w for total, w, members in pools for _ in range(int(members))]
    return [shift + base for shift, base in zip(shifts, packed, strict=True)]


def _stacked(count: int, layers: Sequence[list[int]], separation: Separation) -> list[float]:
    at = [0.0] * count
    for layer in layers:
        for a, b in pairwise(layer):
            at[b] = at[a] + separation(a, b)
    return at


def _wish(graph: Layered, v: int, at: list[float], *, downwards: bool, both: bool) -> tuple[float, float]:
    before, after = (graph.up[v], graph.down[v]) if downwards else (graph.down[v], graph.up[v])
    near = (before + after) if both else (before or after)
    weight = float(len(near) + 1) + (_BEND_WEIGHT - 1 if v >= graph.real else 0.0)
    return (sum(at[w] for w in near) / len(near) if near else at[v]), weight

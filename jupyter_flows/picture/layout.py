"""Boxes and arrows to coordinates. Done once, here; every screen only draws.

The built-in layout is layered (Sugiyama's steps), deterministic, and needs nothing but Python.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from jupyter_flows.picture.coordinates import across
from jupyter_flows.picture.crossings import ordered
from jupyter_flows.picture.layers import Edges, Layered, forward, layered

Point = tuple[float, float]

RIGHT = "right"
DOWN = "down"


@dataclass(frozen=True, slots=True)
class Box:
    """What is to be placed: its size, and the group whose members stay together."""

    width: float
    height: float
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The box around a group."""

    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placed:
    """Where it all went: the centre of each box, the points of each edge, and the whole size (from 0, 0).

    The points of an edge come in pairs: it curves from the first to the second of a pair and runs straight between.
    `frames` surround the groups that could be kept together.
    """

    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    frames: tuple[Frame, ...] = ()


class Layout(Protocol):
    """Places boxes. The same boxes and edges give the same picture, in every process."""

    def __call__(self, boxes: Sequence[Box], edges: Edges, *, direction: str = RIGHT) -> Placed:
        """Centres and routes; `edges` are pairs of indices into `boxes` and may hold cycles."""


@dataclass(frozen=True, slots=True)
class Spacing:
    """Room between boxes of one layer, between layers, between parts, and for an edge that passes by."""

    between: float = 14
    layers: float = 56
    parts: float = 26
    bend: float = 6


def flat_layout(
    boxes: Sequence[Box], edges: Edges, direction: str, spacing: Spacing, rooms: Sequence[float] = ()
) -> Placed:
    """Each connected part in layers, one below the other, lonely boxes in rows at the end. Groups do not matter.

    `rooms` says, for each edge, how far apart the layers must stand that it joins: its name may need more than usual.
    """
    rooms = rooms or [0.0] * len(edges)
    parts = [
        _part(boxes, edges, part, direction, spacing, rooms) for part in components(len(boxes), edges) if len(part) > 1
    ]
    lonely = [part[0] for part in components(len(boxes), edges) if len(part) == 1]
    if lonely:
        parts.append(_rows(boxes, lonely, max((p.width for _, p in parts), default=0.0), spacing))
    return _stack(len(boxes), edges, parts, spacing)


def components(count: int, edges: Edges) -> list[list[int]]:
    """The connected parts, each sorted; the part of the lowest vertex first."""
    parent = list(range(count))

    def root(v: int) -> int:
        while parent[v] != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    for a, b in edges:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    parts: dict[int, list[int]] = {}
    for v in range(count):
        parts.setdefault(root(v), []).append(v)
    return list(parts.values())


Part = tuple[list[int], Placed]
"""Which boxes, and where they went; routes are those of the edges among them, in their order."""


def _part(
    boxes: Sequence[Box], edges: Edges, part: list[int], direction: str, spacing: Spacing, rooms: Sequence[float]
) -> Part:
    index = {v: i for i, v in enumerate(part)}
    mine = [boxes[v] for v in part]
    inside = [(index[a], index[b]) for a, b in edges if a in index]
    room = [r for (a, _), r in zip(edges, rooms, strict=True) if a in index]
    return part, layered_part(mine, inside, direction, spacing, rooms=room)


def layered_part(
    boxes: Sequence[Box],
    edges: Edges,
    direction: str,
    spacing: Spacing,
    *,
    rooms: Sequence[float] = (),
    first: Collection[int] = (),
    last: Collection[int] = (),
) -> Placed:
    """One part in layers; boxes in `first` and `last` form the outermost ones. `along` runs with the arrows."""
    down = direction == DOWN
    along = [b.height if down else b.width for b in boxes]
    side = [b.width if down else b.height for b in boxes]
    proper = forward(len(boxes), edges)
    graph = layered(len(boxes), proper, first=first, last=last)
    layers = ordered(graph)
    sizes = side + [spacing.bend] * (len(graph.layer) - graph.real)

    def separation(a: int, b: int) -> float:
        return (sizes[a] + sizes[b]) / 2 + spacing.between

    at = across(graph, layers, separation)
    lowest = min(at[v] - sizes[v] / 2 for v in range(len(at)))
    at = [y - lowest for y in at]
    thick = [max((along[v] for v in layer if v < graph.real), default=0.0) for layer in layers]
    gaps = _gaps(graph, edges, rooms, spacing.layers, len(thick))
    middles = [sum(thick[:i]) + thick[i] / 2 + sum(gaps[:i]) for i in range(len(thick))]

    def point(x: float, y: float) -> Point:
        return (y, x) if down else (x, y)

    def route(chain: list[int]) -> list[Point]:
        first, last = chain[0], chain[-1]
        points = [point(middles[graph.layer[first]] + along[first] / 2, at[first])]
        for bend in chain[1:-1]:
            layer = graph.layer[bend]
            points += [
                point(middles[layer] - thick[layer] / 2, at[bend]),
                point(middles[layer] + thick[layer] / 2, at[bend]),
            ]
        return [*points, point(middles[graph.layer[last]] - along[last] / 2, at[last])]

    routes = iter(graph.chains)
    drawn = [_as_given(edge, route(next(routes)), proper) if edge[0] != edge[1] else [] for edge in edges]
    centres = tuple(point(middles[graph.layer[v]], at[v]) for v in range(len(boxes)))
    whole = point(sum(thick) + sum(gaps), max(at[v] + sizes[v] / 2 for v in range(len(at))))
    return Placed(centres, tuple(tuple(r) for r in drawn), *whole)


def _gaps(graph: Layered, edges: Edges, rooms: Sequence[float], least: float, count: int) -> list[float]:
    """The distance after each layer but the last; an edge over several layers finds its room on the way."""
    gaps = [least] * max(count - 1, 0)
    for (a, b), room in zip(edges, rooms, strict=False):
        low, high = sorted((graph.layer[a], graph.layer[b]))
        if high == low + 1:
            gaps[low] = max(gaps[low], room)
    return gaps


def _as_given(edge: tuple[int, int], points: list[Point], proper: Edges) -> list[Point]:
    """The route in the edge's own direction: one that closes a cycle was laid out the other way round."""
    return points if edge in proper else points[::-1]


def _rows(boxes: Sequence[Box], lonely: list[int], width: float, spacing: Spacing) -> Part:
    """Boxes without edges, in rows as wide as the picture (or as a square of them)."""
    step = max(boxes[v].width for v in lonely) + spacing.parts
    tall = max(boxes[v].height for v in lonely) + spacing.between
    columns = max(int((width + spacing.parts) // step), round(len(lonely) ** 0.5), 1)
    columns = min(columns, len(lonely))
    centres = tuple(
        ((i % columns) * step + (step - spacing.parts) / 2, (i // columns) * tall + (tall - spacing.between) / 2)
        for i in range(len(lonely))
    )
    rows = -(-len(lonely) // columns)
    return lonely, Placed(centres, (), columns * step - spacing.parts, rows * tall - spacing.between)


def _stack(count: int, edges: Edges, parts: list[Part], spacing: Spacing) -> Placed:
    """The parts one below the other, in one system of coordinates."""
    centres: list[Point] = [(0.0, 0.0)] * count
    routes: dict[int, tuple[Point, ...]] = {}
    top = 0.0
    for vertices, placed in parts:
        members = set(vertices)
        mine = [i for i, (a, _) in enumerate(edges) if a in members] if placed.routes else []
        for v, (x, y) in zip(vertices, placed.centres, strict=True):
            centres[v] = (x, y + top)
        for i, points in zip(mine, placed.routes, strict=True):
            routes[i] = tuple((x, y + top) for x, y in points)
        top += placed.height + spacing.parts
    width = max((p.width for _, p in parts), default=0.0)
    return Placed(
        tuple(centres), tuple(routes.get(i, ()) for i in range(len(edges))), width, max(top - spacing.parts, 0.0)
    )

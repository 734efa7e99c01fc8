"""The built-in layout, groups included: each group is laid out by itself, then stands in the whole as one box.

Edges that leave or enter a group pass through a port on its frame; the ports are vertices of the group's own layout, so
its inner boxes make room for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_flows.picture.layers import Edges
from jupyter_flows.picture.layout import RIGHT, Box, Frame, Placed, Point, Spacing, flat_layout, layered_part

_PAD = 12.0
_TITLE = 22.0


@dataclass(frozen=True, slots=True)
class Inner:
    """A group laid out by itself. `entries` and `exits` are its ports by member; `routes` include those to ports."""

    name: str
    members: list[int]
    placed: Placed
    routes: dict[tuple[int, int], tuple[Point, ...]]
    entries: dict[int, tuple[Point, ...]]
    exits: dict[int, tuple[Point, ...]]

    @property
    def box(self) -> Box:
        """What the whole layout places for it."""
        return Box(self.placed.width + 2 * _PAD, self.placed.height + _TITLE + _PAD)


def layered_layout(
    boxes: Sequence[Box],
    edges: Edges,
    *,
    direction: str = RIGHT,
    spacing: Spacing | None = None,
    rooms: Sequence[float] = (),
) -> Placed:
    """Layers, with a frame around each group of two or more boxes that no path leaves and enters again.

    `rooms` as in `flat_layout`; inside a frame it does not count.
    """
    spacing = spacing or Spacing()
    groups = [members for members in _groups(boxes) if is_convex(members, edges)]
    if not groups:
        return flat_layout(boxes, edges, direction, spacing, rooms)
    inners = [_inner(boxes, edges, members, direction, spacing) for members in groups]
    return _whole(boxes, edges, inners, direction, spacing, rooms or [0.0] * len(edges))


def is_convex(members: Sequence[int], edges: Edges) -> bool:
    """Whether no path leaves `members` and comes back: only then can they be one box."""
    inside = set(members)
    after: dict[int, list[int]] = {}
    for a, b in edges:
        after.setdefault(a, []).append(b)
    todo = [b for m in members for b in after.get(m, ()) if b not in inside]
    seen: set[int] = set()
    while todo:
        here = todo.pop()
        if here in inside:
            return False
        if here not in seen:
            seen.add(here)
            todo.extend(after.get(here, ()))
    return True


def _groups(boxes: Sequence[Box]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, box in enumerate(boxes):
        if box.group is not None:
            groups.setdefault(box.group, []).append(i)
    return [members for members in groups.values() if len(members) > 1]


def _inner(boxes: Sequence[Box], edges: Edges, members: list[int], direction: str, spacing: Spacing) -> Inner:
    inside = {v: i for i, v in enumerate(members)}
    own = [(a, b) for a, b in edges if a in inside and b in inside]
    entering = list(dict.fromkeys(b for a, b in edges if b in inside and a not in inside))
    leaving = list(dict.fromkeys(a for a, b in edges if a in inside and b not in inside))
    port = Box(0, spacing.bend) if direction == RIGHT else Box(spacing.bend, 0)
    entry = {v: len(members) + i for i, v in enumerate(entering)}
    exit_ = {v: len(members) + len(entering) + i for i, v in enumerate(leaving)}
    pairs = [(inside[a], inside[b]) for a, b in own]
    pairs += [(entry[v], inside[v]) for v in entering] + [(inside[v], exit_[v]) for v in leaving]
    drawn = [boxes[v] for v in members] + [port] * (len(entering) + len(leaving))
    tight = Spacing(spacing.between, spacing.layers * 0.6, spacing.parts, spacing.bend)
    placed = layered_part(drawn, pairs, direction, tight, first=set(entry.values()), last=set(exit_.values()))
    routes = iter(placed.routes)
    return Inner(
        boxes[members[0]].group or "",
        members,
        placed,
        {edge: next(routes) for edge in own},
        {v: next(routes) for v in entering},
        {v: next(routes) for v in leaving},
    )


def _whole(
    boxes: Sequence[Box],
    edges: Edges,
    inners: list[Inner],
    direction: str,
    spacing: Spacing,
    rooms: Sequence[float],
) -> Placed:
    """The groups as boxes among the others, then their insides put back."""
    home = {v: inner for inner in inners for v in inner.members}
    free = [v for v in range(len(boxes)) if v not in home]
    number = {v: i for i, v in enumerate(free)} | {
        v: len(free) + i for i, inner in enumerate(inners) for v in inner.members
    }
    between = [edge for edge in edges if number[edge[0]] != number[edge[1]]]
    outer = flat_layout(
        [boxes[v] for v in free] + [inner.box for inner in inners],
        [(number[a], number[b]) for a, b in between],
        direction,
        spacing,
        [room for edge, room in zip(edges, rooms, strict=True) if number[edge[0]] != number[edge[1]]],
    )
    frames = [_frame(inner, outer.centres[len(free) + i]) for i, inner in enumerate(inners)]
    origin = {v: (f.x + _PAD, f.y + _TITLE) for inner, f in zip(inners, frames, strict=True) for v in inner.members}
    centres = [outer.centres[number[v]] for v in range(len(boxes))]
    for inner in inners:
        for v, centre in zip(inner.members, inner.placed.centres, strict=False):
            centres[v] = _moved([centre], origin[v])[0]
    outside = dict(zip(between, outer.routes, strict=True))
    routes = [
        _joined(edge, outside[edge], home, origin, direction)
        if edge in outside
        else _moved(home[edge[0]].routes.get(edge, ()), origin[edge[0]])
        if edge[0] in home
        else ()
        for edge in edges
    ]
    return Placed(tuple(centres), tuple(tuple(r) for r in routes), outer.width, outer.height, tuple(frames))


def _frame(inner: Inner, centre: Point) -> Frame:
    box = inner.box
    return Frame(inner.name, centre[0] - box.width / 2, centre[1] - box.height / 2, box.width, box.height)


def _joined(
    edge: tuple[int, int],
    points: Sequence[Point],
    home: dict[int, Inner],
    origin: dict[int, Point],
    direction: str,
) -> list[Point]:
    """The way from box to port, from frame to frame, and from port to box; the frames are met at the ports' height."""
    a, b = edge
    start = _moved(home[a].exits[a], origin[a]) if a in home else []
    end = _moved(home[b].entries[b], origin[b]) if b in home else []
    middle = list(points)
    if start:
        middle[0] = _level_with(middle[0], start[-1], direction)
    if end:
        middle[-1] = _level_with(middle[-1], end[0], direction)
    return [*start, *middle, *end]


def _level_with(point: Point, port: Point, direction: str) -> Point:
    return (point[0], port[1]) if direction == RIGHT else (port[0], point[1])


def _moved(points: Sequence[Point], by: Point) -> list[Point]:
    return [(x + by[0], y + by[1]) for x, y in points]

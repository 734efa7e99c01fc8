"""A picture before it is drawn: which nodes, where, joined how. It knows no states, so it changes only with the flow.

The same scene feeds the static SVG and, as JSON, the widget and the notebook renderer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jupyter_flows.picture.folding import Knot, Links, folded, knots
from jupyter_flows.picture.groups import layered_layout
from jupyter_flows.picture.labels import LabelPlace, Rectangle, label_places
from jupyter_flows.picture.layout import DOWN, RIGHT, Box, Frame, Layout, Placed, Point, Spacing
from jupyter_flows.picture.words import shortened, text_width

ROOMY, DENSE = 40.0, 28.0
"""Heights of a node: with a second line, and without."""

_FEW, _AIRY_UP_TO = 6, 12
_DENSE_FROM = 60
_LEAST, _LEAST_NAMED, _LEAST_DENSE = 128.0, 92.0, 72.0
"""How wide a node is at least: one of a run says below its name how it stands."""
_WIDEST = 1400.0
_NARROW = 760.0
_NARROW_UP_TO = 60
_LABEL_SIZE, _NAMES_SIZE = 13.0, 10.5
_LABEL_MOST, _NAMES_MOST = 30, 22
_NAMED_EDGES_MOST, _PLACED_NAMES_MOST = 24, 150


@dataclass(frozen=True, slots=True)
class Node:
    """One box: its centre and size, and the tasks it stands for."""

    id: str
    label: str
    kind: str
    members: tuple[str, ...]
    doc: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """One edge: the path it takes, where its head points, and what to say about it.

    Its label stands free where `label_shown`; elsewhere screens show it when one points at the arrow.
    """

    upstream: str
    downstream: str
    kind: str
    names: tuple[str, ...]
    why: str
    path: str
    tip: Point
    label: str
    label_at: Point
    label_shown: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is placed; coordinates start at (0, 0).

    `narrow` is the same graph drawn downwards, for screens on which this one would be too small to read.
    """

    direction: str
    width: float
    height: float
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    frames: tuple[Frame, ...]
    narrow: Scene | None = None

    def to_json(self) -> dict[str, Any]:
        """For the browser's side; numbers have one decimal."""
        return {
            **_rounded(self, "direction", "width", "height"),
            "nodes": [
                _rounded(n, "id", "label", "kind", "members", "doc", "x", "y", "width", "height") for n in self.nodes
            ],
            "arrows": [
                _rounded(a, "upstream", "downstream", "kind", "names", "why", "path", "tip")
                | _rounded(a, "label", "label_at", "label_shown")
                for a in self.arrows
            ],
            "frames": [_rounded(f, "label", "x", "y", "width", "height") for f in self.frames],
            "narrow": self.narrow.to_json() if self.narrow else None,
        }


def graph_of(view: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tasks and edges inside a flow view or a run view; a run view without its graph gets lonely tasks."""
    if view.get("type") == "flow":
        return view
    if view.get("graph"):
        graph: Mapping[str, Any] = view["graph"]
        return graph
    names = dict.fromkeys(t["task_id"] for t in view.get("tasks", ()))
    return {"tasks": [{"id": n} for n in names], "edges": []}


def scene(view: Mapping[str, Any], *, layout: Layout | None = None, direction: str | None = None) -> Scene:
    """The scene of a flow view or run view. `direction` is chosen by the room it takes unless given."""
    graph = graph_of(view)
    edges = {(e["upstream"], e["downstream"]): e for e in graph["edges"]}
    known = {t["id"] for t in graph["tasks"]}
    nodes, links = folded(knots(graph["tasks"]), [(a, b) for a, b in edges if a in known and b in known and a != b])
    named = view.get("type") == "flow" and len(links) <= _NAMED_EDGES_MOST
    if direction is not None:
        return _placed_scene(nodes, links, edges, direction, layout, named)
    right = _placed_scene(nodes, links, edges, RIGHT, layout, named)
    if right.width <= _NARROW:
        return right
    down = _placed_scene(nodes, links, edges, DOWN, layout, named)
    if right.width > _WIDEST and down.width <= max(_WIDEST, right.width / 2):
        return down
    is_worth_it = len(nodes) <= _NARROW_UP_TO and down.width <= right.width * 0.7
    return replace(right, narrow=down) if is_worth_it else right


def _placed_scene(
    nodes: list[Knot],
    links: Links,
    edges: Mapping[tuple[str, str], Mapping[str, Any]],
    direction: str,
    layout: Layout | None,
    named: bool,
) -> Scene:
    height = ROOMY if len(nodes) <= _DENSE_FROM else DENSE
    names = [_names_text(edges.get(link)) for link in links]
    name_widths = [text_width(n, _NAMES_SIZE) if len(links) <= _PLACED_NAMES_MOST else 0.0 for n in names]
    index = {n.id: i for i, n in enumerate(nodes)}
    least = _LEAST_DENSE if height == DENSE else _LEAST_NAMED if named else _LEAST
    boxes = [Box(_node_width(n, least), height, n.group) for n in nodes]
    pairs = [(index[a], index[b]) for a, b in links]
    placed = (
        layout(boxes, pairs, direction=direction)
        if layout
        else _built_in(boxes, pairs, direction, name_widths if named else ())
    )
    widths = _column_widths(boxes, placed.centres) if direction == RIGHT else [b.width for b in boxes]
    routes = [
        _shortened_route(route, (widths[a] - boxes[a].width) / 2, (widths[b] - boxes[b].width) / 2)
        for (a, b), route in zip(pairs, placed.routes, strict=True)
    ]
    drawn = tuple(
        Node(n.id, shortened(n.label, _LABEL_MOST), n.kind, n.members, n.doc, *at, width, height)
        for n, at, width in zip(nodes, placed.centres, widths, strict=True)
    )
    places = label_places(routes, name_widths, [*map(_area, drawn), *map(_title_area, placed.frames)], direction)
    arrows = tuple(
        _arrow(link, edges.get(link), points, direction, name, replace(place, is_free=named and place.is_free))
        for link, points, name, place in zip(links, routes, names, places, strict=True)
        if points
    )
    return Scene(direction, placed.width, placed.height, drawn, arrows, placed.frames)


def _built_in(boxes: list[Box], pairs: list[tuple[int, int]], direction: str, named: Sequence[float]) -> Placed:
    dense = bool(boxes) and boxes[0].height == DENSE
    spacing = Spacing(
        between=8 if dense else 16,
        layers=44 if dense or (direction == DOWN and len(boxes) <= _AIRY_UP_TO) else 38,
        parts=24 if dense else 34,
    )
    around = 28 if len(boxes) <= _FEW else 18
    rooms = [w + around if w and direction == RIGHT else 0.0 for w in named]
    return layered_layout(boxes, pairs, direction=direction, spacing=spacing, rooms=rooms)


def _node_width(node: Knot, least: float) -> float:
    size, around = (12.0, 38) if least == _LEAST_DENSE else (_LABEL_SIZE, 44)
    return round(max(text_width(shortened(node.label, _LABEL_MOST), size) + around, least))


def _column_widths(boxes: Sequence[Box], centres: Sequence[Point]) -> list[float]:
    """Each box as wide as the widest of its column: columns then have straight sides."""
    columns = [(round(x), box.group) for (x, _), box in zip(centres, boxes, strict=True)]
    widest: dict[tuple[int, str | None], float] = {}
    for column, box in zip(columns, boxes, strict=True):
        widest[column] = max(widest.get(column, 0.0), box.width)
    return [widest[column] for column in columns]


def _shortened_route(route: Sequence[Point], first: float, last: float) -> tuple[Point, ...]:
    """`route` with its ends moved inwards, to where the sides of wider boxes are now."""
    if not route:
        return ()
    way = 1 if route[-1][0] >= route[0][0] else -1
    (ax, ay), (bx, by) = route[0], route[-1]
    return ((ax + way * first, ay), *route[1:-1], (bx - way * last, by))


def _area(node: Node) -> Rectangle:
    x, y = node.width / 2, node.height / 2
    return Rectangle(node.x - x - 2, node.y - y - 1, node.x + x + 2, node.y + y + 1)


def _title_area(frame: Frame) -> Rectangle:
    return Rectangle(frame.x, frame.y, frame.x + frame.width, frame.y + 20)


def _names_text(edge: Mapping[str, Any] | None) -> str:
    return shortened(", ".join(edge["names"]), _NAMES_MOST) if edge and edge.get("names") else ""


def _arrow(
    link: tuple[str, str],
    edge: Mapping[str, Any] | None,
    points: Sequence[Point],
    direction: str,
    label: str,
    place: LabelPlace,
) -> Arrow:
    edge = edge or {}
    return Arrow(
        *link,
        edge.get("kind", "explicit"),
        tuple(edge.get("names", ())),
        edge.get("why", ""),
        curve(points, direction),
        points[-1],
        label,
        place.at,
        place.is_free,
    )


def curve(points: Sequence[Point], direction: str = RIGHT) -> str:
    """An SVG path that leaves and enters along `direction`, bending between the points of each pair."""
    out = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for i in range(0, len(points) - 1, 2):
        (x0, y0), (x1, y1) = points[i], points[i + 1]
        if i:
            out.append(f"L{x0:.1f} {y0:.1f}")
        if direction == DOWN:
            middle = (y0 + y1) / 2
            out.append(f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}")
        else:
            middle = (x0 + x1) / 2
            out.append(f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
    return "".join(out)


def _rounded(value: object, *names: str) -> dict[str, Any]:
    return {name: _plain(getattr(value, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 1)
    return [_plain(v) for v in value] if isinstance(value, tuple) else value

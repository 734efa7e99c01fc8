"""A picture before it is drawn: which nodes, where, joined how. It knows no states, so it changes only with the flow.

The same scene feeds the static SVG and, as JSON, the widget and the notebook renderer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_flows.picture.folding import Knot, Links, folded, knots
from jupyter_flows.picture.groups import layered_layout
from jupyter_flows.picture.layout import DOWN, RIGHT, Box, Frame, Layout, Placed, Point, Spacing
from jupyter_flows.picture.words import shortened, text_width

ROOMY, DENSE = 40.0, 28.0
"""Heights of a node: with a second line, and without."""

_AIRY_UP_TO = 12
_DENSE_FROM = 60
_WIDEST = 1250.0
_EVEN_UP_TO = 190.0
_LABEL_SIZE, _NAMES_SIZE = 13.0, 10.5
_LABEL_MOST, _NAMES_MOST = 30, 22
_NAMED_EDGES_MOST = 16


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
    """One edge: the path it takes, where its head points, and what to say about it."""

    upstream: str
    downstream: str
    kind: str
    names: tuple[str, ...]
    why: str
    path: str
    tip: Point
    label: str
    label_at: Point


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is placed; coordinates start at (0, 0)."""

    direction: str
    width: float
    height: float
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    frames: tuple[Frame, ...]

    def to_json(self) -> dict[str, Any]:
        """For the browser's side; numbers have one decimal."""
        return {
            **_rounded(self, "direction", "width", "height"),
            "nodes": [
                _rounded(n, "id", "label", "kind", "members", "doc", "x", "y", "width", "height") for n in self.nodes
            ],
            "arrows": [
                _rounded(a, "upstream", "downstream", "kind", "names", "why", "path", "tip", "label", "label_at")
                for a in self.arrows
            ],
            "frames": [_rounded(f, "label", "x", "y", "width", "height") for f in self.frames],
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
    if right.width <= _WIDEST:
        return right
    down = _placed_scene(nodes, links, edges, DOWN, layout, named)
    return down if down.width <= max(_WIDEST, right.width / 2) else right


def _placed_scene(
    nodes: list[Knot],
    links: Links,
    edges: Mapping[tuple[str, str], Mapping[str, Any]],
    direction: str,
    layout: Layout | None,
    named: bool,
) -> Scene:
    height = ROOMY if len(nodes) <= _DENSE_FROM else DENSE
    labels = [_names_text(edges.get(link), named) for link in links]
    index = {n.id: i for i, n in enumerate(nodes)}
    widths = _even([_node_width(n, dense=height == DENSE) for n in nodes])
    boxes = [Box(width, height, n.group) for n, width in zip(nodes, widths, strict=True)]
    pairs = [(index[a], index[b]) for a, b in links]
    placed = layout(boxes, pairs, direction=direction) if layout else _built_in(boxes, pairs, direction, labels)
    drawn = tuple(
        Node(n.id, shortened(n.label, _LABEL_MOST), n.kind, n.members, n.doc, *at, box.width, box.height)
        for n, at, box in zip(nodes, placed.centres, boxes, strict=True)
    )
    arrows = tuple(
        _arrow(link, edges.get(link), points, label, direction)
        for link, points, label in zip(links, placed.routes, labels, strict=True)
        if points
    )
    return Scene(direction, placed.width, placed.height, drawn, arrows, placed.frames)


def _built_in(boxes: list[Box], pairs: list[tuple[int, int]], direction: str, labels: list[str]) -> Placed:
    dense = bool(boxes) and boxes[0].height == DENSE
    label_room = max((text_width(t, _NAMES_SIZE) for t in labels if t), default=0.0) + 34 if direction == RIGHT else 0.0
    spacing = Spacing(
        between=8 if dense else 16,
        layers=max(label_room, 44 if dense else 56 if len(boxes) <= _AIRY_UP_TO else 40),
        parts=24 if dense else 34,
    )
    return layered_layout(boxes, pairs, direction=direction, spacing=spacing)


def _node_width(node: Knot, *, dense: bool) -> float:
    label = text_width(shortened(node.label, _LABEL_MOST), 12.0 if dense else _LABEL_SIZE)
    return round(max(label + (38 if dense else 50), 72 if dense else 128))


def _even(widths: list[float]) -> list[float]:
    """One width for all where none is much wider than the rest: columns then have straight sides."""
    widest = max(widths, default=0.0)
    return [widest] * len(widths) if widest <= _EVEN_UP_TO else widths


def _names_text(edge: Mapping[str, Any] | None, named: bool) -> str:
    return shortened(", ".join(edge["names"]), _NAMES_MOST) if named and edge and edge.get("names") else ""


def _arrow(
    link: tuple[str, str], edge: Mapping[str, Any] | None, points: Sequence[Point], label: str, direction: str
) -> Arrow:
    edge = edge or {}
    (ax, ay), (bx, by) = points[0], points[1]
    middle = ((ax + bx) / 2, (ay + by) / 2)
    return Arrow(
        *link,
        edge.get("kind", "explicit"),
        tuple(edge.get("names", ())),
        edge.get("why", ""),
        curve(points, direction),
        points[-1],
        label,
        middle,
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

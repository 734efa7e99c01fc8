"""Where the names on arrows go: on their own line, off every box, every other line and every other name.

A name without such a place is not lost: screens show it when one points at the arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jupyter_flows.picture.layout import DOWN, Point

_HALF_HEIGHT = 7.5
_ALONG = (0.5, 0.62, 0.38, 0.74, 0.26, 0.84, 0.16)
_DENSITY = 7.0


@dataclass(frozen=True, slots=True)
class Rectangle:
    """An area that is taken, by its edges."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Rectangle) -> bool:
        """Whether the two share an area."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, point: Point) -> bool:
        """Whether `point` lies inside."""
        return self.left < point[0] < self.right and self.top < point[1] < self.bottom


@dataclass(frozen=True, slots=True)
class LabelPlace:
    """The middle of a name, and whether it stands free there."""

    at: Point
    is_free: bool


def label_places(
    routes: Sequence[Sequence[Point]], widths: Sequence[float], taken: Sequence[Rectangle], direction: str
) -> list[LabelPlace]:
    """A place for the name of each route; `widths` are those of the names (0: it has none), `taken` the boxes.

    Longer names choose first: they have fewer places to go.
    """
    lines = [[p for a, b, bent in pieces(route) for p in _points(a, b, direction, bent)] for route in routes]
    out = [LabelPlace(_middle(route), is_free=False) for route in routes]
    placed: list[Rectangle] = []
    for i in sorted((i for i, w in enumerate(widths) if w and routes[i]), key=lambda i: -widths[i]):
        others = [p for j, line in enumerate(lines) if j != i for p in line]
        for at in _candidates(routes[i], direction):
            area = _area(at, widths[i])
            if not any(area.meets(r) for r in (*taken, *placed)) and not any(area.holds(p) for p in others):
                out[i] = LabelPlace(at, is_free=True)
                placed.append(area)
                break
    return out


def pieces(route: Sequence[Point]) -> Iterator[tuple[Point, Point, bool]]:
    """The parts of a route, each with whether it is bent: pairs of points are joined by curves, pairs by lines."""
    for i in range(len(route) - 1):
        yield route[i], route[i + 1], i % 2 == 0


def point_on(a: Point, b: Point, share: float, direction: str) -> Point:
    """A point of the curve that `scene.curve` draws from `a` to `b`."""
    along = 1.5 * share * (1 - share) + share**3  # Bézier, both handles half way: 3(1-t)²t/2 + 3(1-t)t²/2 + t³
    across = share * share * (3 - 2 * share)
    x, y = (across, along) if direction == DOWN else (along, across)
    return a[0] + (b[0] - a[0]) * x, a[1] + (b[1] - a[1]) * y


def _points(a: Point, b: Point, direction: str, bent: bool) -> list[Point]:
    count = max(int((abs(b[0] - a[0]) + abs(b[1] - a[1])) / _DENSITY), 2)
    shares = [k / count for k in range(count + 1)]
    return [point_on(a, b, t, direction) if bent else _between(a, b, t) for t in shares]


def _candidates(route: Sequence[Point], direction: str) -> Iterator[Point]:
    """Towards the end first: there, arrows that left one box together have parted."""
    parts = list(pieces(route))[::-1]
    for share in _ALONG:
        for a, b, bent in parts:
            yield point_on(a, b, share, direction) if bent else _between(a, b, share)


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _middle(route: Sequence[Point]) -> Point:
    return _between(route[0], route[1], 0.5) if route else (0.0, 0.0)


def _area(at: Point, width: float) -> Rectangle:
    return Rectangle(at[0] - width / 2 - 3, at[1] - _HALF_HEIGHT, at[0] + width / 2 + 3, at[1] + _HALF_HEIGHT)

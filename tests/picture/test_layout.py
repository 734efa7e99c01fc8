from __future__ import annotations

import random
import time
from itertools import combinations, pairwise
from typing import ClassVar

import pytest

from jupyter_flows.picture.coordinates import spread
from jupyter_flows.picture.crossings import crossings
from jupyter_flows.picture.groups import is_convex, layered_layout
from jupyter_flows.picture.layers import forward, layered, rank
from jupyter_flows.picture.layout import DOWN, RIGHT, Box, Placed, components


def boxes(count: int, *, group: dict[int, str] | None = None) -> list[Box]:
    return [Box(100, 40, (group or {}).get(i)) for i in range(count)]


def pipeline(count: int, seed: int = 1) -> list[tuple[int, int]]:
    """A random graph like real pipelines: mostly local edges, some long ones."""
    draw = random.Random(seed)
    return sorted(
        {(max(0, v - draw.randint(1, 9)), v) for v in range(1, count) for _ in range(draw.choice([1, 1, 2, 3]))}
    )


def overlapping(placed: Placed, sizes: list[Box]) -> list[tuple[int, int]]:
    return [
        (a, b)
        for a, b in combinations(range(len(sizes)), 2)
        if abs(placed.centres[a][0] - placed.centres[b][0]) < (sizes[a].width + sizes[b].width) / 2 - 0.01
        and abs(placed.centres[a][1] - placed.centres[b][1]) < (sizes[a].height + sizes[b].height) / 2 - 0.01
    ]


@pytest.mark.parametrize("direction", [RIGHT, DOWN])
@pytest.mark.parametrize("count", [1, 2, 30, 120])
def test_boxes_never_overlap_and_lie_within_the_picture(count, direction) -> None:
    sizes = boxes(count)
    placed = layered_layout(sizes, pipeline(count), direction=direction)
    assert overlapping(placed, sizes) == []
    for x, y in placed.centres:
        assert 49.9 <= x <= placed.width - 49.9
        assert 19.9 <= y <= placed.height - 19.9


@pytest.mark.parametrize(("direction", "axis"), [(RIGHT, 0), (DOWN, 1)])
def test_arrows_point_along_the_direction_and_meet_the_boxes(direction, axis) -> None:
    edges = pipeline(40)
    placed = layered_layout(boxes(40), edges, direction=direction)
    half = (50, 20)[axis]
    for (a, b), route in zip(edges, placed.routes, strict=True):
        assert placed.centres[a][axis] < placed.centres[b][axis]
        assert route[0][axis] == pytest.approx(placed.centres[a][axis] + half)
        assert route[-1][axis] == pytest.approx(placed.centres[b][axis] - half)
        assert len(route) % 2 == 0


def test_the_same_graph_gives_the_same_picture() -> None:
    assert layered_layout(boxes(60), pipeline(60)) == layered_layout(boxes(60), pipeline(60))


def test_a_chain_is_a_straight_line() -> None:
    placed = layered_layout(boxes(5), list(pairwise(range(5))))
    assert len({y for _, y in placed.centres}) == 1


def test_a_square_of_two_chains_has_no_crossing() -> None:
    graph = layered(4, [(0, 3), (1, 2)])
    assert crossings(graph, [[0, 1], [2, 3]]) == 1
    placed = layered_layout(boxes(5), [(4, 0), (4, 1), (0, 3), (1, 2)])
    assert (placed.centres[0][1] < placed.centres[1][1]) == (placed.centres[3][1] < placed.centres[2][1])


def test_a_cycle_is_drawn_too_and_its_closing_arrow_keeps_its_direction() -> None:
    edges = [(0, 1), (1, 2), (2, 0)]
    placed = layered_layout(boxes(3), edges)
    assert overlapping(placed, boxes(3)) == []
    back = placed.routes[2]
    assert back[0][0] > back[-1][0]
    assert forward(3, edges) == [(0, 1), (1, 2), (0, 2)]


def test_an_edge_to_itself_is_left_out() -> None:
    assert layered_layout(boxes(2), [(0, 0), (0, 1)]).routes[0] == ()


def test_layers_keep_a_source_beside_its_first_reader() -> None:
    assert rank(4, [(0, 1), (1, 2), (3, 2)]) == [0, 1, 2, 1]


def test_parts_stand_apart_and_lonely_boxes_in_rows() -> None:
    assert components(5, [(0, 2), (3, 4)]) == [[0, 2], [1], [3, 4]]
    placed = layered_layout(boxes(12), [(0, 1)])
    assert overlapping(placed, boxes(12)) == []
    assert len({x for x, _ in placed.centres[2:]}) < 10


def test_nothing_gives_an_empty_picture() -> None:
    assert layered_layout([], []) == Placed((), (), 0.0, 0.0)


def test_the_places_nearest_to_the_wishes_keep_order_and_distance() -> None:
    assert spread([0, 1, 2], [0, 0, 100], [1, 1, 1], lambda _a, _b: 10) == pytest.approx([-5, 5, 100])
    assert spread([0, 1], [50, 0], [1, 3], lambda _a, _b: 20) == pytest.approx([-2.5, 17.5])


class TestGroups:
    group: ClassVar = {1: "north", 2: "north", 3: "south", 4: "south"}
    edges: ClassVar = [(0, 1), (1, 2), (0, 3), (3, 4), (2, 5), (4, 5), (0, 5)]

    @pytest.mark.parametrize("direction", [RIGHT, DOWN])
    def test_each_group_has_a_frame_with_its_members_and_nobody_else(self, direction) -> None:
        placed = layered_layout(boxes(6, group=self.group), self.edges, direction=direction)
        assert [f.label for f in placed.frames] == ["north", "south"]
        for frame in placed.frames:
            inside = {
                i
                for i, (x, y) in enumerate(placed.centres)
                if frame.x < x < frame.x + frame.width and frame.y < y < frame.y + frame.height
            }
            assert inside == {i for i, g in self.group.items() if g == frame.label}

    def test_arrows_through_a_frame_still_meet_their_boxes(self) -> None:
        placed = layered_layout(boxes(6, group=self.group), self.edges)
        for (a, b), route in zip(self.edges, placed.routes, strict=True):
            assert route[0] == pytest.approx((placed.centres[a][0] + 50, placed.centres[a][1]))
            assert route[-1] == pytest.approx((placed.centres[b][0] - 50, placed.centres[b][1]))
            assert len(route) % 2 == 0

    def test_a_group_that_is_left_and_entered_again_gets_no_frame(self) -> None:
        edges = [(0, 1), (1, 2)]
        assert not is_convex([0, 2], edges)
        assert layered_layout(boxes(3, group={0: "g", 2: "g"}), edges).frames == ()

    def test_a_group_without_edges_is_framed_as_well(self) -> None:
        placed = layered_layout(boxes(3, group={0: "g", 1: "g", 2: "g"}), [])
        assert len(placed.frames) == 1
        assert overlapping(placed, boxes(3)) == []


def test_five_hundred_boxes_take_a_fifth_of_a_second() -> None:
    edges = pipeline(500)
    spent = []
    for _ in range(5):
        began = time.process_time()
        layered_layout(boxes(500), edges)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.2

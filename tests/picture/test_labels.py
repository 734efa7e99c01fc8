from __future__ import annotations

from itertools import combinations

from jupyter_flows.picture.labels import Rectangle, label_places, point_on
from jupyter_flows.picture.layout import DOWN, RIGHT
from jupyter_flows.picture.scene import scene
from jupyter_flows.picture.words import text_width
from jupyter_flows.views import flow_view

TEN = (
    "extract_flights >> clean_flights >> join >> train >> evaluate >> choose >> deploy >> report",
    "extract_weather >> clean_weather >> join >> evaluate >> report",
    "train >> deploy",
    "train >> report",
    "evaluate >> deploy",
    "choose >> report",
)


def areas(drawn) -> list[Rectangle]:
    return [
        Rectangle(x - w / 2, y - 6, x + w / 2, y + 6)
        for a in drawn.arrows
        if a.label_shown
        for (x, y), w in [(a.label_at, text_width(a.label, 10.5))]
    ]


def test_names_on_arrows_cover_neither_each_other_nor_a_task(make_flow) -> None:
    for direction in (RIGHT, DOWN):
        drawn = scene(flow_view(make_flow(*TEN, names=("by_hour", "scores"))), direction=direction)
        labels = areas(drawn)
        boxes = [
            Rectangle(n.x - n.width / 2, n.y - n.height / 2, n.x + n.width / 2, n.y + n.height / 2) for n in drawn.nodes
        ]
        assert len(labels) >= len(drawn.arrows) / 3
        assert not [1 for a, b in combinations(labels, 2) if a.meets(b)]
        assert not [1 for a in labels for b in boxes if a.meets(b)]


def test_a_name_without_room_is_kept_for_those_who_point_at_its_arrow() -> None:
    line = ((0.0, 0.0), (60.0, 0.0))
    (place,) = label_places([line], [200.0], [Rectangle(-90, -20, 0, 20)], RIGHT)
    assert not place.is_free
    assert place.at == (30.0, 0.0)


def test_a_name_keeps_off_the_other_arrows() -> None:
    crossing = ((30.0, -40.0), (30.0, 40.0))
    line = ((0.0, 0.0), (400.0, 0.0))
    (place, _) = label_places([line, crossing], [60.0, 0.0], [], RIGHT)
    assert place.is_free
    assert place.at[0] - 30 > 30


def test_points_lie_on_the_drawn_curve() -> None:
    assert point_on((0, 0), (100, 50), 0.5, RIGHT) == (50, 25)
    assert point_on((0, 0), (100, 50), 1.0, DOWN) == (100, 50)
    x, y = point_on((0, 0), (100, 100), 0.3, RIGHT)
    assert x > y  # it leaves along its direction


def test_a_wide_flow_has_a_drawing_for_narrow_screens(make_flow) -> None:
    drawn = scene(flow_view(make_flow(*TEN)))
    assert drawn.direction == "right"
    assert drawn.narrow is not None
    assert drawn.narrow.direction == "down"
    assert drawn.narrow.width < drawn.width / 2
    assert drawn.to_json()["narrow"]["direction"] == "down"
    assert scene(flow_view(make_flow("a >> b"))).narrow is None

from __future__ import annotations

import pytest

from jupyter_flows.definition.wire import parse_wire
from jupyter_flows.model.flow import EdgeKind
from jupyter_flows.model.problem import Place


@pytest.mark.parametrize(
    ("body", "edges"),
    [
        ("a >> b", "ab"),
        ("a >> b >> c", "ab bc"),
        ("d << c", "cd"),
        ("a >> [b, c] >> d", "ab ac bd cd"),
        ("(a, b) >> c", "ac bc"),
        ("[a, b] >> [c, d]", "ac ad bc bd"),
        ("a >> b << c", "ab cb"),
        ("a >> b\na >> b  # again\n\n# comment\nb >> c", "ab bc"),
        ("a >> [[b], c]", "ab ac"),
        ("'a' >> b", "ab"),
        ("(a >>\n  b)", "ab"),
        ("", ""),
        ("# nothing", ""),
    ],
)
def test_chains_become_edges(body: str, edges: str) -> None:
    found, problems = parse_wire(body)
    assert problems == ()
    assert [e.upstream + e.downstream for e in found] == edges.split()
    assert {e.kind for e in found} <= {EdgeKind.EXPLICIT}


def test_a_name_with_a_dash_is_written_as_text() -> None:
    found, problems = parse_wire('"my-task" >> "v1.2"')
    assert problems == ()
    assert [(e.upstream, e.downstream) for e in found] == [("my-task", "v1.2")]


def test_each_edge_knows_its_line() -> None:
    found, _ = parse_wire("a >> b\n\nb >> c\n", Place(cell=1), first_line=4)
    assert ["line 4" in found[0].why, "line 6" in found[1].why] == [True, True]


@pytest.mark.parametrize(
    "statement",
    [
        "a",
        "a + b",
        "a.b >> c",
        "f() >> c",
        "x = a >> b",
        "a >> []",
        "a >> 1",
        "import os",
        "a >> (b if c else d)",
        "'1x' >> a",
        "a > b",
        "a >> [b for b in c]",
    ],
)
def test_anything_else_is_a_problem_that_leaves_the_rest(statement: str) -> None:
    place = Place("n.ipynb", None, 2, 1)
    found, problems = parse_wire(f"x >> y\n{statement}\ny >> z\n", place, first_line=2)
    assert [e.upstream + e.downstream for e in found] == ["xy", "yz"]
    assert [(p.code, p.place.line, bool(p.fix)) for p in problems] == [("bad-wire", 3, True)]


def test_text_that_is_no_python_is_one_problem_at_its_line() -> None:
    found, problems = parse_wire("a >> b\na >> >> b\n", Place(cell=0), first_line=2)
    assert found == ()
    assert [(p.code, p.place.line) for p in problems] == [("bad-wire", 3)]


def test_a_chain_too_long_to_parse_is_a_problem_and_no_crash() -> None:
    found, problems = parse_wire(" >> ".join(["a"] * 100_000))
    assert found or [p.code for p in problems] == ["bad-wire"]

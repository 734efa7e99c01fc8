from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.definition.contract import coerce, overwritten, read_contract, typed
from jupyter_flows.model.flow import Parameter
from jupyter_flows.model.problem import Place


def one(source: str) -> Parameter:
    contract, _ = read_contract(source)
    (parameter,) = contract
    return parameter


@pytest.mark.parametrize(
    ("source", "parameter"),
    [
        ("a = 5", Parameter("a", "int", 5)),
        ("a = 0.5  # the weight", Parameter("a", "float", 0.5, doc="the weight")),
        ("a: float = 1", Parameter("a", "float", 1)),
        ("a: str", Parameter("a", "str", required=True)),
        ("a = None", Parameter("a", "any", None, optional=True)),
        ("a: int | None = None", Parameter("a", "int", None, optional=True)),
        ("a: Optional[int] = 3", Parameter("a", "int", 3, optional=True)),
        ("a: 'int' = 3", Parameter("a", "int", 3)),
        ("a: Literal['x', 'y'] = 'x'", Parameter("a", "str", "x", choices=("x", "y"))),
        ("a: typing.Literal[1, None] = 1", Parameter("a", "int", 1, choices=(1,), optional=True)),
        ("a: tuple[int, int] = (1, 2)", Parameter("a", "list", [1, 2])),
        ("a = (1, 2)", Parameter("a", "list", [1, 2])),
        ("a: dict[str, int] = {'k': 1}", Parameter("a", "dict", {"k": 1})),
        ("a: dt.date = dt.date(2013, 1, 2)", Parameter("a", "date", "2013-01-02")),
        ("a = datetime(2013, 1, 2, 3)", Parameter("a", "datetime", "2013-01-02T03:00:00")),
        ("a = timedelta(hours=1)", Parameter("a", "timedelta", 3600.0)),
        ("a: Annotated[int, 'small'] = 1", Parameter("a", "int", 1)),
        ("a: Weird[int] = 1", Parameter("a", "any", 1)),
        ("a = True", Parameter("a", "bool", True)),
        ("a: list[int] = [\n    1,\n    2,\n]  # both\n", Parameter("a", "list", [1, 2], doc="both")),
        ("import x\n'doc'\nprint(1)\n%matplotlib inline\na = 1", Parameter("a", "int", 1)),
        ("a = 1\na = 2", Parameter("a", "int", 2)),
    ],
)
def test_a_line_of_the_parameters_cell_is_a_typed_parameter(source: str, parameter: Parameter) -> None:
    assert one(source) == parameter
    assert type(one(source).default) is type(parameter.default)


def test_a_default_that_is_no_literal_is_a_warning_and_an_optional_parameter() -> None:
    contract, problems = read_contract("a: int = compute()", Place("n.ipynb", None, 0))
    assert contract == (Parameter("a", "int", None, optional=True),)
    assert [(p.code, p.is_error, p.place.line) for p in problems] == [("parameter-not-literal", False, 1)]


def test_a_parameters_cell_with_a_syntax_error_is_one_problem() -> None:
    contract, problems = read_contract("a = 1\nb = = 2", Place(cell=0))
    assert contract == ()
    assert [(p.code, p.place.line) for p in problems] == [("bad-parameters", 2)]


ACCEPTED: list[tuple[str, Any, Any]] = [
    ("int", "3", 3),
    ("int", 3.0, 3),
    ("float", "0.5", 0.5),
    ("float", 1, 1.0),
    ("str", 5, "5"),
    ("str", "007", "007"),
    ("bool", "yes", True),
    ("bool", "FALSE", False),
    ("bool", 1, True),
    ("date", "2013-01-02", "2013-01-02"),
    ("date", datetime(2013, 1, 2, 3), "2013-01-02"),  # noqa: DTZ001
    ("datetime", "2013-01-02", "2013-01-02T00:00:00"),
    ("datetime", "2013-01-02T03:04:05Z", "2013-01-02T03:04:05+00:00"),
    ("timedelta", "1h30m", 5400.0),
    ("timedelta", timedelta(seconds=5), 5.0),
    ("timedelta", 60, 60.0),
    ("list", "[1, 2]", [1, 2]),
    ("list", "(1, 2)", [1, 2]),
    ("dict", '{"a": [1]}', {"a": [1]}),
    ("any", "5", "5"),
    ("any", None, None),
    ("any", {"a": (1,)}, {"a": [1]}),
]


@pytest.mark.parametrize(("kind", "value", "result"), ACCEPTED)
def test_values_become_what_the_contract_says(kind: str, value: Any, result: Any) -> None:
    values, problems = coerce([Parameter("a", kind)], {"a": value}, where="task 't'")
    assert problems == []
    assert values == {"a": result}
    assert type(values["a"]) is type(result)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "x"),
        ("int", 1.5),
        ("int", True),
        ("int", "1.5"),
        ("float", "nan"),
        ("float", float("inf")),
        ("float", "x"),
        ("str", [1]),
        ("str", True),
        ("bool", "maybe"),
        ("bool", 2),
        ("date", "soon"),
        ("date", 5),
        ("datetime", "13"),
        ("list", "1"),
        ("list", {1}),
        ("dict", "[1]"),
        ("timedelta", "long"),
        ("any", {1}),
        ("any", b"x"),
        ("any", float("nan")),
        ("any", Path("x")),
        ("any", {1: 2}),
        ("int", None),
    ],
)
def test_values_that_do_not_fit_are_refused_with_a_fix(kind: str, value: Any) -> None:
    values, problems = coerce([Parameter("a", kind)], {"a": value}, where="task 't'", place=Place(cell=3))
    assert values == {}
    assert [(p.code, p.place.cell, bool(p.fix)) for p in problems] == [("bad-parameter", 3, True)]
    assert "'a'" in problems[0].message
    assert "task 't'" in problems[0].message


def test_choices_and_optional_are_kept() -> None:
    contract = [Parameter("a", "str", choices=("x", "long")), Parameter("b", "int", optional=True)]
    assert coerce(contract, {"a": "x", "b": "none"}, where="t") == ({"a": "x", "b": None}, [])
    _, problems = coerce(contract, {"a": "logn"}, where="t")
    assert [(p.code, p.fix) for p in problems] == [("bad-parameter", "Use long.")]


def test_a_required_parameter_must_be_given_unless_the_call_is_partial() -> None:
    contract = [Parameter("a", "int", required=True)]
    assert [p.code for p in coerce(contract, {}, where="t")[1]] == ["missing-parameter"]
    assert coerce(contract, {}, where="t", complete=False) == ({}, [])


# ── the traps of papermill,────────────────────────────


def test_t1_a_datetime_travels_as_iso_text_and_is_marked_to_be_rebuilt() -> None:
    contract = [Parameter("since", "datetime"), Parameter("day", "date"), Parameter("gap", "timedelta")]
    given = {
        "since": datetime(2013, 1, 2, 3, tzinfo=timezone.utc),
        "day": date(2013, 1, 2),
        "gap": timedelta(minutes=1),
    }
    values, problems = coerce(contract, given, where="t")
    assert problems == []
    assert values == {"since": "2013-01-02T03:00:00+00:00", "day": "2013-01-02", "gap": 60.0}
    assert typed(contract) == {"since": "datetime", "day": "date", "gap": "timedelta"}


def test_t2_a_tuple_arrives_as_a_list_and_not_as_text() -> None:
    values, problems = coerce([Parameter("pair", "list"), Parameter("any")], {"pair": (1, 2), "any": (3,)}, where="t")
    assert (values, problems) == ({"pair": [1, 2], "any": [3]}, [])


def test_t3_an_unknown_parameter_is_refused_with_the_nearest_name() -> None:
    values, problems = coerce([Parameter("alpha", "float", 0.1)], {"alpa": 1}, where="notebook n.ipynb")
    assert values == {}
    assert [(p.code, p.fix) for p in problems] == [("unknown-parameter", "Write alpha.")]


def test_t4_a_notebook_that_sets_an_injected_name_itself_is_refused_by_its_line() -> None:
    cells = [("import x\n", Place("n.ipynb", None, 0)), ("y = 1\na = 5\nprint(a)\n", Place("n.ipynb", None, 1))]
    problems = overwritten(cells, {"a"}, where="n.ipynb")
    assert [(p.code, p.place.cell, p.place.line) for p in problems] == [("parameter-overwritten", 1, 2)]
    assert "'parameters'" in problems[0].fix


@pytest.mark.parametrize(
    ("source", "is_lost"),
    [
        ("a = 5", True),
        ("a: int = 5", True),
        ("a, b = 1, 2", True),
        ("x = a = 5", True),
        ("a = int(a)", False),
        ("print(a)\na = 5", False),
        ("if a is None:\n    a = 5", False),
        ("def f():\n    a = 5", False),
        ("a: int", False),
        ("a == 5", False),
        ("x[a] = 5", False),
        ("%%bash\na=5", False),
        ("a = = 5", False),
        ("%time x = 1\na = 5", True),
    ],
)
def test_t4_only_an_assignment_nobody_could_have_read_before_counts(source: str, is_lost: bool) -> None:
    assert bool(overwritten([(source, Place(cell=0))], {"a"}, declared={"a"})) is is_lost


@pytest.mark.parametrize(
    "name",
    ["x=__import__('os').system('id')\ny", "class", "__builtins__", "a b", "a.b", "1a", "", "a\n", "ﬁ", "None", "a;b"],
)
def test_t10_only_plain_identifiers_can_be_parameters(name: str) -> None:
    values, problems = coerce([Parameter(name)], {name: 1}, where="t", extra={name})
    assert values == {}
    assert [p.code for p in problems] == ["bad-parameter-name"]

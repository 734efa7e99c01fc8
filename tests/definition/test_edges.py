"""Cells → edges, inputs, outputs and problems, as tables of the rules."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jupyter_flows.definition.context import CONTEXT_NAMES
from jupyter_flows.definition.edges import Inference, PlainCell, TaskNames, infer
from jupyter_flows.definition.edges_known import CONTEXT
from jupyter_flows.definition.names import cell_names
from jupyter_flows.model.flow import EdgeKind
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.problem import Place

Cells = dict[str, str]


def task(id: str, source: str = "", cell: int = 0, after: Sequence[str] = (), **more: object) -> TaskNames:
    return TaskNames(
        TaskId(id),
        names=cell_names(source),
        place=Place("flow.ipynb", None, cell, 1),
        after=tuple(after),
        **more,  # type: ignore[arg-type]
    )


def tasks(cells: Cells, after: dict[str, list[str]] | None = None) -> list[TaskNames]:
    return [task(id, source, n, (after or {}).get(id, ())) for n, (id, source) in enumerate(cells.items())]


def inferred(
    cells: Cells | Sequence[TaskNames],
    after: dict[str, list[str]] | None = None,
    setup: Sequence[str] = (),
    plain: Sequence[str] = (),
    params: Sequence[str] = (),
) -> Inference:
    given = tasks(cells, after) if isinstance(cells, dict) else cells
    return infer(
        given,
        [cell_names(source) for source in setup],
        [PlainCell(cell_names(source), Place("flow.ipynb", None, 2, 1)) for source in plain],
        params,
    )


def drawn(result: Inference) -> dict[str, str]:
    """`{"a>b": "x y"}`; explicit edges are written `a>>b`."""
    arrows = {EdgeKind.INFERRED: ">", EdgeKind.EXPLICIT: ">>"}
    return {f"{e.upstream}{arrows[e.kind]}{e.downstream}": " ".join(e.names) for e in result.edges}


def codes(result: Inference) -> list[str]:
    return [p.code for p in result.problems]


CLEAR = [
    ({"a": "x = 1", "b": "print(x)"}, {"a>b": "x"}),
    ({"a": "x = 1", "b": "y = 1"}, {}),
    ({"a": "x = 1", "b": "x = 2"}, {}),
    ({"a": "x = 1", "b": "x = 2\nprint(x)"}, {}),
    ({"a": "x = y = 1", "b": "x + y"}, {"a>b": "x y"}),
    ({"a": "x = 1", "b": "y = 1", "c": "x + y"}, {"a>c": "x", "b>c": "y"}),
    ({"load": "df = 1", "clean": "df = df + 1", "report": "df"}, {"load>clean": "df", "clean>report": "df"}),
    ({"load": "df = 1", "clean": "df['a'] = 1", "report": "df"}, {"load>clean": "df", "clean>report": "df"}),
    ({"a": "xs = []", "b": "xs.append(1)", "c": "xs.append(2)"}, {"a>b": "xs", "b>c": "xs"}),
    ({"a": "n = 0", "b": "n += 1", "c": "n"}, {"a>b": "n", "b>c": "n"}),
    (
        {"a": "x = 1", "b": "if x: y = 1", "c": "if x: pass\nelse: y = 2\nprint(y)"},
        {"a>b": "x", "a>c": "x", "b>c": "y"},
    ),
    ({"a": "x = 1", "b": "f'{x}'"}, {"a>b": "x"}),
    ({"a": "x = 1", "b": "!ls {x}"}, {"a>b": "x"}),
    ({"a": "x = 1\ndel x", "b": "y = 1"}, {}),
    ({"a": "_ = 1\nOut = 2", "b": "_, Out, __name__, _12, _i3"}, {}),
    ({"a": "sum = 3", "b": "sum"}, {"a>b": "sum"}),
    ({"a": "def f(x): return x", "b": "f(1)"}, {"a>b": "f"}),
    ({"a": "class C: pass", "b": "C()"}, {"a>b": "C"}),
    ({"a": "ds = 1", "b": "ds"}, {"a>b": "ds"}),
]


@pytest.mark.parametrize(("cells", "edges"), CLEAR, ids=[str(row[0]) for row in CLEAR])
def test_a_reader_takes_a_name_from_the_task_that_makes_it(cells: Cells, edges: dict[str, str]) -> None:
    result = inferred(cells)
    assert codes(result) == []
    assert drawn(result) == edges


def test_an_edge_says_why_with_cell_and_line() -> None:
    cells = {"extract_flights": "import x\nflights = 1", "join": "flights"}
    (edge,) = inferred(cells).edges
    assert edge.why == "join reads `flights`, which extract_flights writes (cell 1, line 3)"


def test_an_edge_of_a_change_says_so() -> None:
    result = inferred({"a": "df = 1", "b": "df['x'] = 1", "c": "df"})
    assert result.edges[1].why == "c reads `df`, which b changes in place (cell 2, line 2)"


def test_inputs_name_their_upstream_and_outputs_are_only_what_is_read() -> None:
    result = inferred({"a": "y = x = unused = 1", "b": "print(x, y)", "c": "print(x)"})
    assert [(i.name, i.upstream) for i in result.inputs[TaskId("b")]] == [("x", "a"), ("y", "a")]
    assert [(i.name, i.upstream) for i in result.inputs[TaskId("c")]] == [("x", "a")]
    assert result.inputs[TaskId("a")] == ()
    assert set(result.outputs[TaskId("a")]) == {"x", "y"}
    assert result.outputs[TaskId("c")] == ()


# ── several makers ───────────────────────────────────────────────────────────────────


def test_two_makers_in_no_order_are_ambiguous() -> None:
    result = inferred({"a": "x = 1", "b": "x = 2", "c": "\nprint(x)"})
    (problem,) = result.problems
    assert problem.code == "ambiguous-producer"
    assert "'a' and 'b'" in problem.message
    assert "--after" in problem.fix
    assert "rename" in problem.fix
    assert (problem.place.cell, problem.place.line) == (2, 3)
    assert result.edges == ()


def test_a_rewriter_that_reads_none_of_several_makers_stays_ambiguous() -> None:
    result = inferred({"a": "x = 1", "b": "x = 2", "c": "x = 3", "d": "x"})
    assert codes(result) == ["ambiguous-producer"]
    assert "'a', 'b' and 'c' all make" in result.problems[0].message


SETTLED = [
    # an order among the makers
    ({"a": "x = 1", "b": "x = 2", "c": "x"}, {"b": ["a"]}, {"a>>b": "", "b>c": "x"}),
    ({"a": "x = 1", "b": "x = 2", "c": "x"}, {"a": ["b"]}, {"b>>a": "", "a>c": "x"}),
    ({"a": "x = z = 1", "b": "x = z", "c": "x"}, {}, {"a>b": "z", "b>c": "x"}),
    ({"a": "x = z = 1", "m": "y = z", "b": "x = y", "c": "x"}, {}, {"a>m": "z", "m>b": "y", "b>c": "x"}),
    # the author's word
    ({"a": "x = 1", "b": "x = 2", "c": "x"}, {"c": ["a"]}, {"a>>c": "x"}),
    ({"a": "x = 1", "b": "x = 2", "c": "x"}, {"c": ["b"]}, {"b>>c": "x"}),
    ({"a": "x = 1", "b": "x = 2", "c": "x", "d": "x"}, {"c": ["a"], "d": ["b"]}, {"a>>c": "x", "b>>d": "x"}),
]


@pytest.mark.parametrize(("cells", "after", "edges"), SETTLED, ids=[str(row[:2]) for row in SETTLED])
def test_an_order_or_the_authors_word_settles_it(
    cells: Cells, after: dict[str, list[str]], edges: dict[str, str]
) -> None:
    result = inferred(cells, after)
    assert codes(result) == []
    assert drawn(result) == edges


def test_naming_both_makers_settles_nothing() -> None:
    assert codes(inferred({"a": "x = 1", "b": "x = 2", "c": "x"}, {"c": ["a", "b"]})) == ["ambiguous-producer"]


def test_what_comes_after_the_last_of_ordered_makers_wins_even_when_an_earlier_one_is_named() -> None:
    result = inferred({"load": "df = 1", "clean": "df = df + 1", "report": "df"}, {"report": ["load"]})
    assert drawn(result) == {"load>clean": "df", "load>>report": "", "clean>report": "df"}


def test_a_reader_above_a_second_maker_does_not_see_it() -> None:
    result = inferred({"a": "x = 1", "b": "x", "c": "x = 2"})
    assert codes(result) == []
    assert drawn(result) == {"a>b": "x"}


# ── changes in place ─────────────────────────────────────────────────────────────────


def test_two_changers_follow_each_other_in_notebook_order() -> None:
    result = inferred({"load": "df = 1", "m": "df['a'] = 1", "n": "df['b'] = 1", "end": "df"})
    assert drawn(result) == {"load>m": "df", "m>n": "df", "n>end": "df"}
    assert codes(result) == []


def test_a_reader_that_is_kept_from_a_change_is_warned() -> None:
    cells = {"load": "df = 1", "other": "df = 2", "change": "df['a'] = 1", "end": "df"}
    result = inferred(cells, {"change": ["load"], "end": ["other"]})
    assert drawn(result)["other>>end"] == "df"
    (problem,) = result.problems
    assert (problem.code, problem.is_error) == ("unseen-change", False)
    assert "'change'" in problem.message


def test_changing_a_module_of_setup_makes_nothing() -> None:
    setup = ["import matplotlib.pyplot as plt\nimport os, sys"]
    cells = {"a": "plt.rcParams['x'] = 1\nos.environ['y'] = '1'\nsys.path.append('z')", "b": "plt.show()\nos.x"}
    result = inferred(cells, setup=setup)
    assert result.edges == ()
    assert codes(result) == []


def test_changing_a_value_of_setup_makes_it_travel_if_somebody_reads_it() -> None:
    setup = ["config = {}"]
    assert drawn(inferred({"a": "config['x'] = 1", "b": "config"}, setup=setup)) == {"a>b": "config"}
    assert drawn(inferred({"a": "config", "b": "config"}, setup=setup)) == {}
    assert drawn(inferred({"a": "config = 2", "b": "config"}, setup=setup)) == {"a>b": "config"}


def test_a_value_changed_and_deleted_does_not_come_from_there() -> None:
    result = inferred({"a": "xs = [1]", "b": "xs.pop()\ndel xs", "c": "xs"})
    assert drawn(result) == {"a>b": "xs", "a>c": "xs"}
    assert codes(result) == []


# ── names nobody gives ───────────────────────────────────────────────────────────────


def test_a_name_written_further_down_only_is_read_before_written() -> None:
    result = inferred({"a": "x", "b": "x = 1"})
    (problem,) = result.problems
    assert problem.code == "read-before-written"
    assert "'b'" in problem.message
    assert "--after b" in problem.fix
    assert result.edges == ()


def test_the_fix_for_it_works() -> None:
    result = inferred({"a": "x", "b": "x = 1"}, {"a": ["b"]})
    assert codes(result) == []
    assert drawn(result) == {"b>>a": "x"}


def test_a_name_read_before_the_task_itself_sets_it() -> None:
    (problem,) = inferred({"a": "print(x)\nx = 1"}).problems
    assert (problem.code, problem.place.line) == ("read-before-written", 2)


def test_a_name_of_a_plain_cell_is_explained() -> None:
    result = inferred({"a": "pd.read(x)"}, plain=["import pandas as pd", "x = 1"])
    assert codes(result) == ["plain-cell-name", "plain-cell-name"]
    assert "plain cell (cell 3)" in result.problems[0].message
    assert "%%setup" in result.problems[0].fix


def test_a_maker_counts_more_than_a_plain_cell() -> None:
    assert codes(inferred({"a": "x = 1", "b": "x"}, plain=["x = 2"])) == []


def test_an_unknown_name_gets_its_nearest_match() -> None:
    (problem,) = inferred({"a": "flights = 1", "b": "\n\nflihgts"}).problems
    assert problem.code == "unknown-name"
    assert problem.place.line == 4
    assert "`flights`" in problem.fix


def test_an_import_of_another_task_belongs_into_setup() -> None:
    (problem,) = inferred({"a": "import numpy as np", "b": "np.x"}).problems
    assert problem.code == "import-in-task"
    assert "%%setup" in problem.fix
    assert codes(inferred({"a": "import numpy as np", "b": "np.x"}, setup=["import numpy as np"])) == []


KNOWN = [
    "data_interval_start, data_interval_end, logical_date, ds, ds_nodash, ts, run_id, flow_id, task_id, try_number",
    "map_index, params, task.push('a', 1), display(1), get_ipython(), In, Out, _, __, _1, _ih, __name__, __file__",
    "print(len([])), ValueError, exit, NotImplemented, __debug__",
    "try:\n    nobody\nexcept NameError:\n    pass",
    "if alpha: beta = 1\nprint(beta)",
    "!echo $HOME {nobody}",
]


@pytest.mark.parametrize("source", KNOWN)
def test_what_every_task_has_needs_no_maker(source: str) -> None:
    assert codes(inferred({"a": source}, params=["alpha"])) == []


def test_everything_a_run_tells_a_task_is_known() -> None:
    assert CONTEXT_NAMES <= CONTEXT


def test_a_parameter_a_task_rewrites_comes_from_there() -> None:
    assert drawn(inferred({"a": "alpha = alpha * 2", "b": "alpha"}, params=["alpha"])) == {"a>b": "alpha"}


def test_what_a_task_is_given_by_param_does_not_come_from_a_task() -> None:
    cells = [task("a", "x = 1"), task("b", "x", given=frozenset({"x"}))]
    assert drawn(inferred(cells)) == {}
    assert codes(inferred(cells)) == []


def test_star_imports_in_setup_leave_unknown_names_alone() -> None:
    assert codes(inferred({"a": "sin(1)"}, setup=["from math import *"])) == ["star-import"]
    assert codes(inferred({"a": "from math import *\nsin(1)"})) == ["star-import"]


def test_a_cell_that_cannot_be_read_does_not_make_all_others_wrong() -> None:
    result = inferred({"a": "x = = 1", "b": "x"})
    (problem,) = result.problems
    assert (problem.code, problem.place.cell, problem.place.line) == ("syntax-error", 0, 2)


# ── setup ────────────────────────────────────────────────────────────────────────────


def test_a_function_of_setup_makes_its_caller_read_what_it_uses() -> None:
    setup = ["def score():\n    return inner() + k\ndef inner():\n    return model.predict(df)", "k = 1"]
    result = inferred({"a": "model = df = 1", "b": "score()", "c": "print(1)"}, setup=setup)
    assert codes(result) == []
    assert drawn(result) == {"a>b": "df model"}
    assert "b uses inner, which reads `df`, which a writes" in result.edges[0].why


def test_what_the_caller_sets_itself_first_is_not_wanted() -> None:
    setup = ["def score():\n    return df"]
    assert drawn(inferred({"a": "df = 1", "b": "df = 2\nscore()"}, setup=setup)) == {}
    assert drawn(inferred({"a": "df = 1", "b": "score()\ndf = 2"}, setup=setup)) == {"a>b": "df"}


def test_a_function_within_the_task_that_calls_one_of_setup_wants_the_same() -> None:
    setup = ["def score():\n    return df"]
    result = inferred({"a": "df = 1", "b": "def go():\n    return score()\ngo()"}, setup=setup)
    assert drawn(result) == {"a>b": "df"}


def test_objects_and_tables_of_functions_in_setup_want_it_too() -> None:
    setup = ["class M:\n    def run(self): return df\nm = M()\ntable = {'a': lambda: other}"]
    result = inferred({"a": "df = other = 1", "b": "m.run()", "c": "table['a']()"}, setup=setup)
    assert drawn(result) == {"a>b": "df", "a>c": "other"}


def test_functions_of_setup_may_use_builtins_and_the_run() -> None:
    setup = ["def name():\n    return print(len(ds), data_interval_start)"]
    assert codes(inferred({"a": "name()"}, setup=setup)) == []


def test_what_a_function_of_setup_lacks_is_the_callers_problem() -> None:
    (problem,) = inferred({"a": "\nscore()"}, setup=["def score():\n    return modle"]).problems
    assert (problem.code, problem.place.line) == ("unknown-name", 3)
    assert "score" in problem.message


def test_functions_of_setup_that_set_globals_make_their_caller_the_maker() -> None:
    setup = ["def init():\n    global cfg\n    cfg = 1\ndef grow():\n    xs.append(1)\nxs = []"]
    result = inferred({"a": "init()\ngrow()", "b": "cfg, xs"}, setup=setup)
    assert drawn(result) == {"a>b": "cfg xs"}
    assert codes(result) == []


def test_recursive_functions_of_setup_end() -> None:
    setup = ["def f(): return g()\ndef g(): return f() or df"]
    assert drawn(inferred({"a": "df = 1", "b": "f()"}, setup=setup)) == {"a>b": "df"}


SETUP_FAULTS = [
    (["x = df"], {"a": "df = 1"}, [], "read-before-written"),
    (["x = y", "y = 1"], {}, [], "read-before-written"),
    (["x = nobody"], {}, [], "unknown-name"),
    (["x = plain"], {}, ["plain = 1"], "plain-cell-name"),
    (["np.x"], {"a": "import numpy as np"}, [], "import-in-task"),
]


@pytest.mark.parametrize(("setup", "cells", "plain", "code"), SETUP_FAULTS)
def test_setup_runs_first_so_it_can_use_nothing_of_the_tasks(
    setup: list[str], cells: Cells, plain: list[str], code: str
) -> None:
    assert codes(inferred(cells, setup=setup, plain=plain)) == [code]


def test_setup_may_use_earlier_setup_parameters_and_the_run() -> None:
    setup = ["import pandas as pd\nx = 1", "y = x + alpha\nday = ds\nf = lambda: df\nprint(pd, map(lambda: df, []))"]
    assert codes(inferred({"a": "df = 1"}, setup=setup, params=["alpha"])) == []


def test_problems_of_setup_stand_at_its_place() -> None:
    places = [Place("flow.ipynb", None, 0, 1), Place("flow.ipynb", None, 4, 1)]
    result = infer([], [cell_names("x = 1"), cell_names("y = x\nz = nobody")], setup_places=places)
    assert [(p.place.cell, p.place.line) for p in result.problems] == [(4, 3)]


# ── functions that travel ────────────────────────────────────────────────────────────


def test_a_function_brings_what_its_task_had() -> None:
    result = inferred({"a": "k = 1\ndef f(): return k", "b": "f()"})
    assert drawn(result) == {"a>b": "f"}
    assert codes(result) == []


def test_what_a_travelling_function_uses_is_loaded_where_it_is_stored() -> None:
    result = inferred({"data": "df = 1", "a": "def f(): return df", "b": "f()"})
    assert drawn(result) == {"data>a": "df", "a>b": "f"}
    assert codes(result) == []


def test_a_function_nobody_takes_wants_nothing() -> None:
    assert drawn(inferred({"data": "df = 1", "a": "def f(): return df"})) == {}


def test_a_function_that_needs_a_later_value_is_warned_about() -> None:
    result = inferred({"a": "def f(): return df", "data": "df = 1", "b": "f()"})
    assert drawn(result) == {"a>b": "f", "data>b": "df"}
    assert codes(result) == ["late-closure"]
    assert not result.problems[0].is_error


def test_a_function_whose_value_is_rewritten_before_its_use_is_warned_about() -> None:
    result = inferred({"a": "k = 1\ndef f(): return k", "c": "k = k + 1", "b": "f()"})
    assert codes(result) == ["late-closure"]
    assert drawn(result) == {"a>c": "k", "a>b": "f"}


def test_a_function_that_uses_setup_is_fine_anywhere() -> None:
    result = inferred({"a": "def f(): return pd.x", "b": "f()"}, setup=["import pandas as pd"])
    assert drawn(result) == {"a>b": "f"}
    assert codes(result) == []


def test_a_travelling_function_that_uses_nothing_known_is_a_problem() -> None:
    assert codes(inferred({"a": "def f(): return nobody", "b": "f()"})) == ["unknown-name"]


# ── options ──────────────────────────────────────────────────────────────────────────


def test_explicit_edges_stand_and_say_who_said_so() -> None:
    result = inferred([task("a"), task("b", after=["a"]), task("c", wired=("a",))])
    assert drawn(result) == {"a>>b": "", "a>>c": ""}
    assert [e.why for e in result.edges] == ["b runs after a: --after says so", "c runs after a: %%wire says so"]


def test_an_explicit_edge_that_is_inferred_too_says_both() -> None:
    (edge,) = inferred({"a": "x = 1", "b": "x"}, {"b": ["a"]}).edges
    assert edge.kind is EdgeKind.EXPLICIT
    assert edge.names == ("x",)
    assert edge.why == "b reads `x`, which a writes (cell 1, line 2); --after says so too"


def test_an_unknown_upstream_gets_its_nearest_match() -> None:
    result = inferred({"extract": "x = 1", "b": ""}, {"b": ["extrat"]})
    (problem,) = result.problems
    assert problem.code == "unknown-upstream"
    assert "--after extract" in problem.fix
    assert result.edges == ()


def test_no_infer_reads_nothing_but_still_gives() -> None:
    cells = [task("a", "x = 1"), task("b", "y = x + nobody", no_infer=True), task("c", "y")]
    result = inferred(cells)
    assert codes(result) == []
    assert drawn(result) == {"b>c": "y"}


def test_no_infer_keeps_its_syntax_errors_and_drops_its_warnings() -> None:
    assert codes(inferred([task("a", "exec(x)", no_infer=True), task("b", "x = = 1", no_infer=True)])) == [
        "syntax-error"
    ]


def test_a_notebooks_parameters_come_from_whoever_makes_them() -> None:
    notebook = TaskNames(TaskId("train"), kind="notebook", inputs=("table", "alpha"), outputs=("model",))
    result = inferred([task("join", "table = 1"), notebook, task("report", "model")])
    assert codes(result) == []
    assert drawn(result) == {"join>train": "table", "train>report": "model"}
    assert result.outputs[TaskId("train")] == ("model",)
    assert result.edges[0].why.startswith("train has a parameter `table`, which join writes")


def test_declared_outputs_are_kept_even_unread_and_must_exist() -> None:
    result = inferred([task("a", "x = 1", outputs=("x",)), task("b", "table = 1", outputs=("tabel",))])
    assert result.outputs[TaskId("a")] == ("x",)
    (problem,) = result.problems
    assert problem.code == "unknown-output"
    assert "--out table" in problem.fix


def test_what_a_task_is_mapped_over_must_come_from_somewhere() -> None:
    mapped = task("b", "print(x)", needs=("xs",), given=frozenset({"x"}))
    result = inferred([task("a", "xs = [1]"), mapped])
    assert drawn(result) == {"a>b": "xs"}
    assert result.edges[0].why.startswith("b is mapped over `xs`")
    assert codes(inferred([mapped])) == ["unknown-name"]


def test_tasks_without_python_are_left_alone() -> None:
    result = inferred([TaskNames(TaskId("a"), kind="empty"), task("b", "%%bash\necho $x")])
    assert result == Inference((), {TaskId("a"): (), TaskId("b"): ()}, {TaskId("a"): (), TaskId("b"): ()}, ())


# ── contradictions and size ──────────────────────────────────────────────────────────


def test_a_word_of_the_author_against_the_variables_closes_a_cycle() -> None:
    result = inferred({"a": "x = 1", "b": "x"}, {"a": ["b"]})
    assert drawn(result) == {"b>>a": "", "a>b": "x"}


def test_a_task_after_itself_and_cycles_of_words_do_not_hang() -> None:
    result = inferred({"a": "x = 1", "b": "x", "c": "x"}, {"a": ["a"], "b": ["c"], "c": ["b"]})
    assert {"a>>a", "c>>b", "b>>c"} <= set(drawn(result))


def test_explicit_order_against_the_notebook_is_followed() -> None:
    cells = {"report": "df", "load": "df = 1", "clean": "df = df + 1"}
    assert drawn(inferred(cells, {"report": ["clean"]})) == {"clean>>report": "df", "load>clean": "df"}


SHAPES = {
    "each rewrites one name": lambda i: f"df = df + {i}" if i else "df = 1",
    "each changes one value": lambda i: f"df['c{i}'] = 1" if i else "df = 1",
    "each reads the one before": lambda i: f"x{i} = x{i - 1}" if i else "x0 = 1",
    "all read the first": lambda i: f"y{i} = x" if i else "x = 1",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_two_thousand_tasks_take_no_time(shape: str) -> None:
    cells = [task(f"t{i}", SHAPES[shape](i), i) for i in range(2000)]
    result = infer(cells)
    assert len(result.edges) == 1999
    assert result.problems == ()


def test_two_thousand_tasks_said_to_follow_each_other_take_no_time() -> None:
    cells = [task(f"t{i}", "x" if i == 1999 else "x = 1", i, [f"t{i - 1}"] if i else []) for i in range(2000)]
    result = infer(cells[::-1])
    assert result.problems == ()
    assert [(i.name, i.upstream) for i in result.inputs[TaskId("t1999")]] == [("x", "t1998")]

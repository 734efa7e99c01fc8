from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_flows.definition.literals import assignments, bash_literal, r_literal
from jupyter_flows.definition.notebook import read_flow
from jupyter_flows.definition.reading import is_variable
from jupyter_flows.definition.render import Rendered, RunContext, StoredValue, hand_context, render
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.task import ATTEMPT, TaskFailed, TaskSkipped, hand, names_of

UTC = timezone.utc
INTERVAL = DataInterval(datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 1, 2, 5, tzinfo=UTC))


def notebook(*cells: str | tuple[str, str], **metadata: Any) -> dict[str, Any]:
    made = [(c, "") if isinstance(c, str) else c for c in cells]
    return {
        "cells": [
            {"cell_type": "code", "id": f"c{i}", "metadata": {"tags": [tag]} if tag else {}, "source": source}
            for i, (source, tag) in enumerate(made)
        ],
        "metadata": metadata,
        "nbformat": 4,
    }


def flow_of(*cells: str, **files: Any) -> Flow:
    def read(path: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = files[path.removesuffix(".ipynb")]
        return found

    flow, problems = read_flow(
        notebook("%flow f --tz America/New_York --retries 1", *cells), path="f.ipynb", read_notebook=read
    )
    assert [p for p in problems if p.is_error] == []
    return flow


def context_of(flow: Flow, task: str, **more: Any) -> RunContext:
    return RunContext(
        flow.id, RunId("scheduled__x"), RunType.SCHEDULED, TaskId(task), INTERVAL, timezone=flow.timezone, **more
    )


def rendered(flow: Flow, task: str, **more: Any) -> Rendered:
    return render(flow, flow.by_id[TaskId(task)], context_of(flow, task, **more))


def roles(made: Rendered) -> list[str]:
    return [c["metadata"].get("jupyter_flows", {}).get("role", c["cell_type"]) for c in made.notebook["cells"]]


def cell(made: Rendered, role: str) -> dict[str, Any]:
    return next(c for c in made.notebook["cells"] if c["metadata"].get("jupyter_flows", {}).get("role") == role)


class Kernel:
    """Runs a rendered notebook as a kernel would, by `exec`; keeps what each attempt stored for the next."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._patch = monkeypatch
        self.stored: dict[str, dict[str, StoredValue]] = {}
        self.namespace: dict[str, Any] = {}

    def run(self, flow: Flow, task: str, **more: Any) -> dict[str, Any]:
        inputs = {
            i.name: self.stored[i.upstream][i.name]
            for i in flow.by_id[TaskId(task)].inputs
            if i.upstream in self.stored
        }
        made = rendered(flow, task, inputs=inputs, artifacts=self.stored, **more)
        nbformat.validate(nbformat.from_dict(made.notebook))
        folder = self.home / f"{task}-{len(list(self.home.iterdir()))}"
        folder.mkdir()
        (folder / "context.json").write_text(json.dumps(made.context), encoding="utf-8")
        self._patch.setenv(ATTEMPT, str(folder))
        self.namespace = {"__name__": "__main__"}
        try:
            for one in made.notebook["cells"]:
                if one["cell_type"] == "code":
                    self._cell(one["source"])
        finally:
            written = folder / "result.json"
            result = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {"artifacts": []}
            self.stored[task] = {
                a["name"]: StoredValue(str(folder / a["file"]), a["format"], a["digest"]) for a in result["artifacts"]
            }
        found: dict[str, Any] = result
        return found

    def _cell(self, source: str) -> None:
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<cell>", "exec"), self.namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), self.namespace)
            if value is not None:
                self.namespace["_"] = value


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(tmp_path, monkeypatch)


# ── shape ────────────────────────────────────────────────────────────────────────────


def test_a_cell_is_rendered_between_what_it_needs_and_what_it_makes() -> None:
    flow = flow_of(
        "%%setup\nimport math",
        "%%task a\nx, y = 1, 2",
        "%%task b --after a  # mine\nz = math.sqrt(x + y)",
        "%%task c\nz",
    )
    made = rendered(flow, "b", inputs={"x": StoredValue("/x", "json"), "y": StoredValue("/y", "json")})
    assert roles(made) == ["parameters", "prologue", "setup", "inputs", "body", "epilogue"]
    assert cell(made, "inputs")["source"] == 'x, y = _flows_task.load("x", "y")'
    assert cell(made, "body")["source"] == "# %%task b --after a  # mine\nz = math.sqrt(x + y)"
    assert cell(made, "body")["id"] == "c3"
    assert 'save("z")' in cell(made, "epilogue")["source"]
    assert cell(made, "parameters")["metadata"]["tags"] == ["injected-parameters"]
    assert cell(made, "prologue")["metadata"]["tags"] == ["jupyter-flows-prologue"]
    assert made.preload == ("math",)


def test_rendering_twice_gives_the_same() -> None:
    flow = flow_of("%%task a\nx = 1", "%%task b\nx")
    assert rendered(flow, "b") == rendered(flow, "b")


def test_a_line_of_the_body_plus_its_offset_is_the_line_of_the_authors_cell() -> None:
    source = "\n\n%%task a\nx = 1\nraise ValueError\n"
    made = cell(rendered(flow_of(source), "a"), "body")
    line = made["source"].splitlines().index("raise ValueError") + 1
    assert source.splitlines()[line + made["metadata"]["jupyter_flows"]["line_offset"] - 1] == "raise ValueError"


def test_a_nested_cell_magic_stays_first() -> None:
    made = cell(rendered(flow_of("%%task a\n%%bash\nls\n"), "a"), "body")
    assert made["source"] == "%%bash\nls"
    assert made["metadata"]["jupyter_flows"]["line_offset"] == 1


def test_an_empty_task_has_no_body() -> None:
    assert roles(rendered(flow_of("%task a --kind empty"), "a")) == ["parameters", "prologue", "epilogue"]


def test_a_cell_id_that_is_taken_or_no_id_gives_way() -> None:
    flow = Flow(FlowId("f"), tasks=(Task(TaskId("a"), "notebook", path="n.ipynb", notebook=notebook("x")),))
    flow.tasks[0].notebook["cells"][0]["id"] = "flows-prologue"  # type: ignore[index]
    ids = [c["id"] for c in rendered(flow, "a").notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert "flows-prologue" in ids


def test_a_kind_nobody_knows_cannot_be_rendered() -> None:
    flow = Flow(FlowId("f"), tasks=(Task(TaskId("a"), "odd"),))
    with pytest.raises(UsageError, match="odd"):
        rendered(flow, "a")


# ── injected parameters are literals and nothing else ────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["a", "b_1", "été", "X"]) | st.text("abcxyz_'\"\n=;#{}%0 é", min_size=1, max_size=12)


def is_literal(node: ast.AST) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return True
        case ast.List(elts=elements):
            return all(map(is_literal, elements))
        case ast.Dict(keys=keys, values=values):
            return all(k is not None and is_literal(k) for k in keys) and all(map(is_literal, values))
    return False


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_t10_whatever_is_injected_the_cell_holds_only_names_and_literals(values: dict[str, Any]) -> None:
    try:
        source = assignments(values)
    except UsageError:
        assert not all(map(is_variable, values))
        return
    tree = ast.parse(source)
    found = {}
    for statement in tree.body:
        assert isinstance(statement, ast.Assign)
        (target,) = statement.targets
        assert isinstance(target, ast.Name)
        assert is_literal(statement.value)
        found[target.id] = ast.literal_eval(statement.value)
    assert found == values
    assert len(source.splitlines()) == len(values)


@pytest.mark.parametrize(
    "value",
    [
        Path('x"; import os'),
        {1, 2},
        b"x",
        float("nan"),
        float("inf"),
        date(2013, 1, 1),
        timedelta(1),
        object(),
        {1: 2},
        [Path("x")],
    ],
)
def test_t10_a_value_that_is_no_json_is_refused_by_name(value: Any) -> None:
    with pytest.raises(UsageError, match="'a'"):
        assignments({"a": value})


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("python", ["x=1\ny", "class", "__import__", "a.b", "", "a b", "a\n"]),
        ("r", ["x<-1;y", "TRUE", ".a", "_a", "if", "", "a b", "é"]),
        ("bash", ["x=$(id);y", "1a", "a-b", "", "a b", "é"]),
    ],
)
def test_t10_a_name_that_is_no_identifier_is_refused(language: str, names: list[str]) -> None:
    for name in names:
        with pytest.raises(UsageError, match="variable"):
            assignments({name: 1}, language)


def test_t10_a_template_or_a_run_cannot_inject_code() -> None:
    flow = flow_of("%%task a --param p={{ params.p }}\np", "%%task b\n1")
    with pytest.raises(UsageError, match="'p'"):
        rendered(flow, "a")
    evil = '"; import os\n__import__("os")'
    made = rendered(flow, "a", params={"p": evil, "x=1\ny": 2})
    tree = ast.parse(cell(made, "parameters")["source"])
    assert all(isinstance(s, ast.Assign) and is_literal(s.value) for s in tree.body)
    assert "x=1" not in {
        t.id for s in tree.body if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)
    }


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    "text", ["plain", "two words", "$(id)", "`id`", "'; id; '", 'a"b\\', "new\nline", "$HOME", "", "é"]
)
def test_bash_reads_back_the_very_text(text: str) -> None:
    script = f'{assignments({"x": text}, "bash")}\nprintf %s "$x"'
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, timeout=30, check=True
    )
    assert done.stdout.decode() == text


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (3, "3"),
        (1e300, "1e+300"),
        ('a"b\\n/', '"a\\"b\\\\n/"'),
        ("é\n", '"\\U000000e9\\n"'),
        ("😀", '"\\U0001f600"'),
        ([1, "x"], 'list(1, "x")'),
        ({"a b": [True]}, 'list("a b" = list(TRUE))'),
    ],
)
def test_r_gets_literals_of_its_own(value: Any, source: str) -> None:
    assert r_literal(value) == source


@pytest.mark.parametrize(
    ("write", "value"), [(r_literal, 2**60), (r_literal, "\0"), (bash_literal, [1]), (bash_literal, "\0")]
)
def test_what_a_language_cannot_hold_is_refused(write: Callable[[Any], str], value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        write(value)


# ── whole notebooks ──────────────────────────────────────────────────────────────────


def test_a_notebook_gets_its_values_right_after_its_parameters_cell() -> None:
    train = notebook("import os", ("alpha = 0.1\ntable = None", "parameters"), "model = alpha")
    made = rendered(flow_of("%%task a\ntable = 1", "%task t train.ipynb --param alpha=1 --out model", train=train), "t")
    assert roles(made) == ["body", "parameters", "parameters", "prologue", "inputs", "body", "epilogue"]
    assert [c["id"] for c in made.notebook["cells"]][:2] == ["c0", "c1"]
    assert "alpha = 1.0" in made.notebook["cells"][2]["source"]


def test_without_a_parameters_cell_the_values_come_first() -> None:
    made = rendered(flow_of("%task t train.ipynb", train=notebook("x = 1")), "t")
    assert roles(made) == ["parameters", "prologue", "body", "epilogue"]


def test_a_notebook_with_its_own_params_keeps_them() -> None:
    train = notebook(("params = {'a': 1}", "parameters"), "params['a']")
    assert "params" not in cell_names(rendered(flow_of("%task t train.ipynb", train=train), "t"))


def cell_names(made: Rendered) -> set[str]:
    injected = next(c for c in made.notebook["cells"] if "injected-parameters" in c["metadata"].get("tags", ()))
    return {line.partition(" ")[0].partition("=")[0] for line in injected["source"].splitlines()}


def test_an_r_notebook_is_told_only_what_it_declares() -> None:
    train = notebook(("n <- 5  # rows\nds <- ''", "parameters"), "print(n)", language_info={"name": "R"})
    made = rendered(flow_of("%task t train.ipynb --param n=7", train=train), "t")
    assert roles(made) == ["parameters", "parameters", "body"]
    assert sorted(made.notebook["cells"][1]["source"].splitlines()) == ['ds <- "2013-01-01"', "n <- 7"]
    assert made.notebook["metadata"]["language_info"]["name"] == "r"


def test_a_notebook_in_another_language_runs_when_it_takes_no_parameters() -> None:
    made = rendered(flow_of("%task t train.ipynb", train=notebook("println(1)", language_info={"name": "julia"})), "t")
    assert roles(made) == ["body"]


def test_a_rendered_text_is_held_against_the_contract() -> None:
    train = notebook(("n: int = 1", "parameters"), "n")
    flow = flow_of(
        "%task t train.ipynb --param n={{ ds_nodash }}", "%task u train.ipynb --param n={{ ds }}", train=train
    )
    assert "n = 20130101" in next(c["source"] for c in rendered(flow, "t").notebook["cells"] if "n = 2" in c["source"])
    with pytest.raises(UsageError, match="'n' of task 'u'"):
        rendered(flow, "u")


# ── run for real ─────────────────────────────────────────────────────────────────────


def test_a_chain_of_tasks_hands_its_values_on(kernel: Kernel) -> None:
    flow = flow_of(
        "%%setup\nimport math",
        "%%task a\nx = 16\ny = {'k': (1, 2)}",
        "%%task b\nz = math.sqrt(x) + y['k'][1]\nz",
        "%%task c\n(task.pull('b'), task.pull(['b', 'gone']), task.pull(['a'], key='x'), z)",
    )
    assert [a["name"] for a in kernel.run(flow, "a")["artifacts"]] == ["x", "y"]
    assert [a["name"] for a in kernel.run(flow, "b")["artifacts"]] == ["z", "return_value"]
    kernel.run(flow, "c")
    assert kernel.namespace["_"] == (6.0, [6.0, None], [16], 6.0)


def test_t1_datetimes_are_aware_and_in_the_flows_zone_when_the_code_runs(kernel: Kernel) -> None:
    train = notebook(
        ("since: datetime = None\nday: date = None\ngap: timedelta = None", "parameters"), "(since, day, gap)"
    )
    flow = flow_of(
        "%%task a\n(data_interval_start, logical_date, ds, ts, task.data_interval_end)",
        "%task t train.ipynb --param since={{ ts }} --param day={{ ds }} --param gap=1h",
        train=train,
    )
    kernel.run(flow, "a")
    start, logical, ds, ts, end = kernel.namespace["_"]
    assert (start, end) == (INTERVAL.start, INTERVAL.end)
    assert (start.isoformat(), logical, ds, ts) == ("2013-01-01T00:00:00-05:00", start, "2013-01-01", start.isoformat())
    assert str(start.tzinfo) == "America/New_York"
    kernel.run(flow, "t")
    assert kernel.namespace["_"] == (INTERVAL.start, date(2013, 1, 1), timedelta(hours=1))


def test_flow_parameters_reach_cells_by_name_and_as_params(kernel: Kernel) -> None:
    flow, _ = read_flow(
        notebook(
            "%flow f --param n:int=1 --param day:date=2013-01-01",
            "%%task a --param m={{ params.n }}\n(n, day, m, params['n'])",
        ),
        path=None,
        read_notebook=lambda _: {},
    )
    kernel.run(flow, "a", params={"n": 5})
    assert kernel.namespace["_"] == (5, date(2013, 1, 1), "5", 5)


@pytest.mark.parametrize(
    ("body", "branch"), [("'b'", ["b"]), ("['b', 'c']", ["b", "c"]), ("[]", []), ("task.branch('c'); 1", ["c"])]
)
def test_a_branch_tells_which_tasks_to_follow(kernel: Kernel, body: str, branch: list[str]) -> None:
    flow = flow_of(
        f"%%task a --kind branch\n{body}", "%%task b --after a\n1", "%%task c --after a\n1", "%%task d --after b\n1"
    )
    assert kernel.run(flow, "a")["branch"] == branch


@pytest.mark.parametrize("body", ["'d'", "'nothing'", "5", "[1]"])
def test_a_branch_to_a_task_that_does_not_follow_fails(kernel: Kernel, body: str) -> None:
    from jupyter_flows.task import NotGiven

    flow = flow_of(f"%%task a --kind branch\n{body}", "%%task b --after a\n1", "%%task d --after b\n1")
    with pytest.raises(NotGiven, match="'a'"):
        kernel.run(flow, "a")


@pytest.mark.parametrize(("body", "branch"), [("1 > 0", ["b"]), ("[]", []), ("None", [])])
def test_a_condition_follows_all_or_nothing(kernel: Kernel, body: str, branch: list[str]) -> None:
    flow = flow_of(f"%%task a --kind condition\n{body}", "%%task b --after a\n1")
    assert kernel.run(flow, "a")["branch"] == branch


def test_a_sensor_looks_again_until_it_sees(kernel: Kernel) -> None:
    flow = flow_of("%%setup\nseen = []", "%%task a --kind sensor --poke 0.01\nseen.append(1)\nlen(seen) > 2")
    result = kernel.run(flow, "a")
    assert (result["fail"], result["skip"], len(kernel.namespace["seen"])) == (None, None, 3)


@pytest.mark.parametrize(("option", "error", "key"), [("", TaskFailed, "fail"), ("--soft-fail", TaskSkipped, "skip")])
def test_a_sensor_gives_up_after_its_timeout(kernel: Kernel, option: str, error: type[Exception], key: str) -> None:
    flow = flow_of(f"%%task a --kind sensor --poke 0.01 --timeout 0.03 {option}\nFalse")
    with pytest.raises(error, match="waited"):
        kernel.run(flow, "a")
    (result,) = (json.loads(p.read_text(encoding="utf-8")) for p in kernel.home.rglob("result.json"))
    assert "waited" in result[key]


def test_a_mapped_task_gets_its_item(kernel: Kernel) -> None:
    flow = flow_of("%%task a\nxs = [10, 20, 30]", "%%task b --map x=xs\ny = x + 1\ny")
    kernel.run(flow, "a")
    kernel.run(flow, "b", map_index=1)
    assert kernel.namespace["_"] == 21
    assert "xs" not in kernel.namespace


def test_a_mapped_value_may_be_given_as_json(kernel: Kernel) -> None:
    flow = flow_of("%%task a\nxs = [10, 20]", "%%task b --map x=xs\nx")
    kernel.run(flow, "b", map_index=0, mapped={"x": 10})
    assert kernel.namespace["_"] == 10


def test_after_a_skipped_branch_a_lenient_join_finds_none(kernel: Kernel) -> None:
    flow = flow_of("%%task a\nx = 1", "%%task b --trigger-rule none_failed\nx is None")
    kernel.run(flow, "b")
    assert kernel.namespace["_"] is True


def test_a_missing_input_is_told_by_its_name(kernel: Kernel) -> None:
    from jupyter_flows.task import NotGiven

    flow = flow_of("%%task a\nx = 1", "%%task b\nx")
    with pytest.raises(NotGiven, match="'x'"):
        kernel.run(flow, "b")


def test_an_output_that_was_never_set_is_told_by_its_name(kernel: Kernel) -> None:
    from jupyter_flows.task import NotGiven

    flow = flow_of("%%task a\nif try_number > 9:\n    x = 1", "%%task b\nx")
    with pytest.raises(NotGiven, match="'x'"):
        kernel.run(flow, "a")


def test_code_that_calls_a_variable_task_is_still_stored(kernel: Kernel) -> None:
    flow = flow_of("%task t train.ipynb --out model", train=notebook("task = 'regression'\nmodel = 1"))
    assert [a["name"] for a in kernel.run(flow, "t")["artifacts"]] == ["model"]


# ── by hand ──────────────────────────────────────────────────────────────────────────


def test_by_hand_the_same_names_are_there() -> None:
    flow = flow_of("%%task a\nx = 1", "%%task b\nx")
    context = hand_context(flow, INTERVAL)
    names = names_of(context)
    assert names["data_interval_start"] == INTERVAL.start
    assert (names["ds"], names["flow_id"]) == ("2013-01-01", "f")
    namespace: dict[str, Any] = {"x": 7}
    task = hand(context, namespace)
    assert (task.ds, task.load("x"), task.pull("a"), task.data_interval_end) == ("2013-01-01", 7, None, INTERVAL.end)
    assert set(names) == set(cell_names(rendered(flow, "a")))

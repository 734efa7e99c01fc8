from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.definition.notebook import Definition, flow_of_notebook, read_flow
from jupyter_flows.errors import DefinitionError
from jupyter_flows.model.flow import EdgeKind, Flow, Parameter, flow_from_json, flow_to_json
from jupyter_flows.model.problem import Place, Problem

EXAMPLES = Path(__file__).parents[2] / "examples"


def notebook(*cells: str | tuple[str, str], **metadata: Any) -> dict[str, Any]:
    made = []
    for number, cell in enumerate(cells):
        source, tag = (cell, "") if isinstance(cell, str) else cell
        made.append(
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {"tags": [tag]} if tag else {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
        )
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def nothing_to_read(path: str) -> Mapping[str, Any]:
    raise FileNotFoundError(path)


def read(nb: Any, **files: Any) -> tuple[Flow, list[Problem]]:
    def read_notebook(path: str) -> Mapping[str, Any]:
        name = path.removesuffix(".ipynb")
        if name not in files:
            raise FileNotFoundError(path)
        found: Mapping[str, Any] = files[name]
        return found

    return read_flow(nb, path="flow.ipynb", read_notebook=read_notebook)


def codes(problems: list[Problem]) -> list[str]:
    return [p.code for p in problems]


SMALL = notebook(
    "%load_ext jupyter_flows\n%flow small --schedule @daily --start 2024-01-01 --retries 1",
    "%%setup\nimport math\n",
    "%%task extract\nraw = [1, 2]\n",
    "%%task clean\ntidy = [math.sqrt(x) for x in raw]\n",
    "%task train train.ipynb --param alpha=0.5 --out model",
    "%%task report --no-infer\nprint('done')",
    "%%wire\ntrain >> report\n",
    "%flows graph",
    kernelspec={"name": "py", "display_name": "P", "language": "python"},
)
TRAIN = notebook(
    ("tidy = None\nalpha: float = 0.1  # weight\nseed = 0", "parameters"), "model = (alpha, seed, sum(tidy), extra)"
)


def test_a_notebook_becomes_a_flow_with_inferred_and_explicit_edges() -> None:
    flow, problems = read(SMALL, train=TRAIN)
    assert problems == []
    assert (flow.id, flow.schedule, flow.kernel, flow.setup) == ("small", "@daily", "py", ("import math",))
    assert [t.id for t in flow.tasks] == ["extract", "clean", "train", "report"]
    assert {(e.upstream, e.downstream): (e.kind, e.names) for e in flow.edges} == {
        ("extract", "clean"): (EdgeKind.INFERRED, ("raw",)),
        ("clean", "train"): (EdgeKind.INFERRED, ("tidy",)),
        ("train", "report"): (EdgeKind.EXPLICIT, ()),
    }
    train = flow.by_id["train"]
    assert [(i.name, i.upstream) for i in train.inputs] == [("tidy", "clean")]
    assert (train.params, train.outputs) == ({"alpha": 0.5}, ("model",))
    assert train.contract[1] == Parameter("alpha", "float", 0.1, doc="weight")
    assert {t.retry.retries for t in flow.tasks} == {1}
    assert train.place == Place("flow.ipynb", "c4", 4, 1)


def test_a_flow_read_from_a_notebook_survives_json() -> None:
    flow, _ = read(SMALL, train=TRAIN)
    again = flow_from_json(json.loads(json.dumps(flow_to_json(flow))))
    assert again == flow
    assert again.digest == flow.digest


def test_outputs_and_counts_of_a_whole_notebook_task_make_no_new_version() -> None:
    flow, _ = read(SMALL, train=TRAIN)
    executed = copy.deepcopy(TRAIN)
    executed["cells"][1].update(execution_count=7, outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}])
    executed["cells"][1]["metadata"] = {"papermill": {"start_time": "now"}}
    executed["metadata"] = {"language_info": {"name": "python", "version": "3.99"}}
    again, _ = read(SMALL, train=executed)
    assert again.digest == flow.digest
    changed, _ = read(SMALL, train=notebook(("tidy = None\nalpha: float = 0.2", "parameters"), "model = tidy"))
    assert changed.digest != flow.digest


# ── live equals static ───────────────────────────────────────────────────────────────


def play(nb: Mapping[str, Any], path: str, definition: Definition) -> Definition:
    for index, cell in enumerate(nb["cells"]):
        if cell["cell_type"] != "code":
            continue
        place = Place(path, cell["id"], index)
        if "parameters" in cell["metadata"].get("tags", ()):
            definition = definition.with_parameters("".join(cell["source"]), place)
        definition = definition.with_cell(cell["id"], "".join(cell["source"]), place)
    return definition


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("flow*.ipynb")), ids=lambda p: p.parent.name)
def test_an_example_run_by_hand_gives_the_flow_its_file_gives(path: Path) -> None:
    nb = json.loads(path.read_text(encoding="utf-8"))

    def read_notebook(name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((path.parent / name).read_text(encoding="utf-8"))
        return found

    static, problems = read_flow(nb, path=str(path), read_notebook=read_notebook)
    live = play(nb, str(path), Definition(str(path), static.kernel))
    again = play(nb, str(path), live)
    assert live.flow(read_notebook) == (static, problems)
    assert again.flow(read_notebook) == (static, problems)
    assert not [p for p in problems if p.is_error]


def test_a_cell_run_again_replaces_itself_in_its_place() -> None:
    definition = play(SMALL, "flow.ipynb", Definition("flow.ipynb", "py"))
    changed = definition.with_cell("c2", "%%task extract\nraw = [3]\n", Place("flow.ipynb", "c2", 2))
    flow, _ = changed.flow(lambda _: TRAIN)
    assert [t.id for t in flow.tasks] == ["extract", "clean", "train", "report"]
    assert flow.by_id["extract"].source == "raw = [3]"


def test_live_a_new_cell_takes_over_the_task_and_the_old_cell_takes_it_back_when_run_again() -> None:
    old = Definition().with_cell("a", "%flow f").with_cell("b", "%%task t\nx = 1")
    new = old.with_cell("c", "%%task t\nx = 2").with_cell("d", "%flow g")
    flow, problems = new.flow(nothing_to_read)
    assert (problems, flow.id, [t.source for t in flow.tasks]) == ([], "g", ["x = 2"])
    flow, problems = new.with_cell("b", "%%task t\nx = 1").flow(nothing_to_read)
    assert (problems, [t.source for t in flow.tasks]) == ([], ["x = 1"])


def test_live_cells_follow_the_notebooks_order_when_it_is_known() -> None:
    definition = (
        Definition().with_cell("a", "%flow f").with_cell("c", "%%task two\ny = x").with_cell("b", "%%task one\nx = 1")
    )
    flow, _ = definition.ordered(["a", "b", "c"]).flow(nothing_to_read)
    assert [t.id for t in flow.tasks] == ["one", "two"]
    assert [(e.upstream, e.downstream) for e in flow.edges] == [("one", "two")]
    assert [t.id for t in definition.without_cell("c").flow(nothing_to_read)[0].tasks] == ["one"]


# ── faults ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cells", "code", "cell", "line"),
    [
        (["x = 1"], "no-flow", None, None),
        (["%flow f", "%flow g"], "two-flows", 1, 1),
        (["%flow f", "%%task a\nx = 1", "\n%%task a\ny = 1"], "duplicate-task", 2, 2),
        (["%flow f", "%task a gone.ipynb"], "missing-notebook", 1, 1),
        (["%flow f --tz Mars"], "bad-timezone", 0, 1),
        (["x = 1\n%flow f --schedule @fortnightly"], "bad-schedule", 0, 2),
        (["%flow f", "# first\n%%task a\nx = 1"], "magic-not-first", 1, 2),
        (["%flow f", "if 1:\n    %task a n.ipynb"], "conditional-magic", 1, 2),
        (["%flow f", "%%flow g\nx"], "bad-magic", 1, 1),
        (["%flow f", "%wire a >> b"], "bad-magic", 1, 1),
        (["%flow f", "%%setup now\nimport os"], "stray-word", 1, 1),
        (["%flow f", "%%task a\nx = 1", "%%wire\na >> b"], "unknown-task", 2, 1),
        (["%flow f", "%%task a --after b\nx = 1"], "unknown-upstream", 1, 1),
        (["%flow f", "%%task a --param ds=1\nx = 1"], "reserved-parameter", 1, 1),
        (["%flow f", "%%task a\nx = = 1"], "syntax-error", 1, 2),
    ],
)
def test_each_fault_is_a_problem_at_its_cell(cells: list[str], code: str, cell: int | None, line: int | None) -> None:
    _, problems = read(notebook(*cells))
    assert [(p.code, p.place.cell, p.place.line) for p in problems] == [(code, cell, line)]
    assert all(p.fix for p in problems)


def test_faults_of_all_cells_come_together_and_the_rest_of_the_flow_is_still_there() -> None:
    flow, problems = read(
        notebook(
            "%flow f --retires 1", "this is ( no python", "%%task a --kind x\nx = 1", "%%task\ny", "%%task b\ny = x"
        )
    )
    assert [p.code for p in problems if p.is_error] == ["unknown-option", "bad-value", "missing-name"]
    assert [t.id for t in flow.tasks] == ["a", "b"]
    assert [(e.upstream, e.downstream) for e in flow.edges] == [("a", "b")]


def test_comments_may_follow_on_every_magic_line() -> None:
    flow, problems = read(
        notebook(
            "%flow f  # it's mine", "%%setup    # runs first in every task's kernel\nimport os", "%%task a # a's\nx = 1"
        )
    )
    assert problems == []
    assert [t.id for t in flow.tasks] == ["a"]


def test_markdown_and_raw_cells_say_nothing() -> None:
    nb = notebook("%flow f", "%%task a\nx = 1")
    nb["cells"] += [{"cell_type": kind, "metadata": {}, "source": "%%task b\ny"} for kind in ("markdown", "raw")]
    flow, problems = read(nb)
    assert (codes(problems), [t.id for t in flow.tasks]) == ([], ["a"])


@pytest.mark.parametrize(
    ("line", "train", "code", "words"),
    [
        ("--param alpa=1", TRAIN, "unknown-parameter", "Write alpha."),
        ("--param alpha=x", TRAIN, "bad-parameter", "number"),
        ("--param alpa={{ ds }}", TRAIN, "unknown-parameter", "Write alpha."),
        ("--param a=3", notebook("a = 5\nprint(a)"), "parameter-overwritten", "parameters"),
        ("--param a={{ ds }}", notebook("a = 5\nprint(a)"), "parameter-overwritten", "parameters"),
        ("", notebook("data_interval_start = '2013-01-01'"), "parameter-overwritten", "parameters"),
        ("", notebook("ds = '2013-01-01'"), "parameter-overwritten", "parameters"),
        ("--param a=1", notebook(("a = 1", "parameters"), "a = 2"), "parameter-overwritten", "Drop the line"),
        ("", [1], "bad-notebook", "JupyterLab"),
        ("--param a=1", notebook(language_info={"name": "julia"}), "no-parameters-in-language", "--param"),
        ("--out a", notebook(language_info={"name": "R"}), "no-values-in-language", "files"),
    ],
)
def test_t3_and_t4_a_notebook_task_is_held_against_its_contract(line: str, train: Any, code: str, words: str) -> None:
    _, problems = read(notebook("%flow f", f"%task t train.ipynb {line}"), train=train)
    found = [p for p in problems if p.code == code]
    assert [(p.place.cell, p.place.line) for p in found] == [(1, 1)]
    assert words in found[0].fix


def test_a_notebook_whose_ds_is_a_data_set_is_left_alone() -> None:
    _, problems = read(notebook("%flow f", "%task t train.ipynb"), train=notebook("ds = open_dataset()"))
    assert "parameter-overwritten" not in codes(problems)


def test_params_of_a_notebook_task_get_the_types_of_its_contract_and_templates_wait() -> None:
    train = notebook(
        ("code: str = ''\nn: int = 0\npath = ''\nday: date = None\nfree = None", "parameters"), "use(more)"
    )
    line = "%task t train.ipynb --param code=007 --param n=3 --param path=x/{{ ds }} --param more=[1]"
    line += " --param day=2013-01-01"
    flow, problems = read(notebook("%flow f", line), train=train)
    assert [p.code for p in problems if p.is_error] == []
    assert flow.by_id["t"].params == {"code": "007", "n": 3, "path": "x/{{ ds }}", "day": "2013-01-01", "more": [1]}


def test_a_notebook_that_is_no_flow_can_be_a_flow_of_one_task() -> None:
    flow, problems = flow_of_notebook(TRAIN, "some/my train.ipynb")
    assert (problems, flow.id, [t.id for t in flow.tasks]) == ([], "my_train", ["my_train"])
    assert [p.name for p in flow.params] == ["tidy", "alpha", "seed"]
    assert (flow.tasks[0].kind, flow.tasks[0].path) == ("notebook", "my train.ipynb")


def test_the_flows_own_parameters_cell_tells_what_a_run_may_be_given() -> None:
    flow, problems = read(
        notebook(("city = 'Paris'\nrun_id = None", "parameters"), "%flow f --param n:int=1", "%%task a\ncity, n")
    )
    assert [p.name for p in flow.params] == ["n", "city"]
    assert codes(problems) == ["reserved-parameter"]


# ── malformed notebooks ──────────────────────────────────────────────────────────────

BAD = [
    None,
    [],
    5,
    "x",
    {},
    {"cells": None},
    {"cells": {}},
    {"cells": [1]},
    {"cells": [{}]},
    {"cells": [], "nbformat": 3},
]


@pytest.mark.parametrize("nb", [*BAD, {"cells": [{"cell_type": "code"}]}, {"cells": [], "metadata": 3}])
def test_what_is_no_notebook_gives_the_one_error(nb: Any) -> None:
    with pytest.raises(DefinitionError) as error:
        read(nb)
    assert [(p.code, p.place.notebook, bool(p.fix)) for p in error.value.problems] == [
        ("bad-notebook", "flow.ipynb", True)
    ]


def test_however_a_notebook_is_damaged_it_gives_a_flow_or_the_one_error() -> None:
    chance = random.Random(7)
    outcomes = {"flow": 0, "error": 0}
    for _ in range(600):
        damaged = [damage(copy.deepcopy(nb), chance) for nb in (SMALL, TRAIN)]
        refused: list[Problem] = []
        try:
            flow, problems = read(damaged[0], train=damaged[1])
        except DefinitionError as error:
            refused = list(error.problems)
        if refused:
            assert codes(refused) == ["bad-notebook"]
        else:
            assert flow_from_json(json.loads(json.dumps(flow_to_json(flow)))).digest == flow.digest
            assert all(p.message for p in problems)
        outcomes["error" if refused else "flow"] += 1
    assert min(outcomes.values()) > 50


def damage(nb: Any, chance: random.Random) -> Any:
    spots: list[tuple[Any, Any]] = []
    todo = [nb]
    while todo:
        node = todo.pop()
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            spots.append((node, key))
            if isinstance(value, (dict, list)):
                todo.append(value)
    node, key = chance.choice(spots)
    if chance.random() < 0.3 and isinstance(node, dict):
        del node[key]
    else:
        odd: list[Any] = [
            None,
            0,
            -1,
            True,
            "",
            "x",
            "%flow \x00 '",
            "%%task a --",
            [],
            [1],
            [[]],
            {},
            {"a": 1},
            1e308,
            "\ud800",
        ]
        node[key] = chance.choice(odd)
    return nb


@pytest.mark.parametrize(
    ("line", "meant"),
    [("%%taks b", "%%task"), ("%%tasks b", "%%task"), ("%%Setup", "%%setup"), ("%taks b x.ipynb", "%task")],
)
def test_a_magic_that_is_nearly_one_of_ours_is_pointed_out(line: str, meant: str) -> None:
    _, problems = read(notebook("%flow f", "%%task a\nx = 1", f"{line}\ny = 1"))
    (problem,) = problems
    assert (problem.code, problem.is_error, problem.place.cell, problem.place.line) == ("bad-magic", False, 2, 1)
    assert problem.fix == f"Write {meant}, if that is meant."


@pytest.mark.parametrize("line", ["%%time", "%%timeit", "%%bash", "%%writefile x.py", "%%sql", "%%latex"])
def test_magics_of_others_are_left_alone(line: str) -> None:
    assert read(notebook("%flow f", "%%task a\nx = 1", f"{line}\n1"))[1] == []


@pytest.mark.parametrize("line", ["%time 1", "%load_ext x", "%flows graph", "%matplotlib inline", "%cd x", "%who"])
def test_line_magics_of_others_are_left_alone(line: str) -> None:
    assert read(notebook("%flow f", "%%task a\nx = 1", line))[1] == []

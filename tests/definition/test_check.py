"""Every rule a flow is held to, and the order in which problems come out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import jupyter_flows.definition
from jupyter_flows.definition.check import CODES, check
from jupyter_flows.model.flow import Edge, EdgeKind, Flow, Task
from jupyter_flows.model.ids import FlowId, TaskId
from jupyter_flows.model.problem import NOWHERE, Place, Problem, Severity


def flow(*sources: str, schedule: str | None = "@daily", setup: tuple[str, ...] = (), **more: object) -> Flow:
    """One task per source: a, b, c … in cells 0, 1, 2 …"""
    tasks = tuple(
        Task(TaskId("abcdefgh"[n]), source=source, place=Place("flow.ipynb", None, n, 1), **more)  # type: ignore[arg-type]
        for n, source in enumerate(sources)
    )
    return Flow(FlowId("f"), schedule=schedule, tasks=tasks, setup=setup, path="flow.ipynb")


def joined(*pairs: str, kind: EdgeKind = EdgeKind.EXPLICIT, names: tuple[str, ...] = ()) -> Flow:
    ids = dict.fromkeys(task for pair in pairs for task in pair.split(">"))
    tasks = tuple(Task(TaskId(i), source="x = 1", place=Place("flow.ipynb", None, n, 1)) for n, i in enumerate(ids))
    edges = tuple(Edge(TaskId(p.split(">")[0]), TaskId(p.split(">")[1]), kind, names) for p in pairs)
    return Flow(FlowId("f"), tasks=tasks, edges=edges)


def found(code: str, checked: Flow) -> list[Problem]:
    return [p for p in check(checked) if p.code == code]


def test_a_sound_flow_has_no_problems() -> None:
    assert check(flow("df = read(data_interval_start)", "df.to_csv(f'out/{ds}.csv')")) == []


def test_an_empty_flow_is_a_warning() -> None:
    (problem,) = check(flow())
    assert (problem.code, problem.severity) == ("empty-flow", Severity.WARNING)


# ── cycles ───────────────────────────────────────────────────────────────────────────


def test_a_cycle_is_drawn_from_its_first_task() -> None:
    (problem,) = found("cycle", joined("start>a", "b>c", "a>b", "c>a"))
    assert problem.is_error
    assert any(f"{drawn}." in problem.message for drawn in ["a → b → c → a", "b → c → a → b"])
    assert problem.place.cell == 1
    assert "Drop the edge" in problem.fix


def test_a_task_after_itself_is_a_cycle() -> None:
    (problem,) = found("cycle", joined("a>a"))
    assert "a → a." in problem.message


def test_a_cycle_of_variables_is_mended_by_renaming() -> None:
    (problem,) = found("cycle", joined("a>b", "b>a", kind=EdgeKind.INFERRED, names=("df",)))
    assert "Rename `df`" in problem.fix


def test_a_cycle_of_a_thousand_tasks_is_drawn_short() -> None:
    (problem,) = found("cycle", joined(*(f"t{i}>t{(i + 1) % 1000}" for i in range(1000))))
    assert "…" in problem.message
    assert len(problem.message) < 300


# ── the clock ────────────────────────────────────────────────────────────────────────

CLOCKS = [
    "from datetime import datetime\nx = datetime.now()",
    "from datetime import datetime\nx = datetime.now(tz)",
    "import datetime\nx = datetime.datetime.utcnow()",
    "import datetime as dt\nx = dt.date.today()",
    "from datetime import date\nx = date.today()",
    "import time\nx = time.time()",
    "from time import time\nx = time()",
    "import time\nx = time.strftime('%Y')",
    "import pandas as pd\nx = pd.Timestamp.now()",
    "x = pd.Timestamp.today()",
    "x = pd.to_datetime('today')",
    "x = np.datetime64('now')",
    "x = datetime.now()",
    "from datetime import datetime, timedelta\nx = datetime.now() - timedelta(days=1)",
    "import time\nt = time.time()\nprint(t, time.time() - t)",
    "import time\nf = lambda: time.time()",
]


@pytest.mark.parametrize("source", CLOCKS)
def test_reading_the_clock_is_a_warning_at_its_line(source: str) -> None:
    problem, *_ = found("reads-clock", flow(source))
    assert not problem.is_error
    assert "data_interval_start" in problem.fix
    line = next(n for n, text in enumerate(source.split("\n"), start=2) if "(" in text and "import" not in text)
    assert problem.place.line == line


NO_CLOCKS = [
    "import time\nt = time.time()\nrun()\nprint(time.time() - t)",
    "from datetime import datetime\nt = datetime.now()\nrun()\ntook = datetime.now() - t",
    "import time\ntime.sleep(1)\ntime.perf_counter()",
    "import time\ntime.strftime('%Y', x)\ntime.localtime(3)",
    "from mine import datetime\ndatetime.now()",
    "time = Clock()\ntime.time()",
    "pd.to_datetime('2020-01-01')\npd.Timestamp(x)",
    "s = 'datetime.now()'",
    "%%bash\ndate",
]


@pytest.mark.parametrize("source", NO_CLOCKS)
def test_measuring_and_lookalikes_are_left_alone(source: str) -> None:
    assert found("reads-clock", flow(source)) == []


def test_a_clock_in_setup_is_told_without_a_line_nobody_knows() -> None:
    (problem,) = found("reads-clock", flow("f()", setup=("import time\ndef f(): return time.time()",)))
    assert "%%setup" in problem.message
    assert problem.place == Place("flow.ipynb")


def test_imports_of_setup_count_in_tasks() -> None:
    assert found("reads-clock", flow("D.now()", setup=("from datetime import datetime as D",)))


def test_a_sensor_may_watch_the_clock() -> None:
    assert found("reads-clock", flow("import time\ntime.time() > 3", kind="sensor")) == []


# ── constant paths ───────────────────────────────────────────────────────────────────

CONSTANT = [
    "df.to_csv('out.csv')",
    "df.to_parquet(path='out.parquet')",
    "open('out.txt', 'w').write('x')",
    "with open('out.txt', mode='a') as f: pass",
    "from pathlib import Path\nPath('out').write_text('x')",
    "from pathlib import Path\n(Path('a') / 'b').open('w')",
    "import os\ndf.to_csv(os.path.join('a', 'b.csv'))",
    "import joblib\njoblib.dump(model, 'model.joblib')",
    "import matplotlib.pyplot as plt\nplt.savefig('plot.png')",
    "np.save('a.npy', x)",
    "path = 'out.csv'\ndf.to_csv(path)",
    "base = 'out'\ndf.to_csv(f'{base}/x.csv')",
]


@pytest.mark.parametrize("source", CONSTANT)
def test_a_scheduled_task_that_always_writes_one_file_is_warned(source: str) -> None:
    (problem,) = found("constant-path", flow(source))
    assert not problem.is_error
    assert problem.place.line == source.count("\n") + 2
    assert found("constant-path", flow(source, schedule=None)) == []


VARYING = [
    "df.to_csv(f'out/{ds}.csv')",
    "print(data_interval_start)\ndf.to_csv('out.csv')",
    "df.to_csv(path)",
    "df.to_csv()",
    "df.to_csv('a' + name)",
    "path = 'a'\npath = f(path)\ndf.to_csv(path)",
    "for path in paths: df.to_csv(path)",
    "for name in ['a', 'b']:\n    df.to_csv(f'{name}.csv')",
    "open('in.txt').read()",
    "open('in.txt', 'rb')",
    "out()",
]


@pytest.mark.parametrize("source", VARYING)
def test_paths_that_vary_and_tasks_that_know_their_interval_are_fine(source: str) -> None:
    assert found("constant-path", flow(source, setup=("def out():\n    df.to_csv('x')",))) == []


def test_a_task_may_learn_its_interval_through_setup_or_a_template() -> None:
    setup = ("def day():\n    return ds",)
    assert found("constant-path", flow("day()\ndf.to_csv('out.csv')", setup=setup)) == []
    assert found("constant-path", flow("df.to_csv('out.csv')", params={"day": "{{ ds }}"})) == []


def test_constants_of_setup_are_constants_in_tasks() -> None:
    assert found("constant-path", flow("df.to_csv(OUT)", setup=("OUT = 'out.csv'",)))


# ── randomness ───────────────────────────────────────────────────────────────────────

UNSEEDED = [
    "import numpy as np\nnp.random.rand(3)",
    "np.random.shuffle(x)",
    "from numpy.random import rand\nrand(3)",
    "import numpy as np\nrng = np.random.default_rng()",
    "import random\nrandom.random()",
    "import random\nrandom.shuffle(xs)",
    "from random import choice\nchoice(xs)",
    "import random\nr = random.Random()",
    "from sklearn.model_selection import train_test_split\ntrain_test_split(X, y)",
    "from sklearn.ensemble import RandomForestClassifier\nm = RandomForestClassifier(n_estimators=3)",
    "from sklearn.ensemble import RandomForestClassifier\nm = RandomForestClassifier(random_state=None)",
    "from sklearn import ensemble\nm = ensemble.RandomForestRegressor()",
    "train_test_split(X)",
    "from sklearn.model_selection import KFold\nKFold(5, shuffle=True)",
    "df.sample(100)",
    "df.sample(frac=0.1)",
    "import torch\ntorch.randn(3)",
]


@pytest.mark.parametrize("source", UNSEEDED)
def test_random_numbers_without_a_seed_are_warned_about(source: str) -> None:
    (problem,) = found("unseeded", flow(source))
    assert not problem.is_error
    assert problem.fix
    assert problem.place.line == source.count("\n") + 2


SEEDED = [
    "import numpy as np\nnp.random.seed(1)\nnp.random.rand(3)\ndf.sample(3)",
    "import numpy as np\nrng = np.random.default_rng(42)\nrng.normal()",
    "import random\nrandom.seed(3)\nrandom.random()",
    "import random\nr = random.Random(3)\nr.random()\nr.sample(xs, 3)",
    "train_test_split(X, random_state=0)",
    "train_test_split(X, shuffle=False)",
    "train_test_split(X, **options)",
    "from sklearn.model_selection import KFold\nKFold(5)",
    "from mine import KMeans\nKMeans()",
    "def resample(x): return x\nresample(1)",
    "df.sample(3, random_state=1)",
    "import torch\ntorch.manual_seed(1)\ntorch.randn(3)",
    "np.random.RandomState(3)",
]


@pytest.mark.parametrize("source", SEEDED)
def test_seeded_randomness_is_left_alone(source: str) -> None:
    assert found("unseeded", flow(source)) == []


def test_a_seed_in_setup_counts_for_every_task_and_one_in_a_task_only_there() -> None:
    assert found("unseeded", flow("np.random.rand()", setup=("import numpy as np\nnp.random.seed(1)",))) == []
    problems = found("unseeded", flow("np.random.seed(1)\nnp.random.rand()", "np.random.rand()"))
    assert [p.place.cell for p in problems] == [1]


def test_one_function_is_told_once_per_task() -> None:
    assert len(found("unseeded", flow("np.random.rand()\nnp.random.rand()\nnp.random.randn()"))) == 2


# ── all together ─────────────────────────────────────────────────────────────────────


def test_problems_come_in_the_order_of_the_notebook_each_once() -> None:
    late = Problem("unknown-name", "x", Place("flow.ipynb", None, 1, 1))
    of_flow = Problem("bad", "y", Place("flow.ipynb"))
    checked = flow("import time\nz = time.time()\nnp.random.rand()", "df.to_csv('x')")
    problems = check(checked, [late, late, of_flow])
    assert [p.code for p in problems] == ["bad", "reads-clock", "unseeded", "unknown-name", "constant-path"]


def test_an_error_stands_before_a_warning_at_the_same_line() -> None:
    place = Place("flow.ipynb", None, 0, 1)
    warning = Problem("w", "w", place, severity=Severity.WARNING)
    error = Problem("e", "e", place)
    assert check(flow("x = 1"), [warning, error]) == [error, warning]


def test_cells_that_are_not_python_or_not_readable_are_passed_over() -> None:
    checked = flow("x = = 1", "%%bash\nnp.random.rand()", "!ls\nnp.random.rand()", "return")
    assert [(p.code, p.place.cell, p.place.line) for p in check(checked)] == [("unseeded", 2, 3)]


def test_problems_without_a_place_are_no_trouble() -> None:
    assert check(flow("x = 1"), [Problem("a", "a", NOWHERE)])[0].code == "a"


def test_every_code_that_is_given_is_explained() -> None:
    folder = Path(jupyter_flows.definition.__file__).parent
    files = [*folder.glob("names*.py"), *folder.glob("edges*.py"), *(folder / "rules").glob("*.py")]
    given: set[str] = set()
    for file in files:
        given |= set(re.findall(r"(?:Problem|hide)\(\s*\"([a-z-]+)\"", file.read_text("utf-8")))
    assert len(given) > 15
    assert given == set(CODES)
    assert all(CODES.values())

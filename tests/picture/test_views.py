from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from jupyter_flows import views
from jupyter_flows.model.ids import AttemptId, FlowId, TaskId
from jupyter_flows.model.interval import DataInterval, RunPlan
from jupyter_flows.model.problem import Problem
from jupyter_flows.model.run import Attempt, Backfill, Failed, TaskKey, TaskRun
from jupyter_flows.model.state import RunState, TaskState

UTC = timezone.utc
NOON = datetime(2013, 1, 14, 12, tzinfo=UTC)

PROMISED_RUN = {
    "flow_id", "run_id", "run_type", "state", "logical_date", "data_interval_start", "data_interval_end",
    "start_date", "end_date", "version", "tasks",
}  # fmt: skip
PROMISED_TASK = {"task_id", "map_index", "state", "try_number", "start_date", "end_date", "notebook"}


def test_a_run_shows_the_promised_fields_as_json(make_flow, make_run) -> None:
    flow = make_flow("a >> b")
    view = json.loads(json.dumps(views.run_view(make_run(flow, start_date=NOON), flow, [])))
    assert set(view) >= PROMISED_RUN
    assert all(set(task) >= PROMISED_TASK for task in view["tasks"])
    assert view["data_interval_start"] == "2013-01-07T05:00:00+00:00"
    assert view["start_date"] == "2013-01-14T12:00:00+00:00"
    assert view["version"] == flow.digest


def test_a_run_that_never_started_shows_the_tasks_of_its_version(make_flow, make_run) -> None:
    flow = make_flow("a >> b")
    view = views.run_view(make_run(flow), flow, [])
    assert [(t["task_id"], t["state"], t["try_number"]) for t in view["tasks"]] == [
        ("a", "no_status", 0),
        ("b", "no_status", 0),
    ]
    assert view["counts"] == {"no_status": 2}


def test_tasks_stand_in_notebook_order_and_strangers_come_last(make_flow, make_run) -> None:
    flow = make_flow("a >> b")
    rows = [
        TaskRun(TaskId("gone"), state=TaskState.REMOVED),
        TaskRun(TaskId("b"), 1, TaskState.SUCCESS),
        TaskRun(TaskId("b"), 0, TaskState.RUNNING),
    ]
    view = views.run_view(make_run(flow), flow, rows)
    assert [(t["task_id"], t["map_index"]) for t in view["tasks"]] == [("a", -1), ("b", 0), ("b", 1), ("gone", -1)]
    assert (view["done"], view["total"]) == (2, 4)


def test_attempts_give_the_newest_notebook_and_the_story_of_each_try(make_flow, make_run) -> None:
    flow = make_flow("a")
    run = make_run(flow)

    def attempt(number: int, **more: object) -> Attempt:
        return Attempt(AttemptId(flow.id, run.run_id, TaskId("a"), -1, number), f"token{number}", **more)  # type: ignore[arg-type]

    attempts = [
        attempt(2, notebook="runs/2.ipynb", start_date=NOON, end_date=NOON + timedelta(seconds=3)),
        attempt(1, notebook="runs/1.ipynb", outcome=Failed("no such column", "KeyError", line=3)),
        attempt(3),
    ]
    view = views.run_view(run, flow, [TaskRun(TaskId("a"))], attempts=attempts, home="/home/me/flows/")
    (task,) = view["tasks"]
    assert task["notebook"] == "/home/me/flows/runs/2.ipynb"
    assert [t["try_number"] for t in task["attempts"]] == [1, 2, 3]
    assert task["attempts"][0]["outcome"] == "KeyError: no such column (line 3)"
    assert task["attempts"][1]["duration"] == 3.0


def test_progress_of_cells_is_told_per_task_run(make_flow, make_run) -> None:
    flow = make_flow("a >> b")
    view = views.run_view(make_run(flow), flow, [], cells={TaskKey(TaskId("b")): (2, 5)})
    assert [(t["cell"], t["cells"]) for t in view["tasks"]] == [(None, None), (2, 5)]


def test_lists_of_runs_go_without_the_graph(make_flow, make_run) -> None:
    flow = make_flow("a >> b")
    assert "graph" not in views.run_view(make_run(flow), flow, [], graph=False)
    assert views.run_view(make_run(flow), flow, [])["graph"]["edges"][0]["upstream"] == "a"


def test_a_flow_shows_neighbours_edges_problems_and_its_next_run(make_flow) -> None:
    flow = make_flow("a >> b", names=("x",), schedule="@weekly")
    plan = RunPlan(DataInterval(NOON, NOON + timedelta(days=7)), NOON + timedelta(days=7))
    view = views.flow_view(flow, problems=[Problem("cycle", "a follows itself")], next_run=plan, paused=False)
    assert json.dumps(view)
    assert [(t["id"], t["upstream"], t["downstream"]) for t in view["tasks"]] == [("a", [], ["b"]), ("b", ["a"], [])]
    assert view["edges"] == [{"upstream": "a", "downstream": "b", "kind": "inferred", "names": ["x"], "why": "because"}]
    assert view["problems"][0]["code"] == "cycle"
    assert view["next_run"] == {
        "start": "2013-01-14T12:00:00+00:00",
        "end": "2013-01-21T12:00:00+00:00",
        "run_after": "2013-01-21T12:00:00+00:00",
    }


def test_a_backfill_is_a_matrix_of_intervals_and_tasks(make_flow, make_run) -> None:
    flow = make_flow("a >> b")
    late = make_run(flow, start=datetime(2013, 1, 14, 5, tzinfo=UTC), state=RunState.SUCCESS)
    early = make_run(flow, state=RunState.RUNNING)
    backfill = Backfill(7, FlowId("flights"), early.interval.start, late.interval.start, state=RunState.RUNNING)
    rows = {
        late.key: [TaskRun(TaskId("a"), state=TaskState.SUCCESS), TaskRun(TaskId("b"), state=TaskState.SUCCESS)],
        early.key: [TaskRun(TaskId("a"), 0, TaskState.SUCCESS), TaskRun(TaskId("a"), 1, TaskState.FAILED)],
    }
    view = views.backfill_view(backfill, flow, [late, early], rows)
    assert json.dumps(view)
    assert view["columns"] == ["a", "b"]
    assert [(r["label"], r["cells"]) for r in view["rows"]] == [
        ("2013-01-07", ["failed", "no_status"]),
        ("2013-01-14", ["success", "success"]),
    ]
    assert view["counts"] == {
        "runs": {"running": 1, "success": 1},
        "tasks": {"failed": 1, "no_status": 1, "success": 2},
    }
    assert (view["done"], view["total"]) == (1, 2)


@pytest.mark.parametrize(
    ("start", "length", "label"),
    [
        ("2013-01-07T05:00", timedelta(days=7), "2013-01-07 → 2013-01-14"),
        ("2013-01-07T05:00", timedelta(days=1), "2013-01-07"),
        ("2013-03-10T05:00", timedelta(hours=23), "2013-03-10"),  # the day New York's clocks go forward
        ("2013-01-07T15:00", timedelta(hours=1), "2013-01-07 10:00 → 11:00"),
        ("2013-01-08T04:00", timedelta(hours=1), "2013-01-07 23:00 → 2013-01-08 00:00"),
        ("2013-01-07T15:30", timedelta(0), "2013-01-07 10:30"),
        ("2013-01-07T05:00", timedelta(0), "2013-01-07 00:00"),
        ("2013-11-03T04:30", timedelta(minutes=30), "2013-11-03 00:30 EDT → 01:00 EDT"),  # one o'clock comes twice
        ("2013-11-03T05:30", timedelta(minutes=30), "2013-11-03 01:30 EDT → 01:00 EST"),
        ("2013-11-03T06:30", timedelta(minutes=30), "2013-11-03 01:30 EST → 02:00 EST"),
        ("2013-03-10T06:30", timedelta(minutes=30), "2013-03-10 01:30 EST → 03:00 EDT"),
        ("2013-01-07T15:00", timedelta(seconds=10), "2013-01-07 10:00:00 → 10:00:10"),
        ("2013-01-08T04:59:50", timedelta(seconds=10), "2013-01-07 23:59:50 → 2013-01-08 00:00:00"),
    ],
)
def test_an_interval_is_named_as_people_say_it(make_flow, make_run, start, length, label) -> None:
    flow = make_flow("a")
    run = make_run(flow, start=datetime.fromisoformat(start).replace(tzinfo=UTC), length=length)
    assert views.run_view(run, flow, [])["label"] == label


@pytest.mark.parametrize(
    ("states", "one"),
    [
        ([], "no_status"),
        (["success", "skipped"], "success"),
        (["success", "running", "failed"], "failed"),
        (["no_status", "success"], "no_status"),
        (["queued", "running"], "running"),
    ],
)
def test_the_loudest_state_speaks_for_many(states, one) -> None:
    assert views.together(states) == one


def test_every_state_has_a_voice() -> None:
    assert [views.together([s.value]) for s in TaskState] == [s.value for s in TaskState]
